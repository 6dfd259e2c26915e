"""Cases of nnacl's product of int8 matrices: those of float32, with bytes in place of the numbers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from ...refimpl.matmul import matmul
from ..case import Case
from ..tables import CASES
from .draw import ints, quant_params
from .fit import fitted
from .matmul import matmul_cases


@st.composite
def nnacl_cases(draw: st.DrawFn) -> Case:
    """Two quantizations; a scale of the output with which few results saturate."""
    case = draw(matmul_cases())
    x, y = (draw(ints("s8", a.shape)) for a in case.args if a is not None)
    quants = draw(quant_params("s8")), draw(quant_params("s8"))
    out = draw(quant_params("s8", high=8.0))
    case = replace(case, args=(x, y), quant=quants, out_quant=(out,), dialect="nnacl")
    return draw(fitted(case, unit=quants[0].scale[0] * quants[1].scale[0]))


CASES.of((matmul, "s8-nnacl"))(nnacl_cases())
