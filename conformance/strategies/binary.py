"""Cases of the arithmetic on two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Array, Op
from ...refimpl.binary import (
    INTEGERS,
    REALS,
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    fmod,
    maximum,
    minimum,
    mul,
    squared_difference,
    sub,
)
from ...refimpl.binary import pow as pow_op
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SMALL, SPECIAL, arrays, broadcast_shapes, ints, quant_params, shapes
from .fit import activated, fitted
from .typed import seldom_plain

FUSED: tuple[Op[..., Any], ...] = (add, sub, mul, div)


def nonzero(x: Array) -> Array:
    """Return `x` with 1 in place of zeros."""
    return np.where(x == 0, x.dtype.type(1), x)


@st.composite
def pair_cases(
    draw: st.DrawFn, op: Op[..., Any], fmt: str, kinds: tuple[str, ...] = FINITE
) -> Case:
    """Cases of `op` on two tensors without quantization."""
    first, second = draw(broadcast_shapes())
    limits: dict[str, Any] = {"kinds": kinds} if fmt in ("f32", "f64") else {}
    x, y = draw(arrays(fmt, first, **limits)), draw(arrays(fmt, second, **limits))
    return draw(activated(Case(op, (x, y)))) if op in FUSED else Case(op, (x, y))


@st.composite
def divisor_cases(
    draw: st.DrawFn, op: Op[..., Any], fmt: str, kinds: tuple[str, ...] = FINITE
) -> Case:
    """Divisors other than zero; no least integer, whose quotient by -1 traps in other engines."""
    first, second = draw(broadcast_shapes())
    if fmt in ("f32", "f64"):
        x, y = draw(arrays(fmt, first, kinds=kinds)), draw(arrays(fmt, second, kinds=kinds))
    else:
        low = int(np.iinfo(FORMATS[fmt]).min) + (fmt[0] == "s")
        few = {"low": max(low, -7), "high": 7} if draw(st.integers(0, 3)) else {}
        x, y = draw(ints(fmt, first, low=low)), draw(ints(fmt, second, **few))
    case = Case(op, (x, nonzero(y)))
    return draw(activated(case)) if op in FUSED else case


@st.composite
def pow_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Powers that are finite, and real."""
    first, second = draw(broadcast_shapes())
    if fmt in ("s32", "s64"):
        x, y = draw(ints(fmt, first, low=-4, high=4)), draw(ints(fmt, second, low=0, high=12))
    elif draw(st.booleans()):  # any base to a whole exponent
        x, y = draw(arrays(fmt, first)), draw(ints("s32", second, low=-4, high=4))
        x, y = np.clip(nonzero(x), -100, 100), y.astype(x.dtype)
    else:
        kinds = ("small integers", "uniform")
        x, y = draw(arrays(fmt, first, kinds=kinds)), draw(arrays(fmt, second, kinds=kinds))
        x = np.abs(nonzero(x)) + x.dtype.type(0.125)
    return Case(pow_op, (x, y))


@st.composite
def quantized_pair_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Cases of `op` on two quantized tensors, sometimes of one quantization."""
    first, second = draw(broadcast_shapes())
    least = 2.0**-9 if fmt != "s16" else 2.0**-12
    quant = draw(quant_params(fmt, high=2.0**-4, low=least))
    other = draw(st.just(quant) | quant_params(fmt, high=2.0**-4, low=least))
    out = draw(quant_params(fmt, low=2.0**-8))
    x, y = draw(ints(fmt, first)), draw(ints(fmt, second))
    case = Case(
        op,
        (x, y),
        quant=(quant, other),
        out_dtype=(FORMATS[fmt],),
        out_quant=(out,),
    )
    return draw(fitted(draw(activated(case)) if op in FUSED else case, least=2.0**-9))


@st.composite
def stored_pair_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Quantized tensors that are compared as they are stored: all have one quantization."""
    first, second = draw(broadcast_shapes())
    quant = draw(quant_params(fmt))
    x, y = draw(ints(fmt, first)), draw(ints(fmt, second))
    return Case(op, (x, y), quant=(quant, quant), out_dtype=(FORMATS[fmt],), out_quant=(quant,))


@st.composite
def add_n_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Two to five tensors of one shape."""
    shape, count = draw(shapes(min_dims=1)), draw(st.integers(2, 5))
    limits = {} if fmt == "f32" else {"low": -(2**28), "high": 2**28}
    return Case(add_n, tuple(draw(arrays(fmt, shape, **limits)) for _ in range(count)))


WIDE = ("s32", "u16", "u32", "s64", "u64")  # without quantization
STORED = ("s8", "u8", "s16")
for _op in FUSED[:3]:
    for _fmt in ("f32", "f64"):
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt, FINITE + SMALL))
    for _fmt in WIDE:
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt))
    for _fmt in STORED:
        _quantized = quantized_pair_cases(_op, _fmt)
        CASES.of((_op, _fmt))(seldom_plain(_quantized, pair_cases(_op, _fmt)))
for _op in (maximum, minimum):
    for _fmt in ("f32", "f64"):
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt, FINITE + SPECIAL))
    for _fmt in WIDE:
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt))
    for _fmt in STORED:
        CASES.of((_op, _fmt))(stored_pair_cases(_op, _fmt))
CASES.of((squared_difference, "f32"))(pair_cases(squared_difference, "f32", FINITE + SPECIAL))
CASES.of((squared_difference, "s32"))(pair_cases(squared_difference, "s32"))
CASES.of((squared_difference, "s8"))(quantized_pair_cases(squared_difference, "s8"))
for _op, _formats in (
    (div, REALS),
    (floor_div, ("f32", "s8", "s16", "s32")),
    (floor_mod, ("f32", *INTEGERS)),
    (fmod, fmod.dtypes),
):
    for _fmt in _formats:
        if _fmt != "f16" and (_op, _fmt) != (div, "u8"):  # which has quantized ones as well
            CASES.of((_op, _fmt))(divisor_cases(_op, _fmt))
for _fmt in ("f32", "f64", "s32", "s64"):
    CASES.of((pow_op, _fmt))(pow_cases(_fmt))
for _fmt in ("f32", "s32"):
    CASES.of((add_n, _fmt))(add_n_cases(_fmt))
