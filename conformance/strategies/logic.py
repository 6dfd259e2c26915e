"""Cases of comparisons and logical operators."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import ANY, Op
from ...refimpl.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    nonzero,
    not_equal,
    select,
    where,
)
from ..case import Case
from ..tables import CASES
from .binary import WIDE, pair_cases
from .draw import FINITE, SPECIAL, broadcast_shapes, ints, quant_params, seeds, shapes
from .typed import moved, seldom_plain, typed
from .unary import int_cases


@st.composite
def quantized_comparison_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Two quantized tensors, often of one quantization, so that some elements are equal."""
    first, second = draw(broadcast_shapes())
    quant = draw(quant_params(fmt))
    other = draw(st.just(quant) | quant_params(fmt))
    case = Case(op, (draw(ints(fmt, first)), draw(ints(fmt, second))), quant=(quant, other))
    return draw(alike(case))


@st.composite
def alike(draw: st.DrawFn, case: Case) -> Case:
    """The case, its larger tensor with some elements of the smaller one: those are equal where they meet."""
    x, y = (np.asarray(a) for a in case.args)
    if draw(st.integers(0, 7)) == 7:
        return case
    same = np.random.default_rng(draw(seeds())).random(max(x.shape, y.shape, key=np.prod)) < 0.4
    if same.shape == x.shape:
        x = np.where(same, np.broadcast_to(y, np.broadcast_shapes(x.shape, y.shape)), x)
    else:
        y = np.where(same, np.broadcast_to(x, np.broadcast_shapes(x.shape, y.shape)), y)
    return replace(case, args=(x, y))


for _op in (equal, not_equal, greater, greater_equal, less, less_equal):
    for _fmt in ("f32", "f64"):
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt, FINITE + SPECIAL).flatmap(alike))
    for _fmt in (*WIDE, "s16"):
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt).flatmap(alike))
    for _fmt in ("s8", "u8"):
        _quantized = quantized_comparison_cases(_op, _fmt)
        CASES.of((_op, _fmt))(seldom_plain(_quantized, pair_cases(_op, _fmt).flatmap(alike)))


def both_truths(case: Case) -> Case:
    """Return the case with a place where both are true, and another where one is false."""
    x, y = map(np.array, case.args)
    if x.size and y.size:
        (y if y.size > 1 else x).flat[-1] = False
        x.flat[0] = y.flat[0] = True
    return replace(case, args=(x, y))


for _op in (equal, not_equal, logical_or):
    CASES.of((_op, "bool"))(pair_cases(_op, "bool"))
_pairs = pair_cases(logical_and, "bool")
CASES.of((logical_and, "bool"))(_pairs | _pairs.map(both_truths))
CASES.of((logical_not, "bool"))(int_cases(logical_not, "bool"))


@st.composite
def select_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Three tensors that broadcast: each has ones in other places, or axes less."""
    whole = draw(shapes(max_dims=4, max_elements=120))

    def part(draw: st.DrawFn) -> tuple[int, ...]:
        own = tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in whole)
        return own[draw(st.integers(0, len(own))) if draw(st.integers(0, 3)) == 0 else 0 :]

    condition = draw(ints("bool", part(draw)))
    x, quant = draw(typed(fmt, part(draw)))
    y, _ = draw(typed(fmt, part(draw)))
    return moved(select, (condition, x, y), quant, data=(1, 2), runtime=(0,))


def _padded(case: Case) -> Case:
    """Return the same, where the shape of the results does not depend on values."""
    return Case(nonzero, case.args, {}, case.quant)


@st.composite
def where_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Few, half or most are not zero."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1))))
    share = draw(st.sampled_from((0.1, 0.5, 0.9)))
    keep = np.random.default_rng(draw(seeds())).random(x.shape) < share
    x = np.where(keep, x, x.dtype.type(0))
    return Case(where, (x,), {}, (quant,))


for _fmt in ANY:
    CASES.of((select, _fmt))(select_cases(_fmt))
for _fmt in ("f32", "s8", "u8", "s32", "u32", "s64", "bool"):
    CASES.of((where, _fmt))(where_cases(_fmt))
for _fmt in ("f32", "f64", "s8", "u8", "s32", "s64", "bool"):
    CASES.of((nonzero, _fmt))(where_cases(_fmt).map(_padded))
