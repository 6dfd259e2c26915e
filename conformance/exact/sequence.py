"""Second oracles of sequences and optionals: one tensor, one element after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...refimpl.sequence import (
    concat_from_sequence,
    optional,
    optional_get_element,
    optional_has_element,
    sequence_at,
    sequence_construct,
    sequence_erase,
    sequence_insert,
    sequence_length,
    sequence_map,
    split_to_sequence,
)
from ...refimpl.shape import leading
from ..cells import Cells
from ..tables import HOST_EXACT


def _number(cells: Cells) -> int:
    (value,) = cells.values
    return int(value)


@HOST_EXACT.of(sequence_construct)
def exact_sequence_construct(*xs: Cells) -> list[Cells]:
    """All of them."""
    return [*xs]


@HOST_EXACT.of(sequence_at)
def exact_sequence_at(sequence: list[Cells], position: Cells) -> Cells:
    """Walk there."""
    at = _number(position)
    wanted = len(sequence) + at if at < 0 else at
    return next(x for i, x in enumerate(sequence) if i == wanted)


@HOST_EXACT.of(sequence_insert)
def exact_sequence_insert(
    sequence: list[Cells], x: Cells, position: Cells | None = None
) -> list[Cells]:
    """Copy one after the other; the new one comes first at its place."""
    at = len(sequence) if position is None else _number(position)
    at = len(sequence) + at if at < 0 else at
    found: list[Cells] = []
    for i in range(len(sequence) + 1):
        found += [x] if i == at else []
        found += [sequence[i]] if i < len(sequence) else []
    return found


@HOST_EXACT.of(sequence_erase)
def exact_sequence_erase(sequence: list[Cells], position: Cells | None = None) -> list[Cells]:
    """Copy all but one."""
    at = -1 if position is None else _number(position)
    return [x for i, x in enumerate(sequence) if i not in (at, len(sequence) + at)]


@HOST_EXACT.of(sequence_length)
def exact_sequence_length(sequence: list[Cells]) -> Cells:
    """Count."""
    return Cells((), [sum(1 for _ in sequence)], "s64")


@HOST_EXACT.of(sequence_map)
def exact_sequence_map(
    *values: Any, body: Any, count: int, run: Callable[[Any, Any], tuple[Any, ...]]
) -> Any:
    """Transpose the results of one call each."""
    first = next(v for v in values[:count] if isinstance(v, list))
    results: tuple[list[Any], ...] = tuple([] for _ in body.outputs)
    for place, _ in enumerate(first):
        given = [v[place] if i < count and isinstance(v, list) else v for i, v in enumerate(values)]
        for column, y in zip(results, run(body, given), strict=True):
            column.append(y)
    return results


@HOST_EXACT.of(split_to_sequence)
def exact_split_to_sequence(
    x: Cells, split: Cells | None = None, *, axis: int, keep_dims: bool
) -> list[Cells]:
    """Ask of each element of each part where it was."""
    axis += len(x.shape) if axis < 0 else 0
    size = x.shape[axis]
    if split is not None and split.shape:
        sizes = list(split.values)
    else:
        step = 1 if split is None else _number(split)
        sizes = [min(step, size - i) for i in range(0, size, step)]
    drops = split is None and not keep_dims
    found, start = [], 0
    for n in sizes:
        shape = [*x.shape[:axis], *([] if drops else [n]), *x.shape[axis + 1 :]]
        part = Cells.full(shape, 0)
        part.format = x.format
        for i in part.indices():
            along, behind = (0, i[axis:]) if drops else (i[axis], i[axis + 1 :])
            part[i] = x[(*i[:axis], start + along, *behind)]
        found.append(part)
        start += n
    return found


@HOST_EXACT.of(concat_from_sequence)
def exact_concat_from_sequence(sequence: list[Cells], *, axis: int, new_axis: bool) -> Cells:
    """Put each element where it goes."""
    first = sequence[0].shape
    axis += len(first) + new_axis if axis < 0 else 0
    total = len(sequence) if new_axis else sum(x.shape[axis] for x in sequence)
    y = Cells.full((*first[:axis], total, *first[axis + (not new_axis) :]), 0)
    y.format, start = sequence[0].format, 0
    for x in sequence:
        for i in x.indices():
            y[(*i[:axis], start + (0 if new_axis else i[axis]), *i[axis + (not new_axis) :])] = x[i]
        start += 1 if new_axis else x.shape[axis]
    return y


@HOST_EXACT.of(optional)
def exact_optional(x: Any = None) -> Any:
    """The same."""
    return x


@HOST_EXACT.of(optional_has_element)
def exact_optional_has_element(x: Any = None) -> Cells:
    """False for nothing."""
    return Cells((), [x is not None], "bool")


@HOST_EXACT.of(optional_get_element)
def exact_optional_get_element(x: Any) -> Any:
    """The same."""
    return x


@HOST_EXACT.of(leading)
def exact_leading(x: Cells, count: Cells, *, axis: int) -> Cells:
    """One element after the other."""
    shape = [*x.shape]
    shape[axis] = _number(count)
    y = Cells.full(shape, 0)
    y.format = x.format
    for i in y.indices():
        y[i] = x[i]
    return y
