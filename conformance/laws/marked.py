"""Laws of all operators of a kind, which their declaration tells: elementwise, reductions, what moves elements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...ir import Array, Op
from ...refimpl.embedding import hashtable_lookup
from ...refimpl.fill import zeros_like
from ...refimpl.reduce import (
    reduce_all,
    reduce_any,
    reduce_log_sum_exp,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduced_axes,
    reduced_shape,
    sum,
)
from ...refimpl.window import pad
from ..case import Case
from .law import Pairs, Rng, Run, changed, law, law_of, slack

MAKERS = (pad, zeros_like, hashtable_lookup)  # they make zeros besides


def elementwise(op: Op[..., Any]) -> bool:
    """Whether the result at a place is made of what stands there."""
    return op.axes == "elementwise"


def reduction(op: Op[..., Any]) -> bool:
    """Whether axes are reduced, in no order."""
    return op.axes == "reduction"


def moves(op: Op[..., Any]) -> bool:
    """Whether all elements of the results are elements of the inputs."""
    return op.moves and not op.reads_types and op not in MAKERS


PLACES = ("indices", "lengths")  # inputs that say where


def spread(case: Case) -> Case:
    """Return the case of an elementwise operator with all its inputs of the shape of the result."""
    shape = case.out[0].shape
    args = (None if a is None else np.broadcast_to(a, shape).copy() for a in case.args)
    return replace(case, args=tuple(args), constant=frozenset())


@law_of(elementwise)
def places_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """The elements of all inputs as one row, in any order, have the same results."""
    args = [None if a is None else a.ravel() for a in spread(case).args]
    order = rng.permutation(case.out[0].size)
    moved = replace(
        changed(case, *(a if a is None else a[order] for a in args)), constant=frozenset()
    )
    yield run(moved), run(case).ravel()[order]


@law_of(moves)
def values_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """Other elements take the same ways: those with all their bits turned around."""
    quant = {q for q in (*case.quant, *case.out_quant) if q}
    forms = {t.format for t in (case.out[0], case.types[case.op.format_input]) if t}
    if len(quant) > 1 or (len(forms) > 1 and "bool" in forms):
        return
    kept = {n for n in case.op.inputs if n in PLACES or n in case.op.static}
    names = (*case.op.inputs, *[""] * len(case.args))
    args = [
        a if a is None or i < case.op.format_input or names[i] in kept else _turned(a)
        for i, a in enumerate(case.args)
    ]
    for got, y in zip(run.all(changed(case, *args)), run.all(case), strict=True):
        yield _bits(got), _bits(_turned(y))


def _bits(x: Array) -> Array:
    return x.copy().view(f"u{x.itemsize}")


def _turned(x: Array) -> Array:
    """Return elements of the other bits."""
    return ~x if x.dtype == np.bool_ else (~_bits(x)).view(x.dtype)


@law_of(lambda op: op.reads_types)
def types_decide(run: Run, case: Case, rng: Rng) -> Pairs:
    """Whatever the elements are, the result is the same."""
    x = case.args[0]
    assert x is not None
    yield run(changed(case, np.zeros_like(x))), run(case)


@law_of(reduction)
def axes_are_a_set(run: Run, case: Case, rng: Rng) -> Pairs:
    """Axes in any order, named twice, and counted from either end, are the same axes."""
    x, axes = case.args
    assert x is not None and axes is not None
    if x.ndim and case.dialect == "tflite":  # nnacl rounds after each axis, as they come
        named = np.concatenate([axes.ravel(), axes.ravel()[:1]])
        named = rng.permutation(
            np.where(rng.random(named.size) < 0.5, named % x.ndim, named % x.ndim - x.ndim)
        )
        yield run(changed(case, ..., named.astype(np.int32))), run(case)


@law_of(reduction)
def kept_axes_are_lanes(run: Run, case: Case, rng: Rng) -> Pairs:
    """Along an axis that stays, results come in the order of what they are made of."""
    x, axes = case.args
    assert x is not None and axes is not None
    reduced = reduced_axes(x.ndim, axes)
    kept = [a for a in range(x.ndim) if a not in reduced and x.shape[a] > 1]
    if kept:
        axis = int(rng.choice(kept))
        order = rng.permutation(x.shape[axis])
        y = run(changed(case, keep_dims=True))
        yield run(changed(case, np.take(x, order, axis), keep_dims=True)), np.take(y, order, axis)


@law_of(reduction)
def kept_axes_have_one_element(run: Run, case: Case, rng: Rng) -> Pairs:
    """Axes that are kept have one element, and change nothing else."""
    x, axes = case.args
    assert x is not None and axes is not None
    shape = reduced_shape(x.shape, reduced_axes(x.ndim, axes), False)
    yield run(changed(case, keep_dims=True)).reshape(shape), run(changed(case, keep_dims=False))


@law(
    sum,
    reduce_prod,
    reduce_max,
    reduce_min,
    reduce_all,
    reduce_any,
    formats=("f32", "s32", "s64", "bool"),
)
def axes_come_one_by_one(run: Run, case: Case, rng: Rng) -> Pairs:
    """Over two axes is over one and then over the other."""
    x = case.args[0]
    assert x is not None
    x = np.sign(x) * 2 if case.op is reduce_prod and x.dtype.kind == "f" else x
    if x.ndim > 1 and x.size:
        first, second = (np.array([a], np.int32) for a in rng.permutation(x.ndim)[:2])
        once = run(changed(case, x, first, keep_dims=True))
        twice = run(changed(case, once, second, keep_dims=True))
        yield twice, run(changed(case, x, np.concatenate([first, second]), keep_dims=True))


@law(reduce_log_sum_exp, formats=("f32", "f64"), exact=True)
def a_constant_is_added(run: Run, case: Case, rng: Rng) -> Pairs:
    """Ln sum exp(x + c) = c + ln sum exp x."""
    x = case.args[0]
    assert x is not None
    off = slack(case) + 4 * np.finfo(x.dtype).eps * (np.abs(run(case)) + 4)
    yield run(changed(case, x + x.dtype.type(4))), run(case) + x.dtype.type(4), off
