"""Cases of what nnacl does to int8 as TFLite does, or nearly so: those of TFLite, in the other dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Op
from ...refimpl.activation import hard_swish, leaky_relu, logistic, relu, relu6, tanh
from ...refimpl.binary import add, mul, sub
from ...refimpl.block import space_to_batch_nd
from ...refimpl.cast import dequantize, quantize
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ...refimpl.join import concat
from ...refimpl.matmul import fully_connected
from ...refimpl.pool import avg_pool2d, max_pool2d
from ...refimpl.softmax import softmax
from ...refimpl.window import pad
from ..case import Case
from ..tables import CASES, Key
from .binary import quantized_pair_cases
from .draw import FINITE, SPECIAL, floats, ints, quant_params, shapes

SUMS: tuple[Op[..., Any], ...] = (conv2d, depthwise_conv2d, conv2d_transpose, fully_connected)
PAIRS: tuple[Op[..., Any], ...] = (add, sub, mul)
OTHERS: tuple[Op[..., Any], ...] = (
    avg_pool2d,
    max_pool2d,
    softmax,
    dequantize,
    pad,
    space_to_batch_nd,
)
UNARY: tuple[Op[..., Any], ...] = (hard_swish, leaky_relu, logistic, relu, relu6, tanh)


def in_nnacl(case: Case) -> Case:
    """Return the same case in the dialect of nnacl."""
    return replace(case, dialect="nnacl")


@st.composite
def concat_cases(draw: st.DrawFn) -> Case:
    """Tensors of the quantization of the result, and of others."""
    case = in_nnacl(draw(CASES[concat, "s8"]))
    own = tuple(draw(st.just(q) | quant_params("s8")) for q in case.quant)
    return replace(case, quant=own)


@st.composite
def quantize_cases(draw: st.DrawFn) -> Case:
    """To both kinds of bytes: numbers beyond their range, infinite, NaN, and half-way between two of them."""
    to = draw(st.sampled_from(("s8", "u8")))
    shape, out = draw(shapes()), draw(quant_params(to))
    if draw(st.booleans()):
        unit = np.float32(out.scale[0] / 2)
        x = draw(ints("s16", shape, low=-700, high=700)).astype(np.float32) * unit
    else:
        x = draw(floats(shape, kinds=FINITE + SPECIAL, scale=30.0))
    case = Case(quantize, (x,), {"to": to}, out_dtype=(FORMATS[to],), out_quant=(out,))
    return in_nnacl(case)


@CASES.completed
def alike() -> Mapping[Key, st.SearchStrategy[Case]]:
    """Map the cases of these operators."""
    return {
        (quantize, "f32-nnacl"): quantize_cases(),
        (concat, "s8-nnacl"): concat_cases(),
        **{(op, "s8-nnacl"): CASES[op, "s8"].map(in_nnacl) for op in (*SUMS, *OTHERS, *UNARY)},
        **{(op, "s8-nnacl"): quantized_pair_cases(op, "s8").map(in_nnacl) for op in PAIRS},
    }
