"""Cases of the functions of one tensor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Op
from ...refimpl.unary import abs as abs_op
from ...refimpl.unary import ceil, cos, erf, exp, floor, log, neg, rsqrt, sign, sin, sqrt, square
from ...refimpl.unary import round as round_op
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, arrays, ints, quant_params, shapes
from .fit import fitted
from .typed import seldom_plain

# How far the uniform kind reaches.
REACH = {exp: 100.0, sin: 30.0, cos: 30.0, round_op: 8.0}


@st.composite
def float_cases(
    draw: st.DrawFn, op: Op[..., Any], kinds: tuple[str, ...], reach: float, fmt: str = "f32"
) -> Case:
    """Cases of `op` on one tensor of floats."""
    shape = draw(shapes())
    return Case(op, (draw(arrays(fmt, shape, kinds=kinds, scale=reach)),))


@st.composite
def int_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Cases of `op` on one integer tensor without quantization."""
    return Case(op, (draw(ints(fmt, draw(shapes()))),))


@st.composite
def quantized_cases(
    draw: st.DrawFn, op: Op[..., Any], fmt: str, low: float = 2.0**-9, positive: bool = False
) -> Case:
    """Cases of `op` on one quantized tensor; `positive` keeps the real numbers at 0 and above."""
    shape = draw(shapes(min_dims=1))
    quant = draw(quant_params(fmt, high=2.0**-4 if op is exp else 0.5))
    positive = positive and (op is not log or draw(st.integers(0, 7)) < 7)
    x = draw(ints(fmt, shape, low=quant.zero_point[0] if positive else None))
    below, above = (x < quant.zero_point[0]).any(), (x > quant.zero_point[0]).any()
    if not positive and below != above and fmt != "s16" and draw(st.integers(0, 7)) < 7:
        quant = replace(quant, zero_point=(int(np.median(x)),))  # both signs have their share
    own = draw(st.integers(0, 3)) == 3
    out = quant if own else draw(quant_params(fmt, low=low))
    case = Case(op, (x,), quant=(quant,), out_dtype=(FORMATS[fmt],), out_quant=(out,))
    return case if own else draw(fitted(case, least=low))


FUNCTIONS: tuple[Op[..., Any], ...] = (
    *(abs_op, ceil, cos, erf, exp, floor, log, neg, round_op, rsqrt, sign, sin, sqrt, square),
)
for _op in FUNCTIONS:
    CASES.of((_op, "f32"))(float_cases(_op, FINITE + SPECIAL, REACH.get(_op, 4.0)))
for _op in (abs_op, neg, exp, log, sqrt):
    # e to 88 is the last power that the envelope of float32 tells from an infinity
    _reach = 88.0 if _op is exp else 4.0
    CASES.of((_op, "f64"))(float_cases(_op, FINITE + SPECIAL, _reach, "f64"))
for _op in (abs_op, neg, sign):
    for _fmt in ("s32", "s64", *(() if _op is abs_op else ("s8", "s16"))):
        CASES.of((_op, _fmt))(int_cases(_op, _fmt))
for _fmt in ("s8", "s16"):
    _plain = int_cases(abs_op, _fmt)
    CASES.of((abs_op, _fmt))(seldom_plain(quantized_cases(abs_op, _fmt), _plain))
for _op, _fmt in ((exp, "s8"),):
    CASES.of((_op, _fmt))(quantized_cases(_op, _fmt))
for _op, _fmt in ((rsqrt, "s8"), (sqrt, "s8"), (sqrt, "s16"), (log, "s8")):
    CASES.of((_op, _fmt))(quantized_cases(_op, _fmt, positive=True))
