"""Laws of transforms, of windows and bands, and of sums that an equation names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...refimpl.einsum import einsum
from ...refimpl.embedding import tf_idf
from ...refimpl.signal import cosine_window, dft, mel_weight_matrix
from ..case import Case
from .elements import first
from .law import Pairs, Rng, Run, changed, law, slack, value_of


@law(dft)
def there_and_back(run: Run, case: Case, rng: Rng) -> Pairs:
    """The inverse transform of a transform, which is as far off as that is on average."""
    x = first(case)
    if x.shape[-1] == 1:
        x = np.concatenate([x, np.zeros_like(x)], -1)
    plain = {"length": 0, "onesided": False}
    there = changed(case, x, inverse=False, **plain)
    y = run(there)
    back = changed(case, y, inverse=True, **plain)
    yield run(back), x, slack(back) + 2 * np.max(slack(there), initial=0.0)


@law(dft)
def transforms_add_up(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of sums they are sums; of opposites, opposites."""
    x = first(case)
    cases = [changed(case, a) for a in (x, x[..., ::-1].copy(), x + x[..., ::-1])]
    a, b, both = (run(c).astype(np.float64) for c in cases)
    yield a + b, both, slack(cases[0]) + slack(cases[1]) + slack(cases[2])
    yield run(changed(case, -x)) + 0, -run(case) + 0, slack(case)


@law(cosine_window, formats=("s32", "s64"), exact=False)
def both_ends_are_alike(run: Run, case: Case, rng: Rng) -> Pairs:
    """A window is its own mirror image; a periodic one is that of one more, without the last."""
    size = first(case)
    even = changed(case, periodic=False)
    y = run(even)
    yield y[::-1], y, slack(even)
    if int(size.reshape(-1)[0]) > 1:
        more = changed(even, size + size.dtype.type(1))
        want, room = run(more), slack(more)
        yield run(changed(case, periodic=True)), want[:-1], room[:-1]


@law(mel_weight_matrix, formats=("s32", "s64"), exact=False)
def bands_are_in_order(run: Run, case: Case, rng: Rng) -> Pairs:
    """Bands are between nothing and one, in the order of their frequencies."""
    y = run(case)
    yield np.clip(y, 0, 1), y
    peaks = np.argmax(y, axis=0)
    yield np.maximum.accumulate(peaks), peaks
    yield y.max(0), np.ones(y.shape[1], y.dtype)


@law(einsum, formats=("f32", "f64", "s32", "s64"))
def operands_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Tensors in another order, with their terms."""
    left, arrow, right = value_of(case, "equation").partition("->")
    if arrow:
        order = [int(i) for i in rng.permutation(len(case.args))]
        terms = left.split(",")
        equation = ",".join(terms[i] for i in order) + arrow + right
        args = tuple(case.args[i] for i in order)
        yield run(replace(case, args=args, attributes={"equation": equation})), run(case)


@law(einsum, formats=("f32", "s32", "s64"))
def each_operand_adds(run: Run, case: Case, rng: Rng) -> Pairs:
    """Linear in each tensor."""
    for i, x in enumerate(case.args):
        assert x is not None
        other = rng.permuted(x, axis=None)
        parts = [
            run(replace(case, args=(*case.args[:i], a, *case.args[i + 1 :])))
            for a in (x, other, x + other)
        ]
        yield parts[0] + parts[1], parts[2]


@law(tf_idf, formats=("s32", "s64"), exact=False)
def words_are_names(run: Run, case: Case, rng: Rng) -> Pairs:
    """Other names for the words, in the texts and in the pool, change nothing."""
    x, pool = case.args[:2]
    assert x is not None and pool is not None
    mask = x.dtype.type(0b1010101)
    yield run(changed(case, x ^ mask, pool ^ mask)), run(case)


@law(tf_idf, formats=("s32", "s64"), exact=False)
def counts_times_weights(run: Run, case: Case, rng: Rng) -> Pairs:
    """Counts times weights, where neither is rounded."""
    count, weight, both = (run(changed(case, mode=mode)) for mode in ("TF", "IDF", "TFIDF"))
    yield both, count * weight
