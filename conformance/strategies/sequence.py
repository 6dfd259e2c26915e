"""Cases of sequences and optionals."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Graph, Node
from ...refimpl import sequence as ours
from ...refimpl.binary import add, maximum
from ...refimpl.shape import leading
from ..case import HostCase
from ..tables import HOST_CASES
from .control import numbers
from .draw import shapes


@st.composite
def sequences(draw: st.DrawFn, low: int = 0, high: int = 4) -> list[Array]:
    """Tensors of any shapes."""
    return [draw(numbers(draw(shapes(max_dims=2)))) for _ in range(draw(st.integers(low, high)))]


@st.composite
def positions(draw: st.DrawFn, low: int, high: int) -> Array:
    """Integers of both types, scalars and vectors of one."""
    shape = draw(st.sampled_from([(), (1,)]))
    return np.full(shape, draw(st.integers(low, high)), draw(st.sampled_from(["int32", "int64"])))


@st.composite
def construct_cases(draw: st.DrawFn) -> HostCase:
    """None to four."""
    return HostCase(ours.sequence_construct, tuple(draw(sequences())))


@st.composite
def at_cases(draw: st.DrawFn) -> HostCase:
    """Positions from either end."""
    sequence = draw(sequences(1))
    return HostCase(
        ours.sequence_at, (sequence, draw(positions(-len(sequence), len(sequence) - 1)))
    )


@st.composite
def insert_cases(draw: st.DrawFn) -> HostCase:
    """Before each, behind the last, or without a position."""
    sequence, x = draw(sequences()), draw(numbers(draw(shapes(max_dims=2))))
    place = (draw(positions(-len(sequence), len(sequence))),) if draw(st.booleans()) else ()
    return HostCase(ours.sequence_insert, (sequence, x, *place))


@st.composite
def erase_cases(draw: st.DrawFn) -> HostCase:
    """Positions from either end, or the last."""
    sequence = draw(sequences(1))
    place = (draw(positions(-len(sequence), len(sequence) - 1)),) if draw(st.booleans()) else ()
    return HostCase(ours.sequence_erase, (sequence, *place))


@st.composite
def map_cases(draw: st.DrawFn) -> HostCase:
    """A sequence, perhaps a second one, and a tensor that is captured."""
    count = draw(st.integers(0, 3))
    shape = draw(shapes(max_dims=2, max_size=4))
    first = [draw(numbers(shape)) for _ in range(count)]
    other: Any = draw(numbers(shape))
    if draw(st.booleans()):
        other = [draw(numbers(shape)) for _ in range(count)]
    nodes = (Node(add, ("x", "y"), ("sum",)), Node(maximum, ("sum", "z"), ("top",)))
    body = Graph(nodes, ("x", "y", "z"), ("top", "x"), {})
    args = (first, other, draw(numbers(shape)))
    return HostCase(ours.sequence_map, args, {"body": body, "count": 2}, 2)


@st.composite
def split_cases(draw: st.DrawFn) -> HostCase:
    """Without sizes, with one, with several, of which some are 0."""
    x = draw(numbers(draw(shapes(min_dims=1, max_dims=3))))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    kind = draw(st.sampled_from(("none", "one", "each")))
    args: tuple[Any, ...] = (x,)
    if kind == "one":
        args = (x, np.asarray(draw(st.integers(1, size + 1)), np.int64))
    elif kind == "each":
        cuts = sorted(draw(st.lists(st.integers(0, size), max_size=3)))
        args = (x, np.diff([0, *cuts, size]).astype(np.int64))
    return HostCase(ours.split_to_sequence, args, {"axis": axis, "keep_dims": draw(st.booleans())})


@st.composite
def concat_cases(draw: st.DrawFn) -> HostCase:
    """Along any axis that is there, where sizes differ, or a new one."""
    new = draw(st.booleans())
    shape = draw(shapes(min_dims=0 if new else 1, max_dims=3, max_size=4))
    rank = len(shape) + new
    axis, count = draw(st.integers(-rank, rank - 1)), draw(st.integers(1, 3))
    parts = []
    for _ in range(count):
        sizes = list(shape)
        if not new:
            sizes[axis] = draw(st.integers(0, 4))
        parts.append(draw(numbers(tuple(sizes))))
    return HostCase(ours.concat_from_sequence, (parts,), {"axis": axis, "new_axis": new})


@st.composite
def leading_cases(draw: st.DrawFn) -> HostCase:
    """From no slice to all, along any axis."""
    x = draw(numbers(draw(shapes(min_dims=1, max_dims=3))))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    count = np.asarray(draw(st.integers(0, x.shape[axis])), np.int64)
    return HostCase(leading, (x, count), {"axis": axis})


def values() -> st.SearchStrategy[Any]:
    """Tensors and sequences."""
    return sequences() | shapes(max_dims=2).flatmap(numbers)


HOST_CASES.of(ours.sequence_construct)(construct_cases())
HOST_CASES.of(ours.sequence_at)(at_cases())
HOST_CASES.of(ours.sequence_insert)(insert_cases())
HOST_CASES.of(ours.sequence_erase)(erase_cases())
HOST_CASES.of(ours.sequence_length)(sequences().map(lambda s: HostCase(ours.sequence_length, (s,))))
HOST_CASES.of(ours.sequence_map)(map_cases())
HOST_CASES.of(ours.split_to_sequence)(split_cases())
HOST_CASES.of(ours.concat_from_sequence)(concat_cases())
HOST_CASES.of(ours.optional)((values() | st.none()).map(lambda v: HostCase(ours.optional, (v,))))
HOST_CASES.of(ours.optional_has_element)(
    (values() | st.none()).map(lambda v: HostCase(ours.optional_has_element, (v,)))
)
HOST_CASES.of(ours.optional_get_element)(
    values().map(lambda v: HostCase(ours.optional_get_element, (v,)))
)
HOST_CASES.of(leading)(leading_cases())
