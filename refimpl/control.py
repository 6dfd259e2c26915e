"""Control flow, and nodes on values that are no tensors: they run in Python, between the parts of a plan.

A network in an attribute takes its own inputs and then what it captures from outside, the last inputs of the node.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from ..ir import Array, Deferred, Graph, InputError, RunError, op, require
from .fused import run_body

MAX_STACKED: Final = 1 << 30  # bytes that the rounds of a loop leave

Body = Graph | Deferred
Run = Callable[[Body, Sequence[Any]], tuple[Any, ...]]


def run_plainly(body: Body, args: Sequence[Any]) -> tuple[Any, ...]:
    """Run a network of float operators by their references."""
    given = dict(zip(body.inputs, args, strict=True))
    graph = body.graph(given) if isinstance(body, Deferred) else body
    values = run_body(graph, [given[n] for n in graph.inputs])
    return tuple(values[n] for n in body.outputs)


def truth(value: Any) -> bool:
    """Return a condition: a tensor of one element."""
    require("C1", np.size(value) == 1, f"the condition has {np.size(value)} elements")
    return bool(np.reshape(value, ()))


@op(host=True)
def pass_through(x: Any) -> Any:
    """Return `x`, whatever it is.

    Inputs: `x`, any value.

    >>> pass_through([np.ones(1)])
    [array([1.])]
    """
    return x


@op(host=True)
def if_else(
    condition: Array,
    *captured: Any,
    then: Body,
    otherwise: Body,
    split: int = 0,
    run: Run = run_plainly,
) -> tuple[Any, ...]:
    """Run one of two networks: `then` where the condition holds, else `otherwise`.

    Inputs: `condition`, bool of one element; then what `then` captures, `split` values, and what `otherwise` does.

    Attributes:
        then, otherwise: the networks.
        split: how many values `then` captures.

    Constraints:
        (C1) The condition has one element.

    >>> one, other = (Graph((), ("x",), ("x",), {}) for _ in range(2))
    >>> if_else(np.array(False), "a", "b", then=one, otherwise=other, split=1)
    ('b',)
    """
    if truth(condition):
        return run(then, captured[:split])
    return run(otherwise, captured[split:])


@op(host=True)
def loop(
    trips: Array | None,
    condition: Array | None,
    *values: Any,
    body: Body,
    carried: int,
    run: Run = run_plainly,
) -> tuple[Any, ...]:
    """Run `body` again and again, at most `trips` times, as long as the condition holds (ONNX Loop).

    Inputs: `trips`, s64 of one element, and `condition`, bool; None: no limit, true. `values`: `carried` values that go
        from round to round, then those that `body` captures. It takes the round's number, the condition, and these; it
        gives the next condition, the carried values, and further ones, which are stacked over the rounds.

    Attributes:
        body: the network.
        carried: how many values go from round to round.

    Constraints:
        (C1) A condition has one element.
        (C2) There are at most 2^14 rounds, or LITEGOLD_ROUNDS of them.
        (C3) What is stacked takes at most 1 GiB.

    >>> body = Graph((), ("i", "go", "x"), ("go", "x", "i"), {})
    >>> loop(np.int64(3), None, 7, body=body, carried=1)
    (7, array([0, 1, 2]))
    """
    state, outside = list(values[:carried]), list(values[carried:])
    going = condition is None or truth(condition)
    legal = most_rounds()
    most = legal + 1 if trips is None else int(np.reshape(trips, ()))
    stacks: list[list[Array]] = [[] for _ in range(len(body.outputs) - 1 - carried)]
    rounds = stacked_bytes = 0
    while going and rounds < most:
        _check_rounds(rounds, legal)
        found = run(body, [np.asarray(rounds, np.int64), np.asarray(going), *state, *outside])
        going, state = truth(found[0]), list(found[1 : 1 + carried])
        for stack, y in zip(stacks, found[1 + carried :], strict=True):
            stack.append(y)
            stacked_bytes += y.nbytes
        require("C3", stacked_bytes <= MAX_STACKED, f"the rounds leave {stacked_bytes} bytes")
        rounds += 1
    if not rounds and stacks:
        given = [np.asarray(0, np.int64), np.asarray(True), *state, *outside]
        stacked = _empty_stacks(body, given, carried)
    else:
        stacked = [_stacked(s) for s in stacks]
    return (*state, *stacked)


def most_rounds() -> int:
    """Return how many rounds a loop may have: LITEGOLD_ROUNDS, 2^14 by default; a damaged file may ask for more."""
    text = os.environ.get("LITEGOLD_ROUNDS", str(1 << 14))
    if not text.isascii() or not text.isdigit():
        raise InputError(f"LITEGOLD_ROUNDS={text}: expected a number")
    return int(text)


def _check_rounds(rounds: int, most: int) -> None:
    reason = f"more than {most} rounds; set LITEGOLD_ROUNDS to a larger number"
    require("C2", rounds < most, reason)


def _stacked(parts: Sequence[Array]) -> Array:
    if len({p.shape for p in parts}) > 1:
        raise RunError(f"rounds gave results of shapes {parts[0].shape} and others; none can stack")
    return np.stack(parts)


def _empty_stacks(body: Body, args: Sequence[Any], carried: int) -> list[Array]:
    """Return what no round has given: no slices, of the type that the body declares."""
    graph = (
        body.graph(dict(zip(body.inputs, args, strict=True)))
        if isinstance(body, Deferred)
        else body
    )
    types = [graph.tensors.get(n) for n in body.outputs[1 + carried :]]
    if any(t is None for t in types):
        raise RunError("no round was run; what its results would be, only a run tells")
    return [np.zeros((0, *t.shape), t.dtype) for t in types if t is not None]


@op(host=True)
def while_loop(
    *values: Any,
    condition: Body,
    body: Body,
    carried: int,
    split: int = 0,
    run: Run = run_plainly,
) -> tuple[Any, ...]:
    """Run `body` on its own results as long as `condition` of them holds (TensorFlow's and MindSpore's While).

    Inputs: `carried` values; then what `condition` captures, `split` values, and what `body` does.

    Attributes:
        condition, body: the networks.
        carried: how many values go from round to round.
        split: how many values `condition` captures.

    Constraints:
        (C1) A condition has one element.
        (C2) There are at most 2^14 rounds, or LITEGOLD_ROUNDS of them.

    >>> ask, body = Graph((), ("x", "y"), ("x",), {}), Graph((), ("x", "y"), ("y", "y"), {})
    >>> while_loop(np.array(True), np.array(False), condition=ask, body=body, carried=2)
    (array(False), array(False))
    """
    state = list(values[:carried])
    asked, outside = values[carried : carried + split], values[carried + split :]
    rounds, legal = 0, most_rounds()
    while truth(run(condition, [*state, *asked])[0]):
        _check_rounds(rounds, legal)
        state = list(run(body, [*state, *outside]))
        rounds += 1
    return tuple(state)


@op(host=True)
def scan(
    *values: Any,
    body: Body,
    carried: int,
    scanned: int,
    axes: tuple[int, ...],
    backward: tuple[bool, ...],
    out_axes: tuple[int, ...],
    out_backward: tuple[bool, ...],
    batched: bool = False,
    run: Run = run_plainly,
) -> tuple[Any, ...]:
    """Run `body` over the slices of some tensors, one after the other (ONNX Scan).

    Inputs: `carried` values that go from slice to slice; `scanned` tensors, sliced along `axes`, from the end where
        `backward`; then what `body` captures. It gives the carried values, and slices to be stacked along `out_axes`,
        from the end where `out_backward`.

    Attributes:
        body: the network.
        carried, scanned: how many values go from slice to slice, and how many are sliced.
        axes, backward: of each scanned tensor.
        out_axes, out_backward: of each stack.
        batched: carried and scanned tensors, and all results, have an axis in front of which each element is run alone.

    Constraints:
        (C1) All scanned tensors have as many slices, at least one; so have batches.

    >>> body = Graph((), ("s", "x"), ("s", "x"), {})
    >>> one = {"axes": (0,), "backward": (False,), "out_axes": (0,), "out_backward": (True,)}
    >>> scan(0, np.arange(3), body=body, carried=1, scanned=1, **one)
    (0, array([2, 1, 0]))
    """
    inputs, outside = values[carried : carried + scanned], values[carried + scanned :]
    if batched:
        batches = _slices(values[: carried + scanned], (0,) * (carried + scanned))
        alone = partial(scan.reference, body=body, carried=carried, scanned=scanned, run=run)
        alone = partial(alone, axes=axes, backward=backward)
        alone = partial(alone, out_axes=out_axes, out_backward=out_backward)
        results = [alone(*batch, *outside) for batch in batches]
        return tuple(_stacked(column) for column in zip(*results, strict=True))
    state, rounds = list(values[:carried]), []
    for parts in _slices(inputs, axes, backward):
        found = run(body, [*state, *parts, *outside])
        state = list(found[:carried])
        rounds.append(found[carried:])
    stacks = [
        _stacked(parts[::-1] if back else parts)
        for parts, back in zip(zip(*rounds, strict=True), out_backward, strict=True)
    ]
    return (*state, *(np.moveaxis(s, 0, axis) for s, axis in zip(stacks, out_axes, strict=True)))


def _slices(
    xs: Sequence[Array], axes: Sequence[int], backward: Sequence[bool] = ()
) -> list[list[Array]]:
    """Cut tensors along an axis each; return the slices of all that belong together."""
    moved = [np.moveaxis(x, axis, 0) for x, axis in zip(xs, axes, strict=True)]
    counts = {len(x) for x in moved}
    require("C1", len(counts) == 1 and 0 not in counts, f"there are {sorted(counts)} slices")
    moved = [x[::-1] if any(backward[i : i + 1]) else x for i, x in enumerate(moved)]
    return [[np.array(x[i], order="C") for x in moved] for i in range(counts.pop())]
