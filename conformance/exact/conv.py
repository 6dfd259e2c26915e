"""Second oracles of the convolutions: every product by itself, in Fractions or whole numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from ...ir import QuantParams
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .activation import activated, activated_int
from .binary32 import f32, half_away
from .fixed import output_scale, scaled, tensor_scale, wrapped
from .unary import Outputs, Quants

Pair = tuple[int, int]
Pad = tuple[int, int, int, int]
# What is added up for an output: pairs of indices into x and w.
Products = Iterator[tuple[tuple[int, ...], tuple[int, ...]]]


def real(v: float) -> Any:
    """Return a float as a Fraction, or as it is where it is not finite."""
    return Fraction(v) if math.isfinite(v) else v


def outputs(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """Count the positions of a window by trying them."""
    count = 0
    while count * stride + (kernel - 1) * dilation < size + before + after:
        count += 1
    return count


def places(size: int, kernel: int, start: int, dilation: int = 1) -> list[tuple[int, int]]:
    """Return (place in the window, element) for what a window that begins at `start` has inside."""
    found = [(p, start + p * dilation) for p in range(kernel)]
    return [(p, at) for p, at in found if 0 <= at < size]


def _image(x: Cells, w: Cells, stride: Pair, pad: Pad, dilation: Pair) -> tuple[int, int]:
    rows = outputs(x.shape[1], w.shape[1], stride[0], dilation[0], pad[0], pad[1])
    return rows, outputs(x.shape[2], w.shape[2], stride[1], dilation[1], pad[2], pad[3])


def _window(
    x: Cells, w: Cells, i: int, j: int, stride: Pair, pad: Pad, dilation: Pair
) -> Iterator[tuple[int, int, int, int]]:
    """Iterate over (p, u, q, v): filter rows and columns and the image's."""
    rows = places(x.shape[1], w.shape[1], i * stride[0] - pad[0], dilation[0])
    columns = places(x.shape[2], w.shape[2], j * stride[1] - pad[2], dilation[1])
    for (p, u), (q, v) in itertools.product(rows, columns):
        yield p, u, q, v


def _dense(
    x: Cells, w: Cells, *, stride: Pair, pad: Pad, dilation: Pair, **_: Any
) -> tuple[tuple[int, ...], Callable[..., Products]]:
    o, d = w.shape[0], w.shape[3]
    share = o // (x.shape[3] // d)

    def products(n: int, i: int, j: int, k: int) -> Products:
        first = k // share * d
        for p, u, q, v in _window(x, w, i, j, stride, pad, dilation):
            for c in range(d):
                yield (n, u, v, first + c), (k, p, q, c)

    return (x.shape[0], *_image(x, w, stride, pad, dilation), o), products


def _by_channel(
    x: Cells, w: Cells, *, stride: Pair, pad: Pad, dilation: Pair, multiplier: int, **_: Any
) -> tuple[tuple[int, ...], Callable[..., Products]]:
    def products(n: int, i: int, j: int, k: int) -> Products:
        for p, u, q, v in _window(x, w, i, j, stride, pad, dilation):
            yield (n, u, v, k // multiplier), (0, p, q, k)

    return (x.shape[0], *_image(x, w, stride, pad, dilation), w.shape[3]), products


def _transposed(
    x: Cells, w: Cells, shape: Cells, *, stride: Pair, pad: Pad, **_: Any
) -> tuple[tuple[int, ...], Callable[..., Products]]:
    """Gather what `x` scatters: x[i] meets filter place p where i s + p - top is the output's row."""

    def meetings(at: int, size: int, kernel: int, step: int, before: int) -> list[tuple[int, int]]:
        found = [(i, at + before - i * step) for i in range(size)]
        return [(i, p) for i, p in found if 0 <= p < kernel]

    def products(n: int, row: int, column: int, k: int) -> Products:
        rows = meetings(row, x.shape[1], w.shape[1], stride[0], pad[0])
        columns = meetings(column, x.shape[2], w.shape[2], stride[1], pad[2])
        for (i, p), (j, q) in itertools.product(rows, columns):
            for c in range(x.shape[3]):
                yield (n, i, j, c), (k, p, q, c)

    return tuple(shape.values), products


def float_sums(
    x: Cells, w: Cells, b: Cells | None, geometry: tuple[Any, Any], activation: str
) -> Cells:
    """Add the products and the bias, and clamp."""
    shape, products = geometry
    xs, ws = (
        Cells(x.shape, [real(v) for v in x.values]),
        Cells(w.shape, [real(v) for v in w.values]),
    )
    y = Cells.full(shape, 0)
    for index in y.indices():
        total = Fraction(0) if b is None else real(b[index[-1]])
        for i, j in products(*index):
            total += xs[i] * ws[j]
        y[index] = activated(total, activation)
    return y


def accumulated(
    x: Cells,
    w: Cells,
    b: Cells | None,
    geometry: tuple[Any, Any],
    zero_points: tuple[int, int],
) -> Cells:
    """Add the products of integers less their zero points, and the bias; int32 wraps."""
    shape, products = geometry
    y = Cells.full(shape, 0)
    for index in y.indices():
        total = 0 if b is None else b[index[-1]]
        for i, j in products(*index):
            total += (x[i] - zero_points[0]) * (w[j] - zero_points[1])
        y[index] = wrapped(total)
    return y


def weight_scale(quant: QuantParams | None, channel: int) -> float:
    """Return the scale of an output channel's weights."""
    assert quant is not None
    return quant.scale[channel] if len(quant.scale) > 1 else quant.scale[0]


def requantized(
    acc: Cells, quant: Quants, out: Outputs, activation: str, dialect: str, uint8: bool
) -> Cells:
    """Multiply by sx sw / sy in fixed point; for uint8 the product of scales is a float32."""
    sx, _ = tensor_scale(quant[0])
    sy, zero_point, _ = output_scale(out)
    y = Cells.full(acc.shape, 0)
    for index in acc.indices():
        product = sx * weight_scale(quant[1], index[-1])
        whole = scaled(acc[index], (f32(product) if uint8 else product) / sy) + zero_point
        y[index] = activated_int(whole, activation, out, dialect)
    return y


def _dense_exact(
    x: Cells, w: Cells, b: Cells | None = None, *, activation: str, **geometry: Any
) -> Cells:
    return float_sums(x, w, b, _dense(x, w, **geometry), activation)


def _by_channel_exact(
    x: Cells, w: Cells, b: Cells | None = None, *, activation: str, **geometry: Any
) -> Cells:
    return float_sums(x, w, b, _by_channel(x, w, **geometry), activation)


def _transposed_exact(
    x: Cells, w: Cells, shape: Cells, b: Cells | None = None, *, activation: str, **geometry: Any
) -> Cells:
    return float_sums(x, w, b, _transposed(x, w, shape, **geometry), activation)


def _quantized(geometry_of: Callable[..., Any], between: int, uint8: bool) -> Callable[..., Cells]:
    """Return the oracle of a convolution whose inputs are x, w, `between` others, and b."""

    def exact(
        *cells: Cells | None,
        quant: Quants,
        out: Outputs,
        dialect: str,
        activation: str,
        **rest: Any,
    ) -> Cells:
        x, w, *others = cells
        b = others[between] if len(others) > between else None
        assert x is not None and w is not None
        geometry = geometry_of(x, w, *others[:between], **rest)
        zero_points = (tensor_scale(quant[0])[1], tensor_scale(quant[1])[1])
        acc = accumulated(x, w, b, geometry, zero_points)
        return requantized(acc, quant, out, activation, dialect, uint8)

    return exact


def symmetric(values: list[float]) -> tuple[list[int], float]:
    """Quantize float32 numbers to [-127, 127]; return (integers, scale)."""
    spread = max(map(abs, values), default=0.0)
    if spread == 0:
        return [0] * len(values), 1.0
    inverse = f32(127 / spread)
    whole = [half_away(f32(v * inverse)) for v in values]
    return [min(max(q, -127), 127) for q in whole], f32(spread / 127)


def asymmetric(values: list[float]) -> tuple[list[int], float]:
    """Quantize float32 numbers to [-128, 127]; return (integers less the zero point, scale)."""
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        return [0] * len(values), 1.0
    step = f32(high - low) / 255
    nearer_low = 128 + abs(low / step) < 127 + abs(high / step)
    zero = half_away(-128 - low / step if nearer_low else 127 - high / step)
    zero = min(max(zero, -128), 127)
    scale = f32(step)
    inverse = f32(1 / scale)
    whole = [half_away(f32(v * inverse)) + zero for v in values]
    return [min(max(q, -128), 127) - zero for q in whole], scale


def quantized_images(x: Cells, quantize: Callable[..., Any]) -> tuple[Cells, list[float]]:
    """Quantize each x[n] by itself; return the integers and the scales."""
    size = len(x.values) // max(x.shape[0], 1)
    parts = [quantize(x.values[n * size : (n + 1) * size]) for n in range(x.shape[0])]
    return Cells(x.shape, [q for part, _ in parts for q in part]), [s for _, s in parts]


def hybrid_output(
    acc: Cells, factor: Callable[..., float], b: Cells | None, activation: str
) -> Cells:
    """Scale sums with `factor(sum, index)`, add the bias and clamp, all in float32."""
    y = Cells.full(acc.shape, 0.0)
    for index in acc.indices():
        value = factor(f32(acc[index]), index)
        y[index] = activated(value if b is None else f32(value + b[index[-1]]), activation)
    return y


def _dense_hybrid(
    x: Cells,
    w: Cells,
    b: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    activation: str,
    **rest: Any,
) -> Cells:
    assert quant[1] is not None
    plain = len(set(quant[1].scale)) == 1 and x.shape[3] == w.shape[3]
    q, scales = quantized_images(x, symmetric if plain else asymmetric)

    def factor(acc: float, index: tuple[int, ...]) -> float:
        sw, image = weight_scale(quant[1], index[-1]), scales[index[0]]
        return f32(acc * f32(image * sw)) if plain else f32(f32(acc * sw) * image)

    acc = accumulated(q, w, None, _dense(x, w, **rest), (0, 0))
    return hybrid_output(acc, factor, b, activation)


def _by_channel_hybrid(
    x: Cells,
    w: Cells,
    b: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    activation: str,
    **rest: Any,
) -> Cells:
    q, scales = quantized_images(x, asymmetric)

    def factor(acc: float, index: tuple[int, ...]) -> float:
        return f32(acc * f32(weight_scale(quant[1], index[-1]) * scales[index[0]]))

    acc = accumulated(q, w, None, _by_channel(x, w, **rest), (0, 0))
    return hybrid_output(acc, factor, b, activation)


EXACT.of(conv2d)(_dense_exact)
EXACT.of(depthwise_conv2d)(_by_channel_exact)
EXACT.of(conv2d_transpose)(_transposed_exact)
for _op, _geometry, _between in (
    (conv2d, _dense, 0),
    (depthwise_conv2d, _by_channel, 0),
    (conv2d_transpose, _transposed, 1),
):
    EXACT_INT8.of((_op, "s8"), (_op, "s8-nnacl"))(_quantized(_geometry, _between, uint8=False))
    EXACT_INT8.of((_op, "u8"))(_quantized(_geometry, _between, uint8=True))
EXACT_INT8.of((conv2d, "hybrid"))(_dense_hybrid)
EXACT_INT8.of((depthwise_conv2d, "hybrid"))(_by_channel_hybrid)
