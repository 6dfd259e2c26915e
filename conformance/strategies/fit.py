"""Output quantizations that the results of a case use: elsewhere most of them saturate, and say nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Array, QuantParams
from ..case import Case
from ..judge import real_values

REACH = (1.0, 1.0, 1.5, 2.0, 0.75)  # the range over that of the results: below 1 some saturate


def real_results(case: Case) -> Array:
    """Return what the float operator makes of the real numbers that the inputs of a case stand for; the finite ones."""
    args = [
        None if a is None else np.asarray(real_values(a, t), np.float32) if t and t.quant else a
        for a, t in zip(case.args, case.types, strict=True)
    ]
    with np.errstate(all="ignore"):
        result = case.op(*args, **{**case.op.attributes, **case.attributes})
    y = np.asarray(result[0] if isinstance(result, tuple) else result, np.float64).ravel()
    return y[np.isfinite(y)]


LIMITS = {
    "none": (-math.inf, math.inf),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


@st.composite
def activated(draw: st.DrawFn, case: Case) -> Case:
    """The case with an activation: mostly one beyond whose limits its results do not all lie."""
    y, names = real_results(case), list(LIMITS)
    if y.size and draw(st.integers(0, 15)) != 15:
        clipped = {name: np.clip(y, *ends) for name, ends in LIMITS.items()}
        names = [n for n, c in clipped.items() if n == "none" or (c != c[0]).any()]
    activation = draw(st.sampled_from(names))
    return replace(case, attributes={**case.attributes, "activation": activation})


@st.composite
def fitted(draw: st.DrawFn, case: Case, unit: float = 0.0, least: float = 2.0**-20) -> Case:
    """The case, mostly with a scale and zero point for its first output that its results go well with.

    `unit` is what the real results are multiples of; the scale is then a power of two of it as often as not, which
    makes ties. `least` is the smallest scale; s16 has zero point 0.
    """
    quant = case.out_quant[0]
    assert quant is not None
    y = real_results(case)
    if not y.size or draw(st.integers(0, 15)) == 15:
        return case
    info = np.iinfo(case.out[0].dtype)
    symmetric = case.out[0].dtype == FORMATS["s16"]
    low, high = float(min(y.min(), 0)), float(max(y.max(), 0))
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    reach = draw(st.sampled_from(REACH if low < 0 < high else REACH[:-1]))
    scale = max((high - low) / (int(info.max) - int(info.min)) * reach, least)
    if unit and draw(st.booleans()):
        scale = unit * 2.0 ** round(math.log2(scale / unit))
    scale = float(max(np.float32(scale), np.float32(least)))
    middle = (int(info.max) + int(info.min) + 1) / 2
    zero = 0 if symmetric else round(middle - (low + high) / 2 / scale)
    zero = min(max(zero, int(info.min)), int(info.max))
    return replace(case, out_quant=(QuantParams((scale,), (zero,)), *case.out_quant[1:]))
