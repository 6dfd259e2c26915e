"""Broken constraints of operators that move elements."""

from __future__ import annotations

import numpy as np

from ...refimpl.fill import fill, range
from ...refimpl.gather import (
    gather,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from ...refimpl.join import concat, pack, split, split_v, unpack
from ...refimpl.logic import select, where
from ...refimpl.shape import expand_dims, reshape, shape, squeeze, transpose
from ...refimpl.sort import topk, unique
from ...refimpl.window import broadcast_to, pad, reverse, slice, strided_slice, tile
from .examples import breaks, f32, s32

X = f32(2, 3, 4)

breaks(
    reshape,
    valid={"x": X, "shape": s32([4, -1])},
    C1={"shape": s32([[24]])},
    C2={"shape": s32([-1, -1])},
    C3={"shape": s32([5, -1])},
)
breaks(squeeze, valid={"x": f32(1, 3), "axes": (0,)}, C1={"axes": (2,)}, C2={"axes": (1,)})
breaks(
    expand_dims,
    valid={"x": X, "axis": s32([-1])},
    C1={"axis": s32([0, 1])},
    C2={"axis": s32([4])},
)
breaks(
    transpose,
    valid={"x": X, "perm": s32([2, 0, 1])},
    C1={"perm": s32([1, 0])},
    C2={"perm": s32([0, 0, 1])},
)
breaks(shape, valid={"x": X}, C1={"to": "f32"})
breaks(
    concat,
    valid={"xs": (X, f32(2, 1, 4)), "axis": 1},
    C1={"xs": ()},
    C2={"axis": 3},
    C3={"xs": (X, X.astype(np.int8))},
    C4={"xs": (X, f32(1, 3, 4))},
)
breaks(
    pack,
    valid={"xs": (X, X), "axis": 3},
    C1={"xs": ()},
    C2={"xs": (X, f32(2, 3))},
    C3={"axis": 4},
)
breaks(unpack, valid={"x": X, "axis": 1, "count": 3}, C1={"axis": 3}, C2={"count": 2})
breaks(
    split,
    valid={"axis": s32(2), "x": X, "count": 2},
    C1={"axis": s32(3)},
    C2={"count": 3},
)
breaks(
    split_v,
    valid={"x": X, "sizes": s32([1, -1]), "axis": s32(1)},
    C1={"axis": s32([0, 1])},
    C2={"sizes": s32([-1, -1])},
    C3={"sizes": s32([1, 1])},
)
breaks(
    slice,
    valid={"x": X, "begin": s32([0, 1, 2]), "size": s32([2, -1, 1])},
    C1={"begin": s32([0, 1])},
    C2={"size": s32([2, 3, 1])},
)
breaks(
    strided_slice,
    valid={"x": X, "begin": s32([0, 1]), "end": s32([2, 3]), "strides": s32([1, 1])},
    C1={"end": s32([2])},
    C2={name: np.ones(32, np.int32) for name in ("begin", "end", "strides")},
    C3={"strides": s32([1, 0])},
    C4={"begin": s32([2, 1]), "shrink_axis_mask": 1},
    C5={"ellipsis_mask": 3},
    C6={name: s32([1, 1, 1, 1]) for name in ("begin", "end", "strides")},
)
breaks(
    pad,
    valid={"x": f32(2, 3), "paddings": s32([[0, 1], [2, 0]]), "value": f32()},
    C1={"paddings": s32([[0, 1]])},
    C2={"paddings": s32([[0, 1], [-1, 0]])},
    C3={"value": s32(1)},
)
breaks(
    tile,
    valid={"x": f32(2, 3), "multiples": s32([1, 2])},
    C1={"multiples": s32([2])},
    C2={"multiples": s32([1, -1])},
)
breaks(
    reverse,
    valid={"x": X, "axes": s32([0, 2])},
    C1={"axes": s32(0)},
    C2={"axes": s32([0, -3])},
)
breaks(
    fill,
    valid={"dims": s32([2, 3]), "value": f32()},
    C1={"dims": s32(2)},
    C2={"value": f32(1)},
    C3={"dims": s32([2, -3])},
)
breaks(
    range,
    valid={"start": s32(1), "limit": s32(9), "delta": s32(2)},
    C1={"delta": f32()},
    C2={"delta": s32(0)},
    C3={"delta": s32(-1)},
    C4={name: np.float32(v) for name, v in {"start": 0, "limit": 1e30, "delta": 1}.items()},
)
breaks(
    gather,
    valid={"x": X, "indices": s32([[0], [1]]), "axis": 1, "batch_dims": 1},
    C1={"indices": f32(2, 1)},
    C2={"axis": 3},
    C3={"batch_dims": 3},
    C4={"indices": s32([[0], [1], [2]])},
)
breaks(
    gather_nd,
    valid={"x": X, "indices": s32([[0, 1]])},
    C1={"indices": f32(1, 2)},
    C2={"indices": s32([[0, 0, 0, 0]])},
)
breaks(
    reverse_sequence,
    valid={"x": X, "lengths": s32([1, 2]), "seq_axis": 1},
    C1={"lengths": f32(2)},
    C2={"seq_axis": 0},
    C3={"lengths": s32([1, 2, 3])},
)
breaks(
    one_hot,
    valid={"indices": s32([0, 2]), "depth": s32(3), "on": f32(), "off": f32()},
    C1={"indices": f32(2)},
    C2={"off": s32(0)},
    C3={"axis": 2},
    C4={"depth": s32(-1)},
)
breaks(
    sparse_to_dense,
    valid={"indices": s32([[0, 1]]), "shape": s32([2, 3]), "values": f32(1), "default": f32()},
    C1={"indices": f32(1, 2)},
    C2={"default": s32(0)},
    C3={"shape": s32([2, -3])},
    C4={"indices": s32([[0, 1, 2]])},
    C5={"values": f32(2)},
)
breaks(topk, valid={"x": X, "k": s32(2)}, C1={"x": f32()}, C2={"k": s32(5)})
breaks(unique, valid={"x": f32(3)}, C1={"x": X}, C2={"to": "s8"})
breaks(
    broadcast_to,
    valid={"x": f32(2, 1, 4), "shape": s32([3, 2, 5, 4])},
    C1={"shape": s32([[2, 3, 4]])},
    C2={"shape": s32([-2, 3, 4])},
    C3={"shape": s32([3, 4])},
    C4={"shape": s32([2, 3, 5])},
)
breaks(
    scatter_nd,
    valid={"indices": s32([[0], [1]]), "updates": f32(2, 3), "shape": s32([4, 3])},
    C1={"indices": f32(2, 1)},
    C2={"shape": s32([-4, 3])},
    C3={"indices": s32([[0, 0, 0], [1, 1, 1]])},
    C4={"updates": f32(2, 4)},
)
breaks(
    select,
    valid={"condition": np.ones((2, 1), np.bool_), "x": f32(3), "y": f32(2, 3)},
    C1={"condition": f32(2, 1)},
    C2={"y": s32([1, 2, 3])},
    C3={"x": f32(4)},
    C4={"x": f32(1, 1, 1, 1, 1, 1, 3)},
)
breaks(where, valid={"condition": np.ones(3, np.bool_)}, C1={"condition": np.ones((), np.bool_)})
