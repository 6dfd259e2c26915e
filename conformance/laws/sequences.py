"""Laws of what goes on in time: layers that remember, and attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...ir import Array, Op
from ...refimpl.attention import attention
from ...refimpl.linear_attention import linear_attention
from ...refimpl.recurrent import lstm, svdf
from ...refimpl.rnn import gru, lstm_layer, rnn
from ...refimpl.rotary import rotary_embedding
from ..case import Case
from ..judge import bounds, expected
from .elements import first
from .law import Pairs, Rng, Run, changed, law, slack, value_of

# By operator: the axis of time, the inputs that have it, and which input takes each state that comes out.
Time = tuple[int, tuple[int, ...], Mapping[int, int]]
LAYERS = (rnn, gru, lstm_layer)
STEPS: dict[Op[..., Any], Time] = {
    rnn: (0, (0,), {1: 5}),
    gru: (0, (0,), {1: 5}),
    lstm_layer: (0, (0,), {1: 5, 2: 6}),
    lstm: (1, (0,), {1: 10, 2: 11}),
    linear_attention: (1, (0, 1, 2, 4, 5), {1: 3}),
}


def _frames(case: Case, at: int, positions: tuple[int, ...], part: slice) -> list[Array | None]:
    """Return the inputs with some frames only."""
    args = list(case.args)
    for i in positions:
        value = args[i] if i < len(args) else None
        args[i : i + 1] = [None if value is None else value[(slice(None),) * at + (part,)]]
    return args


@law(*STEPS, formats=("f32", "s8"), exact=False)
def step_by_step(run: Run, case: Case, rng: Rng) -> Pairs:
    """A sequence in two runs, the second from the states of the first, is one in one run."""
    at, positions, states = STEPS[case.op]
    if case.op in LAYERS:
        args = (*case.args[:4], None, *case.args[5:])
        case = replace(changed(case, reverse=False), args=args)
    time = first(case).shape[at]
    if case.attributes.get("time_major") or time < 2:
        return
    half = time // 2
    one = run.all(replace(case, args=tuple(_frames(case, at, positions, slice(half)))))
    rest = _frames(case, at, positions, slice(half, None))
    for output, position in states.items():
        rest[position] = one[output]
    two = run.all(replace(case, args=tuple(rest)))
    whole, off = run.all(case), bounds(case, expected(case))
    yield np.concatenate([one[0], two[0]], at), whole[0], 2 * off[0]
    for got, want, room in zip(two[1:], whole[1:], off[1:], strict=True):
        yield got, want, 2 * room


@law(*LAYERS, exact=False)
def backwards(run: Run, case: Case, rng: Rng) -> Pairs:
    """Backwards is turned around before and after."""
    if case.args[4] is None:
        turned = changed(case, first(case)[::-1].copy(), reverse=not value_of(case, "reverse"))
        yield run(turned), run(case)[::-1]


@law(*LAYERS, exact=False)
def inputs_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Features in another order, with the columns of their weights."""
    x, w = case.args[:2]
    assert x is not None and w is not None
    order = rng.permutation(x.shape[2])
    yield run(changed(case, x[..., order], w[:, order])), run(case), slack(case)


@law(svdf)
def responses_add_up(run: Run, case: Case, rng: Rng) -> Pairs:
    """Frames and states twice as large have results twice as large, without bias."""
    args = [*case.args, None][:5]
    x, state = args[0], args[3]
    assert x is not None and state is not None
    plain = replace(changed(case, activation="none"), args=(*args[:4], None))
    plain = replace(plain, constant=case.constant - {4})
    y, after = run.all(plain)
    z, later = run.all(changed(plain, x * 2, ..., ..., state * 2))
    yield z, y * 2
    yield later, after * 2


@law(attention, exact=False)
def keys_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Keys in another order, with their values and the columns of the mask."""
    _, k, v, mask, lengths = (*case.args, None, None)[:5]
    assert k is not None and v is not None
    window = any(value_of(case, n) >= 0 for n in ("left", "right"))
    if window or lengths is not None:
        return
    order = rng.permutation(k.shape[2])
    columns = mask is not None and mask.ndim > 0 and mask.shape[-1] > 1
    moved = mask[..., order] if mask is not None and columns else mask
    yield run(changed(case, ..., k[:, :, order], v[:, :, order], moved)), run(case), slack(case)


@law(attention)
def values_go_through(run: Run, case: Case, rng: Rng) -> Pairs:
    """Values twice as large give mixtures twice as large."""
    _, _, v = case.args[:3]
    assert v is not None
    case = changed(case, scores="none")
    yield run(changed(case, ..., ..., v * 2)), run(case) * 2, 2 * slack(case)


@law(linear_attention)
def mixtures_scale(run: Run, case: Case, rng: Rng) -> Pairs:
    """Queries twice as large have answers twice as large, and leave the same state."""
    y, state = run.all(case)
    z, after = run.all(changed(case, first(case) * 2))
    yield z, y * 2
    yield after, state


@law(rotary_embedding)
def turned_back(run: Run, case: Case, rng: Rng) -> Pairs:
    """By a quarter and back: with the sines turned around, what was turned comes back, as whole numbers."""
    _, cos, sin = case.args
    assert cos is not None and sin is not None
    quarter = changed(case, ..., np.zeros_like(cos), np.ones_like(sin))
    yield run(changed(quarter, run(quarter), ..., -np.ones_like(sin))), first(case)
    none = changed(case, ..., np.ones_like(cos), np.zeros_like(sin))
    yield run(none), first(case)


@law(rotary_embedding)
def turning_is_linear(run: Run, case: Case, rng: Rng) -> Pairs:
    """Numbers twice as large are turned to numbers twice as large."""
    yield run(changed(case, first(case) * 2)), run(case) * 2
