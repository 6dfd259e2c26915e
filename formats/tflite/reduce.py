"""TFLite's reductions."""

from __future__ import annotations

from ...refimpl.reduce import (
    arg_max,
    arg_min,
    mean,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_min,
    reduce_prod,
    sum,
)
from ...refimpl.scan import cumsum
from .alike import alike

alike("MEAN", mean, keep_dims="keep_dims")
alike("SUM", sum, keep_dims="keep_dims")
alike("REDUCE_MAX", reduce_max, keep_dims="keep_dims")
alike("REDUCE_MIN", reduce_min, keep_dims="keep_dims")
alike("REDUCE_PROD", reduce_prod, keep_dims="keep_dims")
alike("REDUCE_ALL", reduce_all, keep_dims="keep_dims")
alike("REDUCE_ANY", reduce_any, keep_dims="keep_dims")
alike("ARG_MAX", arg_max, to="output_type")
alike("ARG_MIN", arg_min, to="output_type")
alike("CUMSUM", cumsum, exclusive="exclusive", reverse="reverse")
