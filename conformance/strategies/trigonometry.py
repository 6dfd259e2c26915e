"""Cases of circular and hyperbolic functions: inside of their domains for the most part, at the ends and beyond."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Op
from ...refimpl.trigonometry import acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, floats, shapes

# What the elements are drawn from, and how far the uniform kind reaches.
DOMAINS: dict[Op[..., Any], tuple[tuple[str, ...], float]] = {
    acos: (("uniform", *SPECIAL), 1.0),
    asin: (("uniform", *SPECIAL), 1.0),
    atanh: (("uniform", *SPECIAL), 1.0),
    acosh: (FINITE + SPECIAL, 30.0),
    asinh: (FINITE + SPECIAL, 30.0),
    atan: (FINITE + SPECIAL, 8.0),
    cosh: (FINITE + SPECIAL, 95.0),
    sinh: (FINITE + SPECIAL, 95.0),
    tan: (FINITE + SPECIAL, 30.0),
}


def _above_one(x: Array) -> Array:
    """Turn negative numbers to those above 1."""
    return np.where(x < 0, np.float32(1) - x, x)


@st.composite
def domain_cases(draw: st.DrawFn, op: Op[..., Any]) -> Case:
    """Any shape."""
    kinds, reach = DOMAINS[op]
    x = draw(floats(draw(shapes()), kinds=kinds, scale=reach))
    return Case(op, (_above_one(x) if op is acosh else x,))


for _op in DOMAINS:
    CASES.of((_op, "f32"))(domain_cases(_op))
