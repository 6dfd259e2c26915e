"""Cases of the reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Op, QuantParams
from ...refimpl.reduce import (
    arg_max,
    arg_min,
    mean,
    reduce_all,
    reduce_any,
    reduce_log_sum_exp,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
    sum,
)
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, arrays, floats, ints, quant_params, scales, seeds, shapes


def _int32(values: Any) -> Array:
    return np.array(values, np.int32)


@st.composite
def axes_of(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """None to all axes, some from the end, some twice; a scalar may be given any.

    Not none of an empty tensor, on which LiteRT leaves the output without memory.
    """
    rank = len(shape)
    if not rank:
        return _int32(draw(st.sampled_from(([], [0], [3]))))
    chosen = draw(st.lists(st.integers(-rank, rank - 1), max_size=rank + 1))
    fewest = 1 if 0 in shape else draw(st.integers(0, 1))
    return _int32(chosen or [draw(st.integers(-rank, rank - 1))] * fewest)


@st.composite
def plain_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str, elements: Any) -> Case:
    """Elements by `elements(shape)`; sizes of 0 and 1 among others."""
    shape = draw(shapes(zero=True))
    attributes = {"keep_dims": draw(st.booleans())}
    args = (draw(elements(shape)), draw(axes_of(shape)))
    quant = draw(quant_params(fmt)) if fmt in ("s8", "u8", "s16") else None
    return Case(op, args, attributes, (quant,), out_quant=(quant,), constant=frozenset({1}))


@st.composite
def quantized_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Ratios of scales that saturate now and then; many elements, or a size of 0."""
    shape = draw(shapes(zero=True, max_elements=400))
    x_quant = draw(quant_params(fmt))
    low, high = (-4, 2) if op is mean else (-1, 7)
    factor = draw(st.floats(low, high, width=32))
    scale = float(np.float32(x_quant.scale[0] * 2.0**factor))
    zero_point = draw(quant_params(fmt)).zero_point
    y_quant = QuantParams((draw(st.sampled_from((scale, x_quant.scale[0]))),), zero_point)
    args = (draw(ints(fmt, shape)), draw(axes_of(shape)))
    attributes = {"keep_dims": draw(st.booleans())}
    return Case(op, args, attributes, (x_quant,), out_quant=(y_quant,), constant=frozenset({1}))


@st.composite
def signless_sum_cases(draw: st.DrawFn) -> Case:
    """Sums of int8 in which no stored number is negative.

    LiteRT's reference kernel reads and writes them as uint8, so that others come out wrong there.
    """
    shape = draw(shapes(zero=True, max_elements=400))
    x, axes = draw(ints("s8", shape, low=0)), draw(axes_of(shape))
    x_quant = QuantParams((draw(scales()),), (draw(st.integers(-128, 0)),))
    y_zero = draw(st.integers(0, 100))
    chosen = {int(a) % len(shape) for a in axes} if shape else set()
    most = (127 - x_quant.zero_point[0]) * max(math.prod(shape[i] for i in chosen), 1)
    ratio = draw(st.floats(0.125, 1.0, width=32)) * (127 - y_zero) / most
    y_quant = QuantParams((float(np.float32(x_quant.scale[0] / ratio)),), (y_zero,))
    attributes = {"keep_dims": draw(st.booleans())}
    args = (x, axes)
    return Case(sum, args, attributes, (x_quant,), out_quant=(y_quant,), constant=frozenset({1}))


def near_one(shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Factors of which 256 neither overflow nor underflow in float32, in any order."""

    def build(seed: int) -> Array:
        rng = np.random.default_rng(seed)
        return np.asarray(rng.choice([-1, 1], shape) * 2 ** rng.uniform(-0.4, 0.4, shape), "f")

    return st.builds(build, seeds())


def _often_odd(fmt: str) -> Any:
    """Integers, all odd in half of the cases: of many even ones the product is 0 when it has wrapped."""
    draw = _whole(fmt)
    return lambda shape: draw(shape).map(lambda x: x | 1) | draw(shape)


def _without(value: float) -> Any:
    """Floats, NaN among them, but not the infinity that a start value would replace."""

    def clean(x: Array) -> Array:
        return np.where(x == value, np.float32(0.75), x).astype(np.float32)

    return lambda shape: floats(shape, kinds=FINITE + SPECIAL).map(clean)


@st.composite
def truth_cases(draw: st.DrawFn, op: Op[..., Any]) -> Case:
    """Rows in which all elements hold, or none does, and rows in which some do."""
    shape = draw(shapes(zero=True))
    axes = draw(axes_of(shape))
    rng, share = np.random.default_rng(draw(seeds())), draw(st.sampled_from((0.5, 0.2, 0.8)))
    chosen = {int(a) % len(shape) for a in axes} if shape else set()
    rows = rng.random([1 if a in chosen else n for a, n in enumerate(shape)]) < 0.5
    x = np.where(rows, op is reduce_all, rng.random(shape) < share)
    attributes = {"keep_dims": draw(st.booleans())}
    return Case(op, (np.asarray(x, bool), axes), attributes, constant=frozenset({1}))


def _whole(fmt: str) -> Any:
    return lambda shape: ints(fmt, shape)


CASES.of((mean, "f32"))(plain_cases(mean, "f32", lambda s: floats(s, kinds=FINITE + SPECIAL)))
CASES.of((sum, "f32"))(plain_cases(sum, "f32", lambda s: floats(s, kinds=FINITE + SPECIAL)))
CASES.of((reduce_prod, "f32"))(plain_cases(reduce_prod, "f32", near_one))
# TFLite starts from the lowest finite number where it does not reduce all axes
CASES.of((reduce_max, "f32"))(plain_cases(reduce_max, "f32", _without(-np.inf)))
CASES.of((reduce_min, "f32"))(plain_cases(reduce_min, "f32", _without(np.inf)))
for fmt in ("s32", "s64"):
    for op in (mean, sum, reduce_max, reduce_min):
        CASES.of((op, fmt))(plain_cases(op, fmt, _whole(fmt)))
    CASES.of((reduce_prod, fmt))(plain_cases(reduce_prod, fmt, _often_odd(fmt)))
for fmt in ("u32", "u64"):
    for op in (reduce_max, reduce_min):
        CASES.of((op, fmt))(plain_cases(op, fmt, _whole(fmt)))
for fmt in ("s8", "u8", "s16"):
    for op in (reduce_max, reduce_min):
        CASES.of((op, fmt))(plain_cases(op, fmt, _whole(fmt)))
    CASES.of((mean, fmt))(quantized_cases(mean, fmt))
CASES.of((sum, "u8"))(quantized_cases(sum, "u8"))
CASES.of((sum, "s8"))(signless_sum_cases())


@st.composite
def arg_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Some of the rows have many equal elements; floats hold infinities.

    NaN only where the axis is not the last: LiteRT's vectorised loop over the last one takes NaN in on
    processors other than ARMv8.
    """
    shape = draw(shapes(min_dims=draw(st.sampled_from((3, 2, 3, 3, 1)))))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    options = {"kinds": FINITE + SPECIAL} if fmt == "f32" else {}
    x = draw(arrays(fmt, shape, **options))
    if axis in (-1, len(shape) - 1):
        x = np.where(np.isnan(x), x.dtype.type(2), x)
    if draw(st.integers(0, 2)) == 2:
        x = np.random.default_rng(draw(seeds())).choice(x.ravel()[:5], x.shape)
    dtype = draw(st.sampled_from((np.int32, np.int64)))
    axis_shape = draw(st.sampled_from(((), (1,))))
    quant = QuantParams((draw(scales()),), (3,)) if fmt in ("s8", "u8") else None
    attributes = {"to": draw(st.sampled_from(("s32", "s64")))}
    args = (x, np.full(axis_shape, axis, dtype))
    return Case(op, args, attributes, (quant,), constant=frozenset({1}))


for fmt in ("f32", "s8", "u8", "s32"):
    for position in (arg_max, arg_min):
        CASES.of((position, fmt))(arg_cases(position, fmt))


CASES.of((reduce_sum_abs, "f32"))(
    plain_cases(reduce_sum_abs, "f32", lambda s: floats(s, kinds=FINITE + SPECIAL))
)
CASES.of((reduce_sum_square, "f32"))(
    plain_cases(reduce_sum_square, "f32", lambda s: floats(s, kinds=FINITE + SPECIAL))
)
for fmt in ("s32", "s64"):
    CASES.of((reduce_sum_abs, fmt))(plain_cases(reduce_sum_abs, fmt, _whole(fmt)))
    CASES.of((reduce_sum_square, fmt))(plain_cases(reduce_sum_square, fmt, _whole(fmt)))
for fmt in ("f32", "f64"):
    CASES.of((reduce_log_sum_exp, fmt))(
        plain_cases(
            reduce_log_sum_exp,
            fmt,
            lambda s, fmt=fmt: arrays(fmt, s, kinds=FINITE + SPECIAL, scale=30.0),
        )
    )
CASES.of((sum, "f64"))(plain_cases(sum, "f64", lambda s: arrays("f64", s, kinds=FINITE + SPECIAL)))
for op in (reduce_all, reduce_any):
    CASES.of((op, "bool"))(truth_cases(op))
