"""Operators that move blocks of rows and columns into the batch or the channels, and back."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError
from ...refimpl import block as ours
from ...refimpl.axes import whole_numbers
from ...refimpl.gather import gather
from ...refimpl.window import AxisRange
from .source import ONNX, OnnxSource
from .table import NCHW, NHWC, ONNX_WRITER, OnnxSite
from .window import sliced

AFTER_THE_ROW = (0, 1, 3, 2, 4, 5)  # of a block's row and a column of blocks, exchanged


@ONNX_WRITER.of(ours.space_to_depth)
def write_space_to_depth(site: OnnxSite) -> str:
    """Write SpaceToDepth, which orders (p, q, c) as we do; onnxruntime has it for float32 alone."""
    block, (n, h, w, c) = site.attribute("block"), site.type().shape
    if site.type().format == "f32":
        return site.in_nchw("SpaceToDepth", site.input(0), blocksize=block)
    y = site.reshaped(site.input(0), (n, h // block, block, w // block, block, c))
    return site.reshaped(site.transposed(y, AFTER_THE_ROW), site.out[0].shape)


@ONNX_WRITER.of(ours.depth_to_space)
def write_depth_to_space(site: OnnxSite) -> str:
    """Write DepthToSpace in its mode DCR, which orders (p, q, c) as we do."""
    block, (n, h, w, _) = site.attribute("block"), site.type().shape
    if site.type().format == "f32":
        return site.in_nchw("DepthToSpace", site.input(0), blocksize=block, mode="DCR")
    y = site.reshaped(site.input(0), (n, h, w, block, block, site.out[0].shape[3]))
    return site.reshaped(site.transposed(y, AFTER_THE_ROW), site.out[0].shape)


@ONNX_WRITER.of(ours.space_to_batch_nd)
def write_space_to_batch_nd(site: OnnxSite) -> str:
    """Pad, split the axes into blocks, and move the position within a block in front of the batch."""
    shape, block = site.type().shape, whole_numbers(site.value(1))
    m, rest = len(block), len(shape) - len(block) - 1
    edges = site.value(2).reshape(-1, 2).tolist()
    before, after = ([0, *(e[side] for e in edges), *[0] * rest] for side in (0, 1))
    padded = site.emit("Pad", site.input(0), site.whole([*before, *after]))
    sizes = [n + a + b for n, a, b in zip(shape, before, after, strict=True)]
    parts = [n for size, k in zip(sizes[1:], block, strict=False) for n in (size // k, k)]
    y = site.reshaped(padded, [sizes[0], *parts, *sizes[m + 1 :]])
    within, across = range(2, 2 * m + 1, 2), range(1, 2 * m + 1, 2)
    y = site.transposed(y, [*within, 0, *across, *range(2 * m + 1, 2 * m + 1 + rest)])
    return site.reshaped(y, site.out[0].shape)


@ONNX_WRITER.of(ours.batch_to_space_nd)
def write_batch_to_space_nd(site: OnnxSite) -> str:
    """Move the position within a block out of the batch behind its axis, then crop."""
    shape, block = site.type().shape, whole_numbers(site.value(1))
    m, out = len(block), site.out[0].shape
    y = site.reshaped(site.input(0), [*block, out[0], *shape[1:]])
    pairs = [a for i in range(m) for a in (m + 1 + i, i)]
    y = site.transposed(y, [m, *pairs, *range(2 * m + 1, m + len(shape))])
    sizes = [n * k for n, k in zip(shape[1:], block, strict=False)]
    y = site.reshaped(y, [out[0], *sizes, *shape[m + 1 :]])
    starts = [0, *(a for a, _ in site.value(2).reshape(-1, 2).tolist()), *[0] * len(shape)]
    return sliced(site, y, [AxisRange(a, n, 1) for a, n in zip(starts, out, strict=False)])


@ONNX.of("SpaceToDepth", "DepthToSpace")
def block_of(source: OnnxSource) -> str:
    """DCR orders (p, q, c) as we do; CRD, for the way back, goes through the axes one by one."""
    x, block = source.input(0), source.attribute("blocksize", None)
    if source.rank(x) != 4:
        raise FormatError(f"{source.rank(x)} axes")
    mode = source.attribute("mode", "DCR")
    source.require(mode in ("DCR", "CRD"), f"mode={mode}")
    op = ours.space_to_depth if source.code == "SpaceToDepth" else ours.depth_to_space
    if mode == "CRD":
        channels = source.size(x, 1) // max(block * block, 1)
        places = np.arange(channels * block * block).reshape(channels, -1).T.reshape(-1)
        x = source.add(gather, x, source.whole(places), axis=1)
    return source.transposed(source.add(op, source.transposed(x, NHWC), block=block), NCHW)
