"""Cases of nnacl's transposed convolution with groups: those of float32, with bytes in place of the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from ...ir import QuantParams
from ...refimpl.conv_nd import conv_transpose
from ..case import Case
from ..tables import CASES
from .conv import weight_quant
from .conv_nd import conv_transpose_cases
from .draw import ints, quant_params
from .fit import fitted


@st.composite
def nnacl_cases(draw: st.DrawFn) -> Case:
    """Weights with one scale, or one for each output channel."""
    case = draw(conv_transpose_cases())
    x, w, shape, b = case.args
    assert x is not None and w is not None
    xq, wq = draw(quant_params("s8")), draw(weight_quant("s8", 0, len(w)))
    product = np.float32(xq.scale[0]) * np.array(wq.scale, np.float32)
    bq = None if b is None else QuantParams(tuple(product.tolist()), (0,) * len(product), 0)
    bias = None if b is None else draw(ints("s32", b.shape, low=-(2**12), high=2**12))
    case = replace(
        case,
        args=(draw(ints("s8", x.shape)), draw(ints("s8", w.shape, low=-127)), shape, bias),
        quant=(xq, wq, None, bq),
        out_quant=(QuantParams((2.0**-4,), draw(quant_params("s8")).zero_point),),
        dialect="nnacl",
    )
    return draw(fitted(case, unit=xq.scale[0] * max(wq.scale)))


CASES.of((conv_transpose, "s8-nnacl"))(nnacl_cases())
