"""Cases of nnacl's functions of one int8 tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Op
from ...quant.nnacl_unary import FUNCTIONS, KEY, LEAST
from ...refimpl.logic import logical_not
from ...refimpl.unary import rsqrt, square
from ..case import Case
from ..tables import CASES
from .draw import ints, quant_params, seeds, shapes
from .fit import fitted

S8 = FORMATS["s8"]


@st.composite
def nnacl_cases(draw: st.DrawFn, op: Op[..., Any]) -> Case:
    """Numbers for which the function is defined; zero points at both ends among them."""
    shape = draw(shapes(min_dims=1))
    quant = draw(quant_params("s8", high=2.0))
    low = quant.zero_point[0] + LEAST[op] if op in LEAST else None
    if low is not None and low > 127:  # nothing is positive where the zero point is the largest
        quant, low = draw(quant_params("s8", symmetric=True)), LEAST[op]
    x = draw(ints("s8", shape, low=low))
    if op is logical_not:
        zeros = np.random.default_rng(draw(seeds())).random(shape) < 0.5
        x = np.where(zeros, np.int8(quant.zero_point[0]), x)
    out = draw(st.just(quant) | quant_params("s8"))
    case = Case(op, (x,), quant=(quant,), out_dtype=(S8,), out_quant=(out,), dialect="nnacl")
    return draw(fitted(case, least=2.0**-12))


for _op in (*FUNCTIONS, rsqrt, square):
    CASES.of((_op, KEY))(nnacl_cases(_op))
