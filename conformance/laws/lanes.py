"""One law of many operators: what stands side by side along an axis, images or channels, stands alone.

An entry names the axis in each input that has it, by position, and in each result: a number, an attribute's name, or
None. What is absent or repeated (size 1) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...ir import Array, Op
from ...refimpl.affine import dequantize_linear, quantize_linear
from ...refimpl.attention import attention
from ...refimpl.block import depth_to_space, space_to_depth
from ...refimpl.channel import batch_norm, instance_norm, scale
from ...refimpl.einsum import det
from ...refimpl.embedding import hashtable_lookup, tf_idf
from ...refimpl.gather import gather, reverse_sequence
from ...refimpl.integer_products import conv_integer, matmul_integer
from ...refimpl.linear_attention import linear_attention
from ...refimpl.loss import negative_log_likelihood
from ...refimpl.norm import l2_normalization, layer_norm, local_response_normalization, rms_norm
from ...refimpl.pool import avg_pool2d, max_pool2d
from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool
from ...refimpl.recurrent import lstm, svdf
from ...refimpl.reduce import arg_max, arg_min
from ...refimpl.region import roi_align, roi_pool
from ...refimpl.resize import resize_bilinear, resize_nearest_neighbor
from ...refimpl.rnn import gru, lstm_layer, rnn
from ...refimpl.rotary import rotary_embedding
from ...refimpl.sample import grid_sample
from ...refimpl.scan import cumprod, cumsum
from ...refimpl.signal import dft
from ...refimpl.softmax import log_softmax, softmax
from ...refimpl.sort import topk
from ..case import Case
from ..judge import bounds, expected
from .law import EVERY, Pairs, Rng, Run, changed, law, value_of

Axis = int | str | None
Lane = tuple[Mapping[int, Axis], tuple[Axis, ...], Callable[[Case], bool]]
# Their sums are added in an order that the sizes of all axes decide.
BLOCKED = (rnn, gru, lstm_layer, attention)
LANES: dict[Op[..., Any], list[Lane]] = {}


def lane(
    *ops: Op[..., Any],
    given: Mapping[int, Axis],
    out: tuple[Axis, ...],
    where: Callable[[Case], bool] = lambda case: True,
) -> None:
    """Enter an axis of operators, `given` by input, and `where` it is one of these."""
    for op in ops:
        LANES.setdefault(op, []).append((given, out, where))


def rank(case: Case, position: int = 0) -> int:
    """Return the number of axes of an input, 0 if it is absent."""
    value = case.args[position] if position < len(case.args) else None
    return 0 if value is None else value.ndim


def axis_of(case: Case, name: str = "axis") -> int:
    """Return an attribute that is an axis of the first input, counted from the front."""
    return int(value_of(case, name)) % max(rank(case), 1)


def scanned_axis(case: Case) -> int:
    """Return the axis that the second input names."""
    axis = case.args[1]
    assert axis is not None
    return int(axis.reshape(())) % rank(case)


IMAGES = (
    avg_pool2d,
    max_pool2d,
    avg_pool,
    lp_pool,
    max_pool,
    resize_bilinear,
    resize_nearest_neighbor,
)
lane(*IMAGES, depth_to_space, space_to_depth, given={0: 0}, out=(0, 0))
lane(*IMAGES, given={0: -1}, out=(-1, -1))
ROWS = (l2_normalization, local_response_normalization, softmax, log_softmax, topk)
lane(*ROWS, given={0: 0}, out=(0, 0), where=lambda c: rank(c) > 1)
lane(layer_norm, rms_norm, given={0: 0}, out=(0,), where=lambda c: axis_of(c) > 0)
lane(dft, given={0: 0}, out=(0,), where=lambda c: axis_of(c) > 0)
lane(cumsum, cumprod, arg_max, arg_min, given={0: 0}, out=(0,), where=lambda c: scanned_axis(c) > 0)
lane(cumsum, cumprod, given={0: -1}, out=(-1,), where=lambda c: scanned_axis(c) < rank(c) - 1)
lane(det, given={0: 0}, out=(0,), where=lambda c: rank(c) > 2)

lane(batch_norm, given={0: "axis", 1: 0, 2: 0, 3: 0, 4: 0}, out=("axis",))
lane(instance_norm, given={0: "axis", 1: 0, 2: 0}, out=("axis",))
lane(scale, given={0: "axis", 1: 0, 2: 0}, out=("axis",), where=lambda c: rank(c, 1) > 0)
lane(batch_norm, instance_norm, scale, given={0: 0}, out=(0,), where=lambda c: axis_of(c) > 0)

AFFINE = (quantize_linear, dequantize_linear)
lane(*AFFINE, given={0: 0}, out=(0,), where=lambda c: rank(c, 1) == 0)
lane(
    *AFFINE,
    given={0: "axis", 1: 0, 2: 0},
    out=("axis",),
    where=lambda c: rank(c, 1) == 1 and not value_of(c, "block"),
)
lane(
    *AFFINE,
    given={0: -1, 1: -1, 2: -1},
    out=(-1,),
    where=lambda c: bool(value_of(c, "block")) and axis_of(c) < rank(c) - 1,
)

FREE = {"left": -1, "right": -1, "trailing": False}  # queries may stand anywhere
lane(attention, given={0: 0, 1: 0, 2: 0, 3: -4, 4: 0}, out=(0, 0))
lane(
    attention,
    given={0: 1, 1: 1, 2: 1, 3: -3},
    out=(1, 1),
    where=lambda c: c.args[0].shape[1] == c.args[1].shape[1],  # type: ignore[union-attr]
)
lane(
    attention,
    given={0: 2, 3: -2},
    out=(2, 2),
    where=lambda c: all(value_of(c, name) == value for name, value in FREE.items()),
)
lane(attention, given={2: 3}, out=(3, None))
lane(rotary_embedding, given={0: 0, 1: 0, 2: 0}, out=(0,))
lane(rotary_embedding, given={0: 2, 1: 1, 2: 1}, out=(2,))
lane(rotary_embedding, given={0: 1}, out=(1,))
lane(linear_attention, given={0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0}, out=(0, 0))
lane(linear_attention, given={2: 3, 3: 3}, out=(3, 3))

lane(rnn, gru, lstm_layer, given={0: 1, 4: 0, 5: 0, 6: 0}, out=(1, 0, 0))
lane(
    lstm,
    given={0: 0, 10: 0, 11: 0},
    out=(0, 0, 0),
    where=lambda c: not value_of(c, "time_major") and rank(c, 10) == rank(c, 11) == 2,
)
lane(
    lstm,
    given={0: 1, 10: 0, 11: 0},
    out=(1, 0, 0),
    where=lambda c: value_of(c, "time_major") and rank(c, 10) == rank(c, 11) == 2,
)
lane(svdf, given={0: 0, 3: 0}, out=(0, 0))

lane(grid_sample, given={0: 0, 1: 0}, out=(0,))
lane(grid_sample, given={1: 1}, out=(1,), where=lambda c: rank(c, 1) > 2)
lane(grid_sample, roi_align, roi_pool, given={0: -1}, out=(-1,))
lane(roi_align, given={1: 0, 2: 0}, out=(0,))
lane(roi_pool, given={1: 0}, out=(0,))

lane(matmul_integer, given={0: -2, 2: -2}, out=(-2,))
lane(matmul_integer, given={1: -1, 3: -1}, out=(-1,))
lane(conv_integer, given={0: 0}, out=(0,))
lane(
    conv_integer,
    given={1: 0, 3: 0},
    out=(-1,),
    where=lambda c: c.args[0].shape[-1] == c.args[1].shape[-1],  # type: ignore[union-attr]
)
lane(gather, given={0: 0, 1: 0}, out=(0,), where=lambda c: value_of(c, "batch_dims") != 0)
lane(
    gather,
    given={1: 0},
    out=("axis",),
    where=lambda c: value_of(c, "batch_dims") == 0 and value_of(c, "axis") >= 0 < rank(c, 1),
)
lane(reverse_sequence, given={0: "batch_axis", 1: 0}, out=("batch_axis",))
lane(hashtable_lookup, given={0: 0}, out=(0, 0))
lane(tf_idf, given={0: 0}, out=(0,), where=lambda c: rank(c) == 2)
lane(
    negative_log_likelihood,
    given={0: 0, 1: 0},
    out=(0,),
    where=lambda c: value_of(c, "reduction") == "none",
)


def along(case: Case, value: Array, axis: Axis) -> int | None:
    """Return an axis of an array, counted from the front; None if it has none, or but one element there."""
    at: Any = value_of(case, axis) if isinstance(axis, str) else axis
    if at is None or not -value.ndim <= at < value.ndim:
        return None
    return int(at) % value.ndim if value.shape[at] != 1 else None


def taken(case: Case, given: Mapping[int, Axis], places: Array) -> Case:
    """Return the case with some elements of an axis, in another order."""
    args = list(case.args)
    for position, axis in given.items():
        value = args[position] if position < len(args) else None
        at = None if value is None else along(case, value, axis)
        if value is not None and at is not None:
            args[position] = np.take(value, places, at)
    return changed(case, *args)


@law(*LANES, formats=EVERY, exact=False)
def neighbours_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """In another order the results come in that order, and one alone has the result that it has among others."""
    for given, out, where in LANES[case.op]:
        position, axis = next(iter(given.items()))
        value = case.args[position]
        assert value is not None
        at = along(case, value, axis) if where(case) else None
        if at is None or not value.shape[at] or any(q and len(q.scale) > 1 for q in case.quant):
            continue
        whole, order = run.all(case), rng.permutation(value.shape[at])
        free = bounds(case, expected(case)) if case.op in BLOCKED else [np.zeros(())] * len(whole)
        for places in (order, order[:1]):
            found = run.all(taken(case, given, places))
            for got, y, off, place in zip(found, whole, free, out, strict=False):
                way: Any = value_of(case, place) if isinstance(place, str) else place
                if way is None or not off.ndim:
                    yield got, y if way is None else np.take(y, places, int(way)), 2 * off
                else:
                    yield got, np.take(y, places, int(way)), 2 * np.take(off, places, int(way))
