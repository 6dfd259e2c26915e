"""Cases of nnacl's product of int8 matrices: those of float32, with bytes in place of the numbers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from ...ir import FORMATS, QuantParams
from ...refimpl.matmul import matmul
from ..case import Case
from ..tables import CASES
from .draw import ints, quant_params
from .matmul import matmul_cases


@st.composite
def nnacl_cases(draw: st.DrawFn) -> Case:
    """Two quantizations; a scale of the output with which few results saturate."""
    case = draw(matmul_cases())
    x, y = (draw(ints("s8", a.shape)) for a in case.args if a is not None)
    quants = draw(quant_params("s8")), draw(quant_params("s8"))
    factor = 2.0 ** draw(st.floats(4.0, 10.0, width=32))
    unit = quants[0].scale[0] * quants[1].scale[0] * factor
    out = QuantParams((float(FORMATS["f32"].type(unit)),), draw(quant_params("s8")).zero_point)
    return replace(case, args=(x, y), quant=quants, out_quant=(out,), dialect="nnacl")


CASES.of((matmul, "s8-nnacl"))(nnacl_cases())
