"""Activation functions that stand alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Op, UnsupportedError
from ...refimpl.activation import (
    ACTIVATIONS,
    elu,
    gelu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from ...refimpl.binary import maximum, minimum, mul
from ...refimpl.logic import less, select
from .source import ONNX, OnnxSource, same
from .table import ONNX_WRITER, OnnxSite, alike

alike("PRelu", prelu)
alike("Sigmoid", logistic)
alike("Tanh", tanh)


@ONNX_WRITER.of(leaky_relu)
def write_leaky_relu(site: OnnxSite) -> str:
    """Write LeakyRelu, which keeps a zero, where ours is alpha times that."""
    alpha = np.float32(site.attribute("alpha"))
    if np.signbit(alpha) or not np.isfinite(alpha):
        raise UnsupportedError(f"LeakyRelu does not multiply zeros by alpha = {alpha}")
    return site.emit("LeakyRelu", site.input(0), alpha=float(alpha))


@ONNX_WRITER.of(relu, relu6, relu_n1_to_1)
def write_clamp(site: OnnxSite) -> str:
    """Write a clamp: the operators are named as the fused activations are."""
    return site.clamped(site.input(0), site.node.op.__name__)


@ONNX_WRITER.of(hard_swish)
def write_hard_swish(site: OnnxSite) -> str:
    """Write x relu6(x + 3) / 6 step by step.

    ONNX's HardSwish adds 0.5 to x / 6, a rounded number: next to -3 little of it is left.
    """
    x, six = site.input(0), site.constant(6, "f")
    shifted = site.emit("Add", x, site.constant(3, "f"))
    clamped = site.emit("Clip", shifted, site.constant(0, "f"), six)
    return site.emit("Div", site.emit("Mul", x, clamped), six)


@ONNX_WRITER.of(gelu)
def write_gelu(site: OnnxSite) -> str:
    """Write Gelu by its name."""
    approximate = "tanh" if site.attribute("approximate") else "none"
    return site.emit("Gelu", site.input(0), approximate=approximate)


_ALIKE: dict[str, Op[..., Any]] = {"Sigmoid": logistic, "Tanh": tanh}
for _code, _op in _ALIKE.items():
    same(_code, _op)


@ONNX.of("Relu")
def relu_of(source: OnnxSource) -> str:
    """Of integers it is the larger of x and 0."""
    x = source.input(0)
    if source.type(x).format in relu.dtypes:
        return source.add(relu, x)
    return source.add(maximum, source.scalar(0, x), x)


@ONNX.of("PRelu")
def prelu_of(source: OnnxSource) -> str:
    """Before version 7 the slope is one number, or one for each channel; beyond four axes all is said by a choice."""
    x, slope = source.given
    rank = source.rank(x)
    if source.version < 7 and source.shape(slope) not in ((), (1,)):
        slope = source.reshaped(slope, (-1, *[1] * (rank - 2)))
    if rank <= 4:
        return source.add(prelu, x, slope)
    zero = source.scalar(0, x)
    return source.add(select, source.add(less, x, zero), source.add(mul, slope, x), x)


@ONNX.of("LeakyRelu")
def leaky_relu_of(source: OnnxSource) -> str:
    """The slope is 0.01 where the file is silent."""
    return source.add(leaky_relu, source.input(0), alpha=source.attribute("alpha", 0.01))


@ONNX.of("Elu")
def elu_of(source: OnnxSource) -> str:
    """The factor is 1 where the file is silent."""
    return source.add(elu, source.input(0), alpha=source.attribute("alpha", 1.0))


@ONNX.of("Gelu")
def gelu_of(source: OnnxSource) -> str:
    """By erf, or by tanh."""
    approximate = source.attribute("approximate", "none")
    source.require(approximate in ("none", "tanh"), f"approximate={approximate}")
    return source.add(gelu, source.input(0), approximate=approximate == "tanh")


@ONNX.of("HardSwish")
def hard_swish_of(source: OnnxSource) -> str:
    """X times a clamped x / 6 + 1 / 2, which is ours."""
    return source.add(hard_swish, source.input(0))


def between(source: OnnxSource, x: str, low: str | None, high: str | None) -> str:
    """Clamp to what tensors of one number say, by an operator of ours where there is one for just that."""
    ends = [source.known(n) for n in (low, high)]
    values = tuple(
        float(v.reshape(())) if v is not None and v.size == 1 else end if n is None else None
        for n, v, end in zip((low, high), ends, (-np.inf, np.inf), strict=True)
    )
    found = [o for o in (relu, relu6, relu_n1_to_1) if ACTIVATIONS[o.__name__] == values]
    if found and source.type(x).format == "f32":
        return source.add(found[0], x)
    # The end comes first: of two operands, ours hand on a NaN of the second.
    x = x if low is None else source.add(maximum, low, x)
    return x if high is None else source.add(minimum, high, x)


@ONNX.of("Clip")
def clip_of(source: OnnxSource) -> str:
    """The ends are inputs since version 11, attributes before."""
    x = source.input(0)
    if source.version >= 11:
        return between(source, x, source.optional(1), source.optional(2))
    given = [source.attributes.get(name) for name in ("min", "max")]
    low, high = (None if v is None else source.scalar(v, x) for v in given)
    return between(source, x, low, high)
