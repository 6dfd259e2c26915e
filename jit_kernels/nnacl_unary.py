"""nnacl's functions of one tensor: a table each, which the rule makes; and the quantization of float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op, UnsupportedError
from ..quant.activation import output_of
from ..quant.nnacl_unary import FUNCTIONS, LEAST
from ..refimpl.activation import hard_swish, leaky_relu, logistic, relu, relu6, tanh
from ..refimpl.cast import quantize
from ..refimpl.unary import rsqrt, square
from .kernel import F32, F64, I64, OK, T, kernel_family, share
from .lookup import lower_by_table, lower_from
from .lowering import Site, Step, lowers

ACTIVATIONS: tuple[Op[..., Any], ...] = (hard_swish, leaky_relu, logistic, tanh, relu, relu6)

for _op in (*FUNCTIONS, rsqrt, square, *ACTIVATIONS):
    _lower = lower_from(LEAST[_op]) if _op in LEAST else lower_by_table
    lowers((_op, "s8-nnacl"), (_op, "u8-nnacl"))(_lower)
for _op in (relu, relu6, leaky_relu):
    lowers((_op, "s8-nnacl-quirks"), (_op, "u8-nnacl-quirks"))(lower_by_table)


@kernel_family("s8", "u8")
def quantize_by_inverse(
    x: F32, y: T, inverse: F64, zero: F64, low: F64, high: F64, count: I64, tid: I64, threads: I64
) -> I64:
    """Multiply and add in float32, round half away from zero, clamp; NaN becomes 0."""
    factor, away = np.float32(inverse), np.float32(zero)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = np.float32(np.float32(x[i] * factor) + away)
        v = v if v == v else np.float32(0)
        v = min(max(v, np.float32(-1000)), np.float32(1000))
        whole = np.trunc(v)
        whole += (
            np.copysign(np.float32(1), v) if abs(v - whole) >= np.float32(0.5) else np.float32(0)
        )
        y[i] = int(min(max(np.float64(whole), low), high))
    return OK


@lowers((quantize, "f32-nnacl"))
def lower_quantize(site: Site) -> list[Step]:
    """One loop of the kernel for the output's type."""
    (x,), (y,) = site.inputs, site.outputs
    own, info = output_of(y.type), np.iinfo(y.type.dtype)
    if y.type.quant is not None and y.type.quant.per_channel:
        raise UnsupportedError("quantize: nnacl has one scale for a tensor")
    inverse = float(np.float32(1) / own.scale)
    ends = float(own.zero_point), float(info.min), float(info.max)
    return [Step(quantize_by_inverse[y.type.format], (x, y, inverse, *ends, y.type.size))]
