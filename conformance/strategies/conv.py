"""Cases of the convolutions: odd windows, paddings and strides, and scales around what requantization rounds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...formats.tflite.conv import same_pad
from ...ir import Array, Op, QuantParams
from ...refimpl.conv import Pad, Pair, conv2d, conv2d_transpose, depthwise_conv2d
from ..case import Case
from ..tables import CASES
from .draw import arrays, floats, ints, quant_params, seeds
from .fit import LIMITS, activated, fitted

ACTIVATIONS = tuple(LIMITS)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 16, 17, 33)  # both sides of a vector's ends
BUDGET = 2000  # multiplications, as the exact oracles are slow


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    """Pairs of sizes."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def windows(draw: st.DrawFn, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pad]:
    """Rows and columns of an image that holds a window or some, and its padding: mostly SAME or VALID."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    kind = draw(st.sampled_from(("VALID", "SAME", "VALID", "SAME", "VALID", "SAME", "any")))
    if kind == "SAME":
        rows, columns = draw(pairs(1, 7))
        return (rows, columns), same_pad((1, rows, columns, 1), kernel, stride, dilation)
    rows, columns = (r + draw(st.integers(0, 5)) for r in reach)
    if kind == "VALID":
        return (rows, columns), (0, 0, 0, 0)
    top, bottom = (draw(st.integers(0, kernel[0] - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, kernel[1] - 1)) for _ in range(2))
    return (rows, columns), (top, bottom, left, right)


@st.composite
def some_channels(draw: st.DrawFn, most: int) -> int:
    """A number of channels of at most `most`."""
    return draw(st.sampled_from([c for c in CHANNELS if c <= max(most, 1)]))


@st.composite
def weight_quant(draw: st.DrawFn, fmt: str, axis: int, channels: int) -> QuantParams:
    """uint8: any zero point; int8: symmetric, with a scale for each channel or one in all."""
    if fmt == "u8":
        return draw(quant_params("u8", low=2.0**-9, high=2.0**-4))
    if draw(st.booleans()) and channels > 1:
        return draw(quant_params("s8", axis=axis, count=channels, low=2.0**-9, high=2.0**-4))
    return draw(quant_params("s8", symmetric=True, low=2.0**-9, high=2.0**-4))


def halves_of_a_step(x: Array, kind: int, seed: int) -> Array:
    """Return rows of whole and half steps (`kind` below 4; others as they are), which quantizing them has to round.

    The range of each row is [-127, 127] (an even `kind`) or [-128, 127] steps; a step is 1, or of any size, another in
    each row.
    """
    if kind > 3 or x[0].size < 3:
        return x
    rng = np.random.default_rng(seed)
    steps = rng.integers(-254, 255, (len(x), x[0].size)) / 2
    steps[:, 0], steps[:, 1] = 127, -127 - kind % 2
    step = 1.0 if kind < 2 else rng.uniform(0.01, 1, (len(x), 1)).astype(np.float32)
    return (steps * step).astype(np.float32).reshape(x.shape)


@st.composite
def product_case(
    draw: st.DrawFn,
    op: Op[..., Any],
    fmt: str,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    axis: int,
    terms: int,
    attributes: dict[str, Any],
    between: tuple[Array, ...] = (),
) -> Case:
    """A case of inputs (x, w, *between, b) with these shapes; output channels are `axis` of `w`."""
    channels = shapes[1][axis]
    biased = draw(st.integers(0, 3)) > 0
    places = frozenset(range(1, 3 + len(between)))
    if fmt in ("f32", "hybrid"):
        x = draw(floats(shapes[0]))
        b = draw(floats((channels,))) if biased else None
        if fmt == "f32":
            w = draw(floats(shapes[1]))
            return draw(activated(Case(op, (x, w, *between, b), attributes, constant=places)))
        quant = draw(weight_quant("s8", axis, channels))
        w = draw(ints("s8", shapes[1], low=-127))
        args = (
            halves_of_a_step(x, draw(st.sampled_from((4, 2, 0, 2, 3, 1, 2))), draw(seeds())),
            w,
            *between,
            b,
        )
        return draw(activated(Case(op, args, attributes, (None, quant), constant=places)))
    xq, wq = draw(quant_params(fmt)), draw(weight_quant(fmt, axis, channels))
    x, w = draw(arrays(fmt, shapes[0])), draw(ints(fmt, shapes[1], low=-127 if fmt == "s8" else 0))
    most = 2 ** draw(st.integers(4, 20))
    b = draw(ints("s32", (channels,), low=-most, high=most)) if biased else None
    product = np.float32(xq.scale[0]) * np.array(wq.scale, np.float32)
    bq = QuantParams(tuple(product.tolist()), (0,) * len(product), 0) if biased else None
    quants = (xq, wq, *[None] * len(between), bq)
    yq = QuantParams((2.0**-4,), draw(quant_params(fmt)).zero_point)
    case = Case(op, (x, w, *between, b), attributes, quants, (x.dtype,), (yq,), constant=places)
    return draw(fitted(draw(activated(case)), unit=xq.scale[0] * max(wq.scale)))


@st.composite
def conv2d_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Windows over images of some channels, sometimes in groups."""
    kernel, stride = draw(pairs(1, 3)), draw(pairs(1, 3))
    dilation = draw(st.sampled_from(((1, 1), (1, 1), (2, 1), (1, 2), (2, 3))))
    plain = draw(st.integers(0, 4)) == 4  # what most networks have, and kernels are made for
    if plain:
        kernel, stride, dilation = (3, 3), (1, 1), (1, 1)
    (rows, columns), pad = draw(windows(kernel, stride, dilation))
    taps, places = math.prod(kernel), math.ceil(rows / stride[0]) * math.ceil(columns / stride[1])
    c = draw(some_channels(BUDGET // (taps * places)))
    o = draw(some_channels(BUDGET // (taps * places * c)))
    n = 2 if taps * places * c * o * 2 <= BUDGET and draw(st.booleans()) else 1
    groups = 1 if plain else draw(st.sampled_from((1, 1, 1, 1, 1, 2, 3)))
    shapes = ((n, rows, columns, c * groups), (o * groups, *kernel, c))
    attributes = {"stride": stride, "pad": pad, "dilation": dilation}
    case = draw(product_case(conv2d, fmt, shapes, 0, taps * c, attributes))
    return _by_channel(case, 0) if fmt == "hybrid" and groups > 1 else case


@st.composite
def depthwise_conv2d_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One to three filters a channel."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 3))
    dilation = draw(st.sampled_from(((1, 1), (1, 1), (2, 1), (1, 2), (2, 3))))
    if draw(st.integers(0, 2)) == 2:  # what most networks have, and kernels are made for
        kernel = draw(st.sampled_from(((3, 3), (3, 3), (5, 5))))
        stride, dilation = draw(st.sampled_from(((1, 1), (2, 2)))), (1, 1)
    (rows, columns), pad = draw(windows(kernel, stride, dilation))
    taps, places = math.prod(kernel), math.ceil(rows / stride[0]) * math.ceil(columns / stride[1])
    multiplier = draw(st.sampled_from((1, 1, 2, 3)))
    c = draw(some_channels(BUDGET // (taps * places * multiplier)))
    shapes = ((draw(st.integers(1, 2)), rows, columns, c), (1, *kernel, c * multiplier))
    attributes = {"stride": stride, "pad": pad, "dilation": dilation, "multiplier": multiplier}
    return draw(product_case(depthwise_conv2d, fmt, shapes, 3, taps, attributes))


def _by_channel(case: Case, axis: int) -> Case:
    """Give the weights of a hybrid case a scale for each channel, where TFLite takes no other."""
    quant, channels = case.quant[1], case.types[1].shape[axis]  # type: ignore[union-attr]
    assert quant is not None
    full = QuantParams((quant.scale * channels)[:channels], (0,) * channels, axis)
    return replace(case, quant=(None, full))


@st.composite
def conv2d_transpose_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Every output size that the padding allows for the image."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 3))
    size = draw(pairs(1, 4))
    taps = math.prod(kernel) * math.prod(size)
    c = draw(some_channels(BUDGET // taps))
    o = draw(some_channels(BUDGET // (taps * c)))
    beyond = tuple(draw(st.integers(0, s - 1)) for s in stride)
    if draw(st.booleans()):
        out = [(n - 1) * s + k + r for n, s, k, r in zip(size, stride, kernel, beyond, strict=True)]
        pad: Pad = (0, 0, 0, 0)
    else:
        out = [n * s - r for n, s, r in zip(size, stride, beyond, strict=True)]
        pad = same_pad((1, *out, 1), kernel, stride)
    shape = np.array([1, *out, o], np.int32)
    shapes = ((1, *size, c), (o, *kernel, c))
    attributes = {"stride": stride, "pad": pad}
    return draw(
        product_case(
            conv2d_transpose, fmt, shapes, 0, math.prod(kernel) * c, attributes, between=(shape,)
        )
    )


for _fmt in ("f32", "s8", "u8", "hybrid"):
    CASES.of((conv2d, _fmt))(conv2d_cases(_fmt))
for _fmt in ("f32", "s8", "u8"):
    CASES.of((depthwise_conv2d, _fmt))(depthwise_conv2d_cases(_fmt))
    CASES.of((conv2d_transpose, _fmt))(conv2d_transpose_cases(_fmt))
CASES.of((depthwise_conv2d, "hybrid"))(
    depthwise_conv2d_cases("hybrid").map(lambda case: _by_channel(case, 3))
)
