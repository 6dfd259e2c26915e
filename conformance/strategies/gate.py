"""Cases of smooth gates and pieces of lines: around the bends and far out, any attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Op
from ...refimpl.gate import (
    celu,
    hard_sigmoid,
    mish,
    selu,
    shrink,
    softplus,
    softsign,
    swish,
    thresholded_relu,
)
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, floats, shapes

NUMBERS = (1.0, 0.5, 2.0, 1.7, 0.2, 0.01, 0.0, -0.5)
CHOICES: dict[Op[..., Any], dict[str, tuple[float, ...]]] = {
    softplus: {},
    softsign: {},
    mish: {},
    selu: {"alpha": (1.6732632, *NUMBERS), "gamma": (1.050701, *NUMBERS)},
    celu: {"alpha": (1.0, 0.5, 2.0, 0.1, 30.0, -0.5)},
    swish: {"alpha": NUMBERS},
    thresholded_relu: {"alpha": NUMBERS},
    shrink: {"bias": (0.0, 1.5, 0.2, -0.5), "lambd": NUMBERS},
    hard_sigmoid: {
        "alpha": (0.2, 0.125, 0.05, -0.25, 0.1, 0.5, 0.04, 0.0),
        "beta": (0.5, 0.25, 0.0, 0.75, 1.5),
    },
}


@st.composite
def gate_cases(draw: st.DrawFn, op: Op[..., Any]) -> Case:
    """Attributes of float32; 0 and negative ones among them."""
    x = draw(floats(draw(shapes()), kinds=FINITE + SPECIAL, scale=20.0))
    chosen = {name: draw(st.sampled_from(some)) for name, some in CHOICES[op].items()}
    return Case(op, (x,), {name: float(np.float32(v)) for name, v in chosen.items()})


for _op in CHOICES:
    CASES.of((_op, "f32"))(gate_cases(_op))
