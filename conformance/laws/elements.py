"""Laws of functions of each element, of reductions and of normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import OPS, Op, load_all
from ...refimpl.activation import logistic, relu, relu6, relu_n1_to_1, tanh
from ...refimpl.binary import add, maximum, minimum, mul, squared_difference, sub
from ...refimpl.cast import dequantize, quantize
from ...refimpl.reduce import (
    mean,
    reduce_max,
    reduce_min,
    reduce_sum_abs,
    reduce_sum_square,
    sum,
)
from ...refimpl.softmax import log_softmax, softmax
from ...refimpl.unary import (
    abs,
    ceil,
    cos,
    erf,
    exp,
    floor,
    neg,
    round,
    same_type,
    sin,
    sqrt,
    square,
)
from ..case import Case
from .law import Pairs, Rng, Run, changed, law

load_all("litegold.refimpl")
ONE_BY_ONE: tuple[Op[..., Any], ...] = tuple(op for op in OPS.values() if op.infer is same_type)
BYTES = ("f32", "s8", "u8", "s16")
EXTREMES = (reduce_max, reduce_min)
SUMS = (sum, mean, reduce_sum_abs, reduce_sum_square)


@law(*ONE_BY_ONE, formats=BYTES, exact=False)
def places_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """The elements as one row, in any order, have the same results."""
    x = case.args[0]
    assert x is not None
    order = rng.permutation(x.size)
    yield run(changed(case, x.ravel()[order])), run(case).ravel()[order]


@law(abs, cos, square, exact=False)
def even(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(-x) = f(x)."""
    yield run(changed(case, -case.args[0])), run(case)  # type: ignore[operator]


@law(tanh, erf, sin, neg, round, exact=False)
def odd(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(-x) = -f(x)."""
    yield run(changed(case, -case.args[0])), -run(case)  # type: ignore[operator]


@law(relu, relu6, relu_n1_to_1, ceil, floor, round, exp, sqrt, logistic, tanh, exact=False)
def rising(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sorted arguments have sorted results."""
    x = np.sort(case.args[0].ravel()).astype(case.args[0].dtype)  # type: ignore[union-attr]
    y = run(changed(case, x))
    y = y[~np.isnan(y)]
    yield y, np.maximum.accumulate(y) if y.size else y


@law(relu, relu6, relu_n1_to_1, abs, ceil, floor, round, exact=False)
def once_is_enough(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(f(x)) = f(x)."""
    y = run(case)
    yield run(changed(case, y)), y


@law(add, mul, squared_difference, formats=(*BYTES, "s32", "s64"), exact=False)
def sides_may_be_exchanged(run: Run, case: Case, rng: Rng) -> Pairs:
    """X + y = y + x."""
    x, y = case.args
    quant = (*case.quant[1:2], *case.quant[:1])
    yield (
        run(Case(case.op, (y, x), case.attributes, quant, case.out_dtype, case.out_quant)),
        run(case),
    )


@law(maximum, minimum)
def numbers_may_be_exchanged(run: Run, case: Case, rng: Rng) -> Pairs:
    """max(x, y) = max(y, x) of numbers."""
    x, y = case.args
    yield run(changed(case, y, x)), run(case)


@law(sub)
def difference_is_a_sum(run: Run, case: Case, rng: Rng) -> Pairs:
    """X - y = x + -y."""
    x, y = case.args
    yield run(Case(add, (x, -y), case.attributes)), run(case)  # type: ignore[operator]


@law(*SUMS, *EXTREMES, formats=(*BYTES, "s32"))
def terms_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Elements along one reduced axis in any order."""
    x, axes = case.args
    assert x is not None and axes is not None
    if axes.size and x.ndim:
        order = rng.permutation(x.shape[int(axes.ravel()[0])])
        yield run(changed(case, np.take(x, order, int(axes.ravel()[0])))), run(case)


@law(sum, *EXTREMES, formats=("f32", "s32", "s64"))
def axes_come_one_by_one(run: Run, case: Case, rng: Rng) -> Pairs:
    """Over two axes is over one and then over the other."""
    x = case.args[0]
    assert x is not None
    if x.ndim > 1 and x.size:
        first, second = (np.array([a], np.int32) for a in rng.permutation(x.ndim)[:2])
        once = run(changed(case, ..., first, keep_dims=True))
        twice = run(changed(case, once, second, keep_dims=True))
        yield twice, run(changed(case, ..., np.concatenate([first, second]), keep_dims=True))


@law(reduce_max)
def largest_is_the_smallest_of_opposites(run: Run, case: Case, rng: Rng) -> Pairs:
    """Max x = -min -x."""
    x, axes = case.args
    assert x is not None
    if x.size:
        yield -run(Case(reduce_min, (-x, axes), case.attributes)), run(case)


@law(sum)
def sum_of_opposites(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sum -x = -sum x, and sum 2 x = 2 sum x."""
    x, y = case.args[0], run(case)
    yield run(changed(case, -x)), -y  # type: ignore[operator]
    yield run(changed(case, x * 2)), y * 2  # type: ignore[operator]


@law(softmax, log_softmax, exact=False)
def constants_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """softmax(x + c) = softmax(x), of whole numbers and so without rounding x + c."""
    x = np.rint(np.clip(np.nan_to_num(case.args[0]), -16, 16)).astype(case.args[0].dtype)  # type: ignore
    case = changed(case, x)
    yield run(changed(case, x + 4)), run(case)


@law(softmax, log_softmax, exact=False)
def elements_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """The elements of rows in another order."""
    x = case.args[0]
    assert x is not None
    if np.isfinite(x).all() and np.abs(x).max(initial=0) < 64:
        order = rng.permutation(x.shape[-1])
        yield run(changed(case, x[..., order])), run(case)[..., order]


@law(dequantize, formats=("s8", "u8", "s16"), exact=False)
def quantized_again_it_is_the_same(run: Run, case: Case, rng: Rng) -> Pairs:
    """q(dq(q)) = q."""
    x = case.args[0]
    assert x is not None
    quant, real = case.quant[0], run(case)
    form = {"int8": "s8", "uint8": "u8", "int16": "s16"}[x.dtype.name]
    back = Case(quantize, (real,), {"to": form}, out_dtype=(x.dtype,), out_quant=(quant,))
    yield run(back), x
