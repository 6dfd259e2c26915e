"""Laws of reductions, running sums, softmax and determinants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...refimpl.einsum import det
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
    reduced_axes,
    sum,
)
from ...refimpl.scan import cumprod, cumsum
from ...refimpl.softmax import log_softmax, softmax
from ..case import Case
from .elements import first
from .lanes import scanned_axis
from .law import Pairs, Rng, Run, changed, law, slack, value_of

BYTES = ("f32", "s8", "u8", "s16", "s32")
EXTREMES = (reduce_max, reduce_min)
SUMS = (sum, mean, reduce_sum_abs, reduce_sum_square)


@law(*SUMS, *EXTREMES, formats=BYTES)
def terms_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Elements along one reduced axis in any order."""
    x, axes = case.args
    assert x is not None and axes is not None
    if axes.size and x.ndim:
        order = rng.permutation(x.shape[int(axes.ravel()[0])])
        yield run(changed(case, np.take(x, order, int(axes.ravel()[0])))), run(case)


@law(*SUMS, *EXTREMES, reduce_prod)
def a_nan_is_not_lost(run: Run, case: Case, rng: Rng) -> Pairs:
    """One NaN among what is reduced makes the result NaN."""
    x = first(case).copy()
    if x.size:
        x[tuple(rng.integers(n) for n in x.shape)] = np.nan
        yield np.isnan(run(changed(case, x))).sum(), np.asarray(1)


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
    x, y = first(case), run(case)
    yield run(changed(case, -x)), -y
    yield run(changed(case, x * 2)), y * 2


@law(sum, mean)
def mean_is_the_sum_by_the_count(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of sums that are exact the quotient is rounded once."""
    x, axes = case.args
    assert x is not None and axes is not None
    count = np.prod([x.shape[a] for a in reduced_axes(x.ndim, axes)], dtype=np.int64)
    if count:
        quotient = run(replace(case, op=sum)).astype(np.float64) / count
        average = replace(case, op=mean)
        yield run(average), quotient.astype(x.dtype), slack(average)


@law(mean, formats=("s32", "s64"))
def mean_of_opposites(run: Run, case: Case, rng: Rng) -> Pairs:
    """Integers are cut towards zero: of opposites it is the opposite."""
    x = first(case) // first(case).dtype.type(2)
    yield run(changed(case, -x)), -run(changed(case, x))


@law(reduce_sum_square, reduce_sum_abs)
def signs_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """They are those of magnitudes."""
    x = first(case)
    signs = rng.choice(np.array([-1, 1], x.dtype), x.shape)
    yield run(changed(case, x * signs)), run(case)


@law(reduce_prod)
def factors_of_two(run: Run, case: Case, rng: Rng) -> Pairs:
    """A product of powers of two has the sum of the powers."""
    x, axes = case.args
    assert x is not None
    powers = np.sign(x)
    total = run(Case(sum, (powers, axes), case.attributes))
    if np.abs(total).max(initial=0) < 100:
        yield run(changed(case, np.exp2(powers).astype(x.dtype))), np.exp2(total).astype(x.dtype)


@law(reduce_all, reduce_any, formats=("bool",))
def not_any_is_all_not(run: Run, case: Case, rng: Rng) -> Pairs:
    """Not any x = all not x."""
    other = reduce_any if case.op is reduce_all else reduce_all
    yield ~run(replace(changed(case, ~first(case)), op=other)), run(case)


@law(arg_max, arg_min, formats=("f32", "s8", "s32"))
def the_extreme_is_there(run: Run, case: Case, rng: Rng) -> Pairs:
    """What stands at the position is the extreme of its line; of opposites it is the other."""
    x = first(case)
    if x.dtype.kind == "f" and np.isnan(x).any():
        return
    place, at = run(case), scanned_axis(case)
    op = reduce_max if case.op is arg_max else reduce_min
    found = np.take_along_axis(x, np.expand_dims(place, at), at)
    plain = Case(op, (x, np.array([at], np.int32)), {"keep_dims": True})
    yield found + 0, run(plain) + 0
    yield np.argmax(x == found, at).astype(place.dtype), place  # the first one, too
    if x.dtype.kind == "f":
        other = arg_min if case.op is arg_max else arg_max
        yield run(replace(changed(case, -x), op=other)), place


@law(cumsum, formats=("f32", "s32", "s64"))
def differences_are_the_elements(run: Run, case: Case, rng: Rng) -> Pairs:
    """What an element adds to the sum before it is the element."""
    x = first(case)
    yield run(changed(case, exclusive=False)) - run(changed(case, exclusive=True)), x


@law(cumsum, cumprod, formats=("f32", "s32", "s64", "f64"), exact=False)
def from_the_end(run: Run, case: Case, rng: Rng) -> Pairs:
    """Backwards is turned around before and after."""
    x, at = first(case), scanned_axis(case)
    back = changed(case, np.flip(x, at).copy(), reverse=not value_of(case, "reverse"))
    yield run(back), np.flip(run(case), at)


@law(cumprod, formats=("f32", "s32", "s64"))
def running_products(run: Run, case: Case, rng: Rng) -> Pairs:
    """What is before an element times the element, of powers of two."""
    x = np.where(first(case) < 0, first(case).dtype.type(-1), first(case).dtype.type(1))
    before, up_to = (run(changed(case, x, exclusive=e)) for e in (True, False))
    yield before * x, up_to


@law(cumsum, formats=("f32", "s32", "s64"))
def the_last_sum_is_of_all(run: Run, case: Case, rng: Rng) -> Pairs:
    """The running sum ends at the sum."""
    x, at = first(case), scanned_axis(case)
    if x.shape[at]:
        plain = changed(case, exclusive=False, reverse=False)
        whole = Case(sum, (x, np.array([at], np.int32)))
        yield np.take(run(plain), -1, at), run(whole)


@law(softmax, log_softmax, formats=("f32", "s8", "u8"))
def constants_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """softmax(x + c) = softmax(x), of whole numbers and so without rounding x + c."""
    x = first(case)
    high = 120 if x.dtype.kind in "iu" else 16
    x = np.clip(x, -high if x.dtype.kind != "u" else 0, high)
    yield run(changed(case, x + x.dtype.type(4))), run(changed(case, x))


@law(softmax, log_softmax, formats=("f32", "s8", "u8"), exact=False)
def elements_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """The elements of rows in another order."""
    x = first(case)
    if np.abs(x.astype(np.float64)).max(initial=0) < 256:
        order = rng.permutation(x.shape[-1])
        yield run(changed(case, x[..., order])), run(case)[..., order], slack(case)[..., order]


@law(softmax)
def beta_is_a_factor(run: Run, case: Case, rng: Rng) -> Pairs:
    """Softmax of 2 x is that of x with beta 2."""
    one, two = changed(case, first(case) * 2, beta=1.0), changed(case, beta=2.0)
    yield run(two), run(one), slack(one) + slack(two)


@law(softmax)
def shares_add_up(run: Run, case: Case, rng: Rng) -> Pairs:
    """Probabilities add up to 1."""
    y = run(case).astype(np.float64)
    if y.shape[-1]:
        yield y.sum(-1), np.ones(y.shape[:-1]), slack(case).sum(-1) + 2.0**-40


@law(softmax, log_softmax)
def logarithms_of_shares(run: Run, case: Case, rng: Rng) -> Pairs:
    """exp(log_softmax x) = softmax x."""
    shares, logs = (Case(op, (first(case),)) for op in (softmax, log_softmax))
    y = np.exp(run(logs).astype(np.float64))
    yield run(shares).astype(np.float64), y, slack(shares) + 2 * y * slack(logs) + 2.0**-40


@law(det)
def determinants(run: Run, case: Case, rng: Rng) -> Pairs:
    """Transposed it is the same, with two rows exchanged the opposite."""
    x = first(case)
    yield run(changed(case, np.ascontiguousarray(x.swapaxes(-1, -2)))), run(case), 2 * slack(case)
    if x.shape[-1] > 1:
        order = np.r_[1, 0, 2 : x.shape[-1]]
        yield run(changed(case, x[..., order, :])), -run(case), 2 * slack(case)
