"""Second oracles of control flow: what a node does, said as a recursion over values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...refimpl.control import if_else, loop, pass_through, scan, while_loop
from ..cells import Cells
from ..tables import HOST_EXACT

Run = Callable[[Any, Any], tuple[Any, ...]]


def _one(cells: Cells) -> Any:
    (value,) = cells.values
    return value


def _stacked(parts: list[Cells], axis: int) -> Cells:
    """Join slices along a new axis."""
    shape = list(parts[0].shape)
    axis %= len(shape) + 1
    shape.insert(axis, len(parts))
    y = Cells.full(shape, 0)
    y.format = parts[0].format
    for number, part in enumerate(parts):
        for i in part.indices():
            y[(*i[:axis], number, *i[axis:])] = part[i]
    return y


def _slices(cells: Cells, axis: int, backward: bool) -> list[Cells]:
    """Cut along an axis."""
    axis %= len(cells.shape)
    shape = cells.shape[:axis] + cells.shape[axis + 1 :]
    found = []
    for number in range(cells.shape[axis]):
        part = Cells.full(shape, 0)
        part.format = cells.format
        for i in part.indices():
            part[i] = cells[(*i[:axis], number, *i[axis:])]
        found.append(part)
    return found[::-1] if backward else found


@HOST_EXACT.of(pass_through)
def exact_pass_through(x: Any) -> Any:
    """The same."""
    return x


@HOST_EXACT.of(if_else)
def exact_if_else(
    condition: Cells, *captured: Any, then: Any, otherwise: Any, split: int, run: Run
) -> Any:
    """One of two."""
    first, second = captured[:split], captured[split:]
    return run(then, first) if _one(condition) else run(otherwise, second)


@HOST_EXACT.of(loop)
def exact_loop(
    trips: Cells | None,
    condition: Cells | None,
    *values: Any,
    body: Any,
    carried: int,
    run: Run,
) -> Any:
    """L(n, c, s) = s without stacks if n is reached or c is false, else L of the body's results with one slice more."""
    outside = list(values[carried:])

    def go(number: int, going: bool, state: list[Any], rows: list[tuple[Any, ...]]) -> Any:
        if not going or (trips is not None and number >= _one(trips)):
            return state, rows
        at, flag = Cells((), [number], "s64"), Cells((), [going], "bool")
        found = run(body, [at, flag, *state, *outside])
        return go(
            number + 1,
            _one(found[0]),
            list(found[1 : 1 + carried]),
            [*rows, tuple(found[1 + carried :])],
        )

    start = condition is None or _one(condition)
    state, rows = go(0, start, list(values[:carried]), [])
    return (*state, *(_stacked(list(column), 0) for column in zip(*rows, strict=True)))


@HOST_EXACT.of(while_loop)
def exact_while_loop(
    *values: Any, condition: Any, body: Any, carried: int, split: int, run: Run
) -> Any:
    """W(s) = s where the condition of s is false, else W of the body's results."""
    asked, outside = list(values[carried : carried + split]), list(values[carried + split :])

    def go(state: list[Any]) -> list[Any]:
        if not _one(run(condition, [*state, *asked])[0]):
            return state
        return go(list(run(body, [*state, *outside])))

    return tuple(go(list(values[:carried])))


@HOST_EXACT.of(scan)
def exact_scan(
    *values: Any,
    body: Any,
    carried: int,
    scanned: int,
    axes: tuple[int, ...],
    backward: tuple[bool, ...],
    out_axes: tuple[int, ...],
    out_backward: tuple[bool, ...],
    batched: bool,
    run: Run,
) -> Any:
    """Fold the body over tuples of slices; of each element of a batch."""
    if batched:
        many = [_slices(v, 0, False) for v in values[: carried + scanned]]
        rest = values[carried + scanned :]
        each = [
            exact_scan(
                *one,
                *rest,
                body=body,
                carried=carried,
                scanned=scanned,
                axes=axes,
                backward=backward,
                out_axes=out_axes,
                out_backward=out_backward,
                batched=False,
                run=run,
            )
            for one in zip(*many, strict=True)
        ]
        return tuple(_stacked(list(column), 0) for column in zip(*each, strict=True))
    state, outside = list(values[:carried]), list(values[carried + scanned :])
    given = values[carried : carried + scanned]
    columns = [_slices(x, a, b) for x, a, b in zip(given, axes, backward, strict=True)]
    rows: list[tuple[Any, ...]] = []
    for parts in zip(*columns, strict=True):
        found = run(body, [*state, *parts, *outside])
        state, row = list(found[:carried]), tuple(found[carried:])
        rows.append(row)
    results = []
    for number, (axis, back) in enumerate(zip(out_axes, out_backward, strict=True)):
        column = [row[number] for row in rows]
        results.append(_stacked(column[::-1] if back else column, axis))
    return (*state, *results)
