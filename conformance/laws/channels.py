"""Laws of normalizations and of what is done to channels: units, means and signs of their inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...refimpl.channel import batch_norm, instance_norm, scale
from ...refimpl.loss import negative_log_likelihood
from ...refimpl.norm import l2_normalization, layer_norm, local_response_normalization, rms_norm
from ..case import Case
from .elements import first
from .law import Pairs, Rng, Run, changed, law, slack, value_of


def _wide(case: Case) -> bool:
    """Whether four times epsilon is the float32 number that it should be."""
    return float(np.float32(4 * value_of(case, "epsilon"))) == 4 * float(
        np.float32(value_of(case, "epsilon"))
    )


@law(layer_norm, rms_norm, instance_norm)
def units_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of numbers twice as large, and epsilon four times, results are the same."""
    if _wide(case):
        yield run(changed(case, first(case) * 2, epsilon=4 * value_of(case, "epsilon"))), run(case)


@law(batch_norm)
def units_of_moments_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of numbers and means twice as large, and variances four times, results are the same."""
    x, mean, variance = case.args[:3]
    assert x is not None and mean is not None and variance is not None
    if _wide(case):
        large = changed(
            case, x * 2, mean * 2, np.abs(variance) * 4, epsilon=4 * value_of(case, "epsilon")
        )
        yield run(large), run(changed(case, ..., ..., np.abs(variance)))


@law(layer_norm, instance_norm)
def means_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """A number that is added to all is subtracted again."""
    x = first(case)
    moved = changed(case, x + 4)
    yield run(moved), run(case), slack(moved) + slack(case)


@law(layer_norm, rms_norm, instance_norm, batch_norm)
def factors_come_last(run: Run, case: Case, rng: Rng) -> Pairs:
    """Twice the scale is twice the result, without the summand."""
    at = 3 if case.op is batch_norm else 1
    args = list(case.args)
    given = args[at] if at < len(args) else None
    if given is None:
        return
    for i in range(at + 1, len(args)):
        args[i] = None if case.op is not instance_norm else np.zeros_like(given)
    plain = replace(case, args=tuple(args), constant=case.constant & {0, 1, 2, at})
    args[at] = given * 2
    yield run(replace(plain, args=tuple(args))), run(plain) * 2, 2 * slack(plain)


@law(l2_normalization)
def lengths_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """A vector twice as long becomes the same, one turned around the opposite, and once is enough."""
    case = changed(case, activation="none")
    x, y = first(case), run(case)
    yield run(changed(case, x * 2)), y
    yield run(changed(case, -x)), -y
    again = changed(case, y)
    yield run(again), y, slack(again) + slack(case) * 4


@law(local_response_normalization)
def energy_scales(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of numbers twice as large, and alpha a quarter, results are twice as large."""
    alpha = value_of(case, "alpha")
    yield run(changed(case, first(case) * 2, alpha=alpha / 4)), run(case) * 2, slack(case) * 2


@law(scale)
def factors_and_numbers_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Twice the factor is twice the numbers."""
    x, factor = case.args[:2]
    assert x is not None and factor is not None
    case = changed(case, activation="none")
    yield run(changed(case, ..., factor * 2)), run(changed(case, x * 2))
    one = replace(changed(case, ..., np.ones_like(factor)), args=(x, np.ones_like(factor)))
    yield run(replace(one, constant=case.constant & {0, 1})), x


@law(negative_log_likelihood)
def classes_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Classes in another order, with their weights, lose the same."""
    x, target, weight = (*case.args, None)[:3]
    assert x is not None and target is not None
    order = rng.permutation(x.shape[1])
    back = np.argsort(order)
    ignored = value_of(case, "ignore_index")
    used = np.ones(target.shape, bool) if ignored is None else target != ignored
    if ignored is not None and 0 <= ignored < x.shape[1]:
        return
    named = np.where(used, back[np.where(used, target, 0)] if len(back) else target, target)
    moved = (x[:, order], named.astype(target.dtype))
    weights = () if weight is None else (weight[order],)
    yield run(changed(case, *moved, *weights)), run(case), slack(case)


@law(negative_log_likelihood)
def losses_add_up(run: Run, case: Case, rng: Rng) -> Pairs:
    """The sum is that of each, and scores turned around lose the opposite."""
    each, whole = (changed(case, reduction=r) for r in ("none", "sum"))
    y = run(whole)
    yield run(each).sum(dtype=np.float64).astype(y.dtype).reshape(()), y
    yield run(changed(whole, -first(case))), -y
