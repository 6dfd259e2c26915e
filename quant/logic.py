"""Comparisons of quantized tensors, as LiteRT's kernels compute them (comparisons.cc)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array, Op, TensorType
from ..refimpl.logic import equal, greater, greater_equal, less, less_equal, not_equal
from .activation import centred
from .fixedpoint import quantize_multiplier, scale_rounding_twice
from .rule import INT8, Quantized

COMPARISONS: dict[Op[..., Any], Callable[[Any, Any], Any]] = {
    equal: np.equal,
    not_equal: np.not_equal,
    greater: np.greater,
    greater_equal: np.greater_equal,
    less: np.less,
    less_equal: np.less_equal,
}


def real_parts(x: Quantized) -> Array:
    """Return the real numbers with 8 bits after the point, by a fixed-point product that rounds twice."""
    steps = centred(x) << np.int32(8)
    return scale_rounding_twice(steps, *quantize_multiplier(np.float64(x.scale)))


def _comparison_int8(compare: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    def rule(x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
        """Compare what the stored integers stand for, to 8 bits after the point."""
        return np.asarray(compare(real_parts(x), real_parts(y)))

    return rule


for _op, _compare in COMPARISONS.items():
    for _format in ("s8", "u8"):
        INT8.of((_op, _format))(_comparison_int8(_compare))
