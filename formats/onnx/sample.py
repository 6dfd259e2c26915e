"""Sampling at places, grids of places, and convolutions whose windows are bent."""

from __future__ import annotations

import math

import numpy as np

from ...ir import Array, FormatError, UnsupportedError
from ...refimpl.binary import add, mul
from ...refimpl.conv import conv2d
from ...refimpl.gather import gather
from ...refimpl.matmul import matmul
from ...refimpl.sample import MODES, PADDINGS, grid_sample
from .source import ONNX, OnnxSource
from .space import (
    Sizes,
    axes_of,
    channels_first,
    channels_last,
    each_axis,
    in_channels_first,
    padding_of,
)
from .table import ONNX_WRITER, OnnxSite

MOST_PLACES = 1 << 24  # that are found one by one
OLD_MODES = {"bilinear": "linear", "bicubic": "cubic"}  # as they were called before version 20


@ONNX_WRITER.of(grid_sample)
def write_grid_sample(site: OnnxSite) -> str:
    """Write GridSample."""
    if len(site.type().shape) != len(site.type(1).shape):
        raise UnsupportedError("ONNX samples as many axes of places as there are of space")
    if not site.attribute("normalized"):
        raise UnsupportedError("ONNX counts coordinates from -1 to 1")
    site.require(np.isfinite, "ONNX leaves open where a coordinate leads that is not finite", 1)
    mode, padding = site.attribute("mode"), site.attribute("padding")
    corners = int(site.attribute("align_corners"))
    return in_channels_first(
        site,
        "GridSample",
        site.input(1),
        mode=mode,
        padding_mode=padding,
        align_corners=corners,
    )


@ONNX.of("GridSample")
def grid_sample_of(source: OnnxSource) -> str:
    """The same, channels last."""
    x, grid = source.input(0), source.input(1)
    axes, mode = axes_of(source, x), source.attribute("mode", "linear")
    mode, padding = OLD_MODES.get(mode, mode), source.attribute("padding_mode", "zeros")
    source.require(mode in MODES and padding in PADDINGS, f"mode={mode}, padding_mode={padding}")
    y = source.add(
        grid_sample,
        source.transposed(x, channels_last(axes)),
        grid,
        mode=mode,
        padding=padding,
        align_corners=bool(source.attribute("align_corners", 0)),
    )
    return source.transposed(y, channels_first(axes))


def _regular_grid(size: Sizes, align_corners: bool) -> Array:
    """Return (1, ..., z, y, x) of each place, the last axis first: (axes + 1, places)."""
    lines = []
    for n in size:
        step = 2 / max(n - 1, 1) if align_corners else 2 / n
        lines.append(np.arange(n) * step - 1 + (0 if align_corners else step / 2))
    grid = np.stack(np.meshgrid(*lines, indexing="ij")).reshape(len(size), -1)
    return np.concatenate([grid[::-1], np.ones((1, grid.shape[1]))])


@ONNX.of("AffineGrid")
def affine_grid_of(source: OnnxSource) -> str:
    """A product of the matrices with the coordinates of a regular grid."""
    theta, size = source.input(0), source.numbers(1, "", 20)
    if size is None or len(size) not in (4, 5) or min(size) < 1:
        raise FormatError(f"size {size}")
    source.require(math.prod(size[2:]) <= MOST_PLACES, f"a grid of size {size}")
    regular = _regular_grid(size[2:], bool(source.attribute("align_corners", 0)))
    base = source.constant(regular.T.astype(source.type(theta).dtype))
    y = source.add(matmul, base, theta, transpose_y=True)
    return source.reshaped(y, (size[0], *size[2:], len(size) - 2))


def _window_places(kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes, pad: Sizes) -> Array:
    """Return where each tap of each window lies, without offsets: (taps, axes, windows)."""
    taps = np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij")).reshape(len(kernel), -1)
    windows = np.stack(np.meshgrid(*map(np.arange, out), indexing="ij")).reshape(len(out), -1)
    first = windows * np.array(stride)[:, None] - np.array(pad[::2])[:, None]
    return np.asarray((taps * np.array(dilation)[:, None]).T[:, :, None] + first)


@ONNX.of("DeformConv")
def deform_conv_of(source: OnnxSource) -> str:
    """Samples at the bent places, times the mask, make images of a row a window: a convolution over single rows."""
    x, w, offset = (source.input(i) for i in range(3))
    b, mask = source.optional(3), source.optional(4)
    (n, c, *size), (o, d, *kernel) = source.shape(x), source.shape(w)
    axes, out = axes_of(source, x), source.shape(offset)[2:]
    stride, dilation = each_axis(source, "strides", axes), each_axis(source, "dilations", axes)
    pad = padding_of(source, size, kernel, stride, dilation)
    parts, taps, windows = source.attribute("offset_group", 1), math.prod(kernel), math.prod(out)
    whole = len(kernel) == len(out) == axes and parts > 0 and c % parts == 0
    if not whole or source.shape(offset)[:2] != (n, parts * taps * axes) or d == 0:
        raise FormatError(f"filters {kernel}, offset {source.shape(offset)} of {source.shape(x)}")
    source.require(taps * windows <= MOST_PLACES, f"{windows} windows of {taps} places")
    regular = _window_places(tuple(kernel), out, stride, dilation, pad)
    at = source.constant(regular.astype(source.type(offset).dtype))
    grid = source.add(add, source.reshaped(offset, (n * parts, taps, axes, windows)), at)
    grid = source.transposed(grid, (0, 3, 1, 2))
    grid = source.add(gather, grid, source.whole(range(axes - 1, -1, -1)), axis=3)
    image = source.reshaped(x, (n * parts, c // parts, *size))
    image = source.transposed(image, channels_last(axes))
    sampled = source.add(grid_sample, image, grid, mode="linear", normalized=False)
    if mask is not None:
        factor = source.reshaped(mask, (n * parts, taps, windows, 1))
        sampled = source.add(mul, sampled, source.transposed(factor, (0, 2, 1, 3)))
    rows = source.reshaped(sampled, (n, parts, windows, taps, c // parts))
    rows = source.reshaped(source.transposed(rows, (0, 2, 3, 1, 4)), (n, windows, taps, c))
    filters = source.transposed(source.reshaped(w, (o, d, 1, taps)), (0, 2, 3, 1))
    y = source.reshaped(source.add(conv2d, rows, filters, b), (n, windows, o))
    return source.reshaped(source.transposed(y, (0, 2, 1)), (n, o, *out))
