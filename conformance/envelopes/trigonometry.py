"""How far circular and hyperbolic functions of float32 may be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array, Op
from ...refimpl.trigonometry import acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan
from ..tables import ENVELOPE
from .unary import roundings

F64 = NDArray[np.float64]


def _envelope(function: Callable[[Any], Any]) -> Callable[[Array], F64]:
    def envelope(x: Array) -> F64:
        """Four roundings, 2 units in the last place, wherever the function is defined.

        What float32 libraries reach, also next to a zero of the function: the reduction by pi / 2, 1 - x or x - 1
        lose nothing. Kernels that compute in float64 and round once stay within one rounding and 2**-36; those in
        float32 take more of the four.
        """
        with np.errstate(all="ignore"):
            return roundings(function(np.asarray(x, np.float64)), 4)

    return envelope


FUNCTIONS: dict[Op[..., Any], Callable[[Any], Any]] = {
    acos: np.arccos,
    acosh: np.arccosh,
    asin: np.arcsin,
    asinh: np.arcsinh,
    atan: np.arctan,
    atanh: np.arctanh,
    cosh: np.cosh,
    sinh: np.sinh,
    tan: np.tan,
}
for _op, _function in FUNCTIONS.items():
    ENVELOPE.of(_op)(_envelope(_function))
