"""Cases of running sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Op
from ...refimpl.scan import SCANNED, cumprod, cumsum
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, arrays, as_double, shapes
from .reduce import near_one


@st.composite
def scan_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Any axis, from either end; sums of infinities and NaN too, products that neither overflow nor underflow."""
    shape = draw(shapes(min_dims=1, zero=True))
    if fmt in ("f32", "f64") and op is cumprod:
        x = draw(near_one(shape))
        x = as_double(x) if fmt == "f64" else x
    else:
        options = {"kinds": FINITE + SPECIAL} if fmt in ("f32", "f64") else {}
        x = draw(arrays(fmt, shape, **options))
        if fmt in ("f32", "f64"):  # after the largest numbers nothing is left of others
            x = np.where(np.isfinite(x) & (np.abs(x) > 2.0**100), x.dtype.type(2), x)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    dtype = draw(st.sampled_from((np.int32, np.int32, np.int64)))  # TFLite has the one alone
    attributes = {name: draw(st.booleans()) for name in ("exclusive", "reverse")}
    return Case(op, (x, np.full((), axis, dtype)), attributes, constant=frozenset({1}))


for _fmt in SCANNED:
    for _op in (cumsum, cumprod):
        CASES.of((_op, _fmt))(scan_cases(_op, _fmt))
