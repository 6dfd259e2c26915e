"""Operators that move blocks of rows and columns into the batch or the channels, and back."""

from __future__ import annotations

import math

import numpy as np

from ..ir import ANY, Array, TensorType, op, require
from .axes import sizes_of, whole_numbers

PADDED = tuple(t for t in ANY if t not in ("s8", "u8", "s16"))  # the others pad with a zero point


def _block_and_edges(
    x: TensorType, block: TensorType, edges: TensorType
) -> tuple[list[int], list[tuple[int, int]]]:
    spatial = len(block.shape) == 1 and 1 <= block.shape[0] <= len(x.shape) - 1
    require("C1", spatial, f"block {block.shape} for x {x.shape}")
    require("C2", edges.shape == (block.shape[0], 2), f"edges {edges.shape}, block {block.shape}")
    sizes = whole_numbers(block)
    require("C3", min(sizes) > 0, f"block {sizes}")
    amounts = sizes_of("C4", whole_numbers(edges))
    return sizes, list(zip(amounts[::2], amounts[1::2], strict=True))


def _infer_space_to_batch_nd(x: TensorType, block: TensorType, paddings: TensorType) -> TensorType:
    sizes, edges = _block_and_edges(x, block, paddings)
    m = len(sizes)
    padded = [n + a + b for n, (a, b) in zip(x.shape[1 : m + 1], edges, strict=True)]
    whole = all(n % k == 0 for n, k in zip(padded, sizes, strict=True))
    require("C5", whole, f"padded sizes {padded} in blocks of {sizes}")
    rows = (n // k for n, k in zip(padded, sizes, strict=True))
    return x.like((x.shape[0] * math.prod(sizes), *rows, *x.shape[m + 1 :]))


@op(infer=_infer_space_to_batch_nd, dtypes=PADDED, static=("block", "paddings"))
def space_to_batch_nd(x: Array, block: Array, paddings: Array) -> Array:
    """Pad the spatial axes 1..M with zeros, and move the position within a block into the batch.

    y[(p N + n), i, ...] = padded[n, i block + p, ...] with p the position within a block, row-major.

    Inputs: `x` (N, M spatial axes, ...) of any type; `block` integers (M,); `paddings` integers (M, 2).
    Constraints: (C1) 1 <= M < rank. (C2) `paddings` is (M, 2). (C3) Block sizes are positive.
    (C4) Paddings are not negative. (C5) Blocks divide the padded sizes.

    >>> x = np.arange(4).reshape(1, 4, 1)
    >>> space_to_batch_nd(x, np.array([2]), np.array([[0, 0]]))[..., 0].tolist()
    [[0, 2], [1, 3]]
    """
    sizes = whole_numbers(block)
    m = len(sizes)
    rest = [(0, 0)] * (x.ndim - m - 1)
    padded = np.pad(x, [(0, 0), *map(tuple, paddings.tolist()), *rest])
    shape = [n for size, k in zip(padded.shape[1:], sizes, strict=False) for n in (size // k, k)]
    y = padded.reshape([x.shape[0], *shape, *x.shape[m + 1 :]])
    within, across = range(2, 2 * m + 1, 2), range(1, 2 * m + 1, 2)
    y = y.transpose([*within, 0, *across, *range(2 * m + 1, y.ndim)])
    return y.reshape(_infer_space_to_batch_nd(*map(TensorType.of, (x, block, paddings))).shape)


def _infer_batch_to_space_nd(x: TensorType, block: TensorType, crops: TensorType) -> TensorType:
    sizes, edges = _block_and_edges(x, block, crops)
    m, blocks = len(sizes), math.prod(sizes)
    require("C5", x.shape[0] % blocks == 0, f"batch {x.shape[0]} of blocks {sizes}")
    rows = [n * k - a - b for n, k, (a, b) in zip(x.shape[1:], sizes, edges, strict=False)]
    require("C6", min(rows) >= 0, f"crops {edges} of {x.shape} in blocks {sizes}")
    return x.like((x.shape[0] // blocks, *rows, *x.shape[m + 1 :]))


@op(infer=_infer_batch_to_space_nd, dtypes=ANY, moves=True, static=("block", "crops"))
def batch_to_space_nd(x: Array, block: Array, crops: Array) -> Array:
    """Undo `space_to_batch_nd`: the position within a block comes out of the batch, then edges are cropped.

    Inputs: `x` (K N, M spatial axes, ...) of any type; `block` integers (M,) with product K; `crops` integers
    (M, 2).
    Constraints: (C1) 1 <= M < rank. (C2) `crops` is (M, 2). (C3) Block sizes are positive. (C4) Crops are
    not negative. (C5) The product of `block` divides the batch. (C6) No more is cropped than there is.

    >>> x = np.array([[0, 2], [1, 3]]).reshape(2, 2, 1)
    >>> batch_to_space_nd(x, np.array([2]), np.array([[1, 0]]))[..., 0].tolist()
    [[1, 2, 3]]
    """
    sizes = whole_numbers(block)
    m = len(sizes)
    y = x.reshape([*sizes, x.shape[0] // math.prod(sizes), *x.shape[1:]])
    pairs = [a for i in range(m) for a in (m + 1 + i, i)]
    y = y.transpose([m, *pairs, *range(2 * m + 1, y.ndim)])
    y = y.reshape(
        y.shape[0], *(n * k for n, k in zip(x.shape[1:], sizes, strict=False)), *x.shape[m + 1 :]
    )
    kept = (slice(a, n - b) for n, (a, b) in zip(y.shape[1:], crops.tolist(), strict=False))
    return y[(slice(None), *kept)].copy()


def _infer_space_to_depth(x: TensorType, *, block: int) -> TensorType:
    require("C1", len(x.shape) == 4, f"x is 4-D, got {x.shape}")
    n, h, w, c = x.shape
    whole = block > 0 and h % block == 0 and w % block == 0
    require("C2", whole, f"{h} x {w} in blocks of {block}")
    return x.like((n, h // block, w // block, c * block * block))


@op(infer=_infer_space_to_depth, dtypes=ANY, moves=True)
def space_to_depth(x: Array, *, block: int) -> Array:
    """Move each `block` x `block` square into the channels, row by row: y[n, i, j, (p, q, c)].

    Inputs: `x` (N, H, W, C) of any type.
    Attributes: `block`, the side of a square.
    Constraints: (C1) `x` is 4-D. (C2) `block` > 0 divides H and W.

    >>> space_to_depth(np.arange(4).reshape(1, 2, 2, 1), block=2).tolist()
    [[[[0, 1, 2, 3]]]]
    """
    n, h, w, c = x.shape
    y = x.reshape(n, h // block, block, w // block, block, c).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, h // block, w // block, c * block * block)


def _infer_depth_to_space(x: TensorType, *, block: int) -> TensorType:
    require("C1", len(x.shape) == 4, f"x is 4-D, got {x.shape}")
    n, h, w, c = x.shape
    require("C2", block > 0 and c % (block * block) == 0, f"{c} channels in blocks of {block}")
    return x.like((n, h * block, w * block, c // (block * block)))


@op(infer=_infer_depth_to_space, dtypes=ANY, moves=True)
def depth_to_space(x: Array, *, block: int) -> Array:
    """Undo `space_to_depth`: channels (p, q, c) become the square at (i block + p, j block + q).

    Inputs: `x` (N, H, W, C) of any type.
    Attributes: `block`, the side of a square.
    Constraints: (C1) `x` is 4-D. (C2) `block` squared divides C, and is positive.

    >>> depth_to_space(np.arange(4).reshape(1, 1, 1, 4), block=2)[0, :, :, 0].tolist()
    [[0, 1], [2, 3]]
    """
    n, h, w, c = x.shape
    depth = c // (block * block)
    y = x.reshape(n, h, w, block, block, depth).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, h * block, w * block, depth)
