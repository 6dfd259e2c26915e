"""Cases of quotients, powers and comparisons of bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Array, Op, QuantParams
from ...quant.quotient import COMPARISONS, KEY
from ...refimpl.binary import div
from ...refimpl.binary import pow as pow_op
from ..case import Case
from ..tables import CASES
from .binary import divisor_cases
from .draw import broadcast_shapes, ints, quant_params, scales, seeds
from .fit import activated, fitted
from .logic import quantized_comparison_cases
from .typed import seldom_plain

S8 = FORMATS["s8"]


def _other_than(zero: int, x: Array) -> Array:
    """Return bytes of which none is the zero point."""
    return np.where(x == zero, x.dtype.type(zero + (1 if zero < np.iinfo(x.dtype).max else -1)), x)


@st.composite
def div_cases(draw: st.DrawFn, fmt: str, dialect: str) -> Case:
    """Divisors that do not stand for zero. A scale of the output that asks for no shift beyond 31 bits."""
    first, second = draw(broadcast_shapes())
    x_quant, y_quant = draw(quant_params(fmt)), draw(quant_params(fmt))
    ratio = x_quant.scale[0] / y_quant.scale[0]
    scale = float(np.float32(ratio * 2.0 ** -draw(st.floats(7.0, 12.0, width=32))))
    out = QuantParams((scale,), draw(quant_params(fmt)).zero_point)
    x, y = draw(ints(fmt, first)), _other_than(y_quant.zero_point[0], draw(ints(fmt, second)))
    case = Case(
        div,
        (x, y),
        {},
        quant=(x_quant, y_quant),
        out_dtype=(FORMATS[fmt],),
        out_quant=(out,),
        dialect=dialect,
    )
    return draw(activated(case))


@st.composite
def pow_cases(draw: st.DrawFn) -> Case:
    """Powers of what is positive, or of anything to whole exponents that are not negative."""
    first, second = draw(broadcast_shapes())
    whole = draw(st.booleans())
    zero = draw(st.integers(-128, 100))
    x_quant = QuantParams((draw(scales(high=0.125)),), (zero,))
    y_zero = draw(st.integers(-128, 120))
    y_quant = QuantParams((1.0 if whole else draw(scales(high=0.0625)),), (y_zero,))
    x = draw(ints("s8", first, low=None if whole else zero + 1))
    y = draw(ints("s8", second, low=y_zero if whole else None, high=y_zero + 4 if whole else None))
    out = draw(quant_params("s8"))
    quants = (x_quant, y_quant)
    case = Case(pow_op, (x, y), quant=quants, out_dtype=(S8,), out_quant=(out,), dialect="nnacl")
    return draw(fitted(case, least=2.0**-9))


@st.composite
def comparison_cases(draw: st.DrawFn, op: Op[..., Any]) -> Case:
    """Two quantized tensors; half of the pairs that can be are equal."""
    case = draw(quantized_comparison_cases(op, "s8"))
    x, y = case.args
    if draw(st.booleans()) and x is not None and y is not None and x.shape == y.shape:
        same = np.random.default_rng(draw(seeds())).random(x.shape) < 0.5
        case = replace(case, args=(x, np.where(same, x, y)))
    return replace(case, dialect="nnacl")


CASES.of((div, "u8"))(seldom_plain(div_cases("u8", "tflite"), divisor_cases(div, "u8")))
CASES.of((div, KEY))(div_cases("s8", "nnacl"))
CASES.of((pow_op, KEY))(pow_cases())
for _op in COMPARISONS:
    CASES.of((_op, KEY))(comparison_cases(_op))
