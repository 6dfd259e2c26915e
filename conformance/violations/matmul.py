"""Broken constraints of dense and recurrent layers and reductions."""

from __future__ import annotations

import numpy as np

from ...refimpl.matmul import fully_connected, matmul
from ...refimpl.recurrent import lstm, svdf
from ...refimpl.reduce import (
    arg_max,
    arg_min,
    mean,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
    sum,
)
from ...refimpl.softmax import log_softmax, softmax
from .examples import breaks, f32, s32

X = f32(2, 3, 4)

breaks(
    fully_connected,
    valid={"x": X, "w": f32(5, 4), "b": f32(5)},
    C1={"w": f32(4)},
    C2={"w": f32(5, 7)},
    C3={"b": f32(4)},
    C4={"activation": "tanh"},
    C5={"x": f32(2, 2, 2), "keep_dims": True},
)
breaks(
    matmul,
    valid={"x": f32(2, 3, 4), "y": f32(4, 5)},
    C1={"y": f32(4)},
    C2={"transpose_y": True},
    C3={"y": np.ones((4, 5), np.int32)},
    C4={"y": f32(3, 4, 5)},
    C5={"x": f32(1, 1, 1, 1, 1, 3, 4)},
)
breaks(softmax, log_softmax, valid={"x": X}, C1={"x": f32()})
breaks(
    *(mean, sum, reduce_max, reduce_min, reduce_prod, reduce_sum_abs, reduce_sum_square),
    valid={"x": X, "axes": s32([0, -1])},
    C1={"axes": f32(1)},
    C2={"axes": s32([3])},
)
breaks(
    *(reduce_all, reduce_any),
    valid={"x": X > 0, "axes": s32([0, -1])},
    C1={"axes": f32(1)},
    C2={"axes": s32([3])},
    C3={"x": X},
)
breaks(
    *(arg_max, arg_min),
    valid={"x": X, "axis": s32(1)},
    C1={"x": f32()},
    C2={"axis": s32([0, 1])},
    C3={"axis": s32(3)},
    C4={"x": f32(2, 0, 4)},
    C5={"to": "f32"},
)
breaks(
    svdf,
    valid={
        "x": f32(2, 3),
        "feature": f32(4, 3),
        "time": f32(4, 5),
        "bias": f32(2),
        "state": f32(2, 20),
        "rank": 2,
    },
    C1={"x": f32(3)},
    C2={"feature": f32(4, 2)},
    C3={"rank": 3},
    C4={"bias": f32(4)},
    C5={"state": f32(2, 5)},
    C6={"time": f32(4, 0), "state": f32(2, 0)},
    C7={"activation": "tanh"},
)
# two sequences of three frames with four features; five cells, five outputs
GATES = {f"w{g}": f32(5, 4) for g in "ifco"} | {f"r{g}": f32(5, 5) for g in "ifco"}
BIASES = {f"b{g}": f32(5) for g in "ifco"}
breaks(
    lstm,
    valid={"x": X, **GATES, **BIASES, "output_state": f32(2, 5), "cell_state": f32(2, 5)},
    C1={"x": f32(3, 4)},
    C2={"wf": f32(5, 3)},
    C3={"rc": f32(5, 4)},
    C4={"bo": f32(4)},
    C5={"pf": f32(5)},
    C6={"nf": f32(5)},
    C7={"projection": f32(4, 4)},
    C8={"cell_state": f32(2, 4)},
    C9={"activation": "logistic"},
    C10={"cell_clip": -1.0},
)
