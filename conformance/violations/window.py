"""Broken constraints of convolutions, pools, resizing, and of cutting into blocks."""

from __future__ import annotations

from ...refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ...refimpl.pool import avg_pool2d, max_pool2d
from ...refimpl.resize import resize_bilinear, resize_nearest_neighbor
from .examples import breaks, f32, s32

TOO_LARGE = {"dilation": (9, 1)}

breaks(
    conv2d,
    valid={"x": f32(1, 5, 6, 4), "w": f32(3, 2, 2, 4), "b": f32(3)},
    C1={"x": f32(5, 6, 4)},
    C2={"stride": (0, 1)},
    C3=TOO_LARGE,
    C4={"w": f32(3, 2, 2, 3)},
    C5={"b": f32(4)},
    C6={"activation": "tanh"},
)
breaks(
    depthwise_conv2d,
    valid={"x": f32(1, 5, 6, 4), "w": f32(1, 2, 2, 8), "b": f32(8), "multiplier": 2},
    C1={"w": f32(2, 2, 8)},
    C2={"pad": (0, -1, 0, 0)},
    C3=TOO_LARGE,
    C4={"multiplier": 3},
    C5={"b": f32(4)},
    C6={"activation": "tanh"},
)
breaks(
    conv2d_transpose,
    valid={"x": f32(1, 3, 4, 2), "w": f32(5, 2, 2, 2), "shape": s32([1, 4, 5, 5]), "b": f32(5)},
    C1={"shape": s32([4, 5])},
    C2={"stride": (1, 0)},
    C3={"shape": s32([1, 1, 5, 5])},
    C4={"w": f32(5, 2, 2, 3)},
    C5={"b": f32(2)},
    C6={"activation": "tanh"},
    C7={"shape": s32([1, 5, 5, 5])},
)
breaks(
    *(avg_pool2d, max_pool2d),
    valid={"x": f32(1, 5, 6, 4), "pad": (1, 0, 0, 1)},
    C1={"x": f32(5, 6)},
    C2={"kernel": (2, 0)},
    C3={"kernel": (7, 2)},
    C4={"pad": (2, 0, 0, 0)},
    C5={"activation": "tanh"},
)
breaks(
    resize_bilinear,
    valid={"x": f32(1, 2, 3, 4), "size": s32([5, 7])},
    C1={"x": f32(2, 3)},
    C2={"size": s32([5])},
    C3={"size": s32([5, 0])},
    C4={"align_corners": True, "half_pixel_centers": True},
)
breaks(
    resize_nearest_neighbor,
    valid={"x": f32(1, 2, 3, 4), "size": s32([5, 7])},
    C1={"x": f32(2, 3)},
    C2={"size": s32([5])},
    C3={"size": s32([0, 7])},
)
breaks(
    space_to_batch_nd,
    valid={"x": f32(1, 4, 6, 2), "block": s32([2, 3]), "paddings": s32([[0, 0], [1, 2]])},
    C1={"block": s32(2)},
    C2={"paddings": s32([[0, 0]])},
    C3={"block": s32([0, 3])},
    C4={"paddings": s32([[-2, 0], [1, 2]])},
    C5={"paddings": s32([[0, 0], [1, 0]])},
)
breaks(
    batch_to_space_nd,
    valid={"x": f32(6, 2, 3, 2), "block": s32([2, 3]), "crops": s32([[0, 0], [1, 2]])},
    C1={"block": s32(2)},
    C2={"crops": s32([[0, 0]])},
    C3={"block": s32([0, 3])},
    C4={"crops": s32([[-2, 0], [1, 2]])},
    C5={"x": f32(5, 2, 3, 2)},
    C6={"crops": s32([[3, 2], [1, 2]])},
)
breaks(
    space_to_depth,
    valid={"x": f32(1, 4, 6, 3), "block": 2},
    C1={"x": f32(4, 6)},
    C2={"block": 3},
)
breaks(
    depth_to_space,
    valid={"x": f32(1, 3, 2, 8), "block": 2},
    C1={"x": f32(3, 8)},
    C2={"block": 3},
)
