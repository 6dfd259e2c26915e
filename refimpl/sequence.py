"""Operators on sequences, lists of tensors, and on optionals, of which None is the empty one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import Array, RunError, op, require
from .axes import resolve_axis
from .control import Body, Run, run_plainly


def a_sequence(value: Any) -> list[Array]:
    """Return a value that must be a sequence: files may hand anything to a node."""
    if not isinstance(value, list):
        raise RunError(f"a sequence is needed, got {type(value).__name__}")
    return value


def a_tensor(value: Any) -> Array:
    """Return a value that must be a tensor of numbers or texts."""
    if not isinstance(value, (np.ndarray, np.generic)):
        raise RunError(f"a tensor is needed, got {type(value).__name__}")
    return np.asarray(value)


def _place(label: str, position: Array | None, count: int, most: int) -> int:
    """Return a position counted from the front; none is behind the last."""
    if position is None:
        return count
    place = a_tensor(position)
    whole = place.size == 1 and place.dtype.kind in "iu"
    require(label, whole, f"a position is one whole number, got {place.dtype} {place.shape}")
    at = int(place.reshape(()))
    if not -count <= at <= most:
        raise RunError(f"position {at} in a sequence of {count}")
    return at + count if at < 0 else at


@op(host=True)
def sequence_construct(*xs: Array) -> list[Array]:
    """Return the sequence of some tensors.

    Inputs: `xs`, tensors.

    >>> [x.tolist() for x in sequence_construct(np.ones(1), np.zeros(2))]
    [[1.0], [0.0, 0.0]]
    """
    return list(xs)


@op(host=True)
def sequence_at(sequence: list[Array], position: Array) -> Array:
    """Return the tensor at a position of a sequence.

    Inputs: `sequence`; `position` one integer, negative from the end, checked while running.

    Constraints:
        (C1) The position is one number.

    >>> sequence_at([7, 8, 9], np.int64(-1))
    9
    """
    count = len(a_sequence(sequence))
    return sequence[_place("C1", a_tensor(position), count, count - 1)]


@op(host=True)
def sequence_insert(sequence: list[Array], x: Array, position: Array | None = None) -> list[Array]:
    """Return the sequence with a tensor before a position, or at the end.

    Inputs: `sequence`; `x` a tensor; `position` one integer from -n to n, negative from the end.

    Constraints:
        (C1) The position is one number.

    >>> sequence_insert([7, 8], 9, np.int64(0))
    [9, 7, 8]
    """
    at = _place("C1", position, len(a_sequence(sequence)), len(sequence))
    return [*sequence[:at], x, *sequence[at:]]


@op(host=True)
def sequence_erase(sequence: list[Array], position: Array | None = None) -> list[Array]:
    """Return the sequence without the tensor at a position, or the last one.

    Inputs: `sequence`; `position` one integer, negative from the end, checked while running.

    Constraints:
        (C1) The position is one number.

    >>> sequence_erase([7, 8, 9], np.int64(1))
    [7, 9]
    """
    last = np.int64(-1) if position is None else position
    count = len(a_sequence(sequence))
    at = _place("C1", np.asarray(last), count, count - 1)
    return [*sequence[:at], *sequence[at + 1 :]]


@op(host=True)
def sequence_length(sequence: list[Array]) -> Array:
    """Return how many tensors a sequence has.

    Inputs: `sequence`.

    >>> int(sequence_length([7, 8, 9]))
    3
    """
    return np.asarray(len(a_sequence(sequence)), np.int64)


@op(host=True)
def sequence_map(*values: Any, body: Body, count: int, run: Run = run_plainly) -> tuple[Any, ...]:
    """Run `body` on the tensors of a sequence, one after the other, and collect each result in a sequence.

    Inputs: `values`: a sequence; `count` - 1 further sequences as long, of which the tensors at the same place are
        taken, or tensors, taken each time; then what `body` captures.

    Attributes:
        body: the network.
        count: how many of the values are not captured.

    Constraints:
        (C1) All sequences are of one length.

    >>> from litegold.ir import Graph
    >>> sequence_map([7, 8], 9, body=Graph((), ("x", "y"), ("x", "y"), {}), count=2)
    ([7, 8], [9, 9])
    """
    first = values[:count]
    lengths = {len(v) for v in first if isinstance(v, list)}
    require("C1", len(lengths) == 1, f"sequences of {sorted(lengths)} tensors")
    found: list[Sequence[Any]] = []
    for i in range(lengths.pop()):
        own = [v[i] if isinstance(v, list) else v for v in first]
        found.append(run(body, [*own, *values[count:]]))
    return tuple([row[k] for row in found] for k in range(len(body.outputs)))


@op(host=True)
def split_to_sequence(
    x: Array, split: Array | None = None, *, axis: int = 0, keep_dims: bool = True
) -> list[Array]:
    """Cut a tensor along an axis into a sequence of its parts.

    Inputs: `x` a tensor; `split` one size for all parts, of which the last may be less, or the size of each; without
        it each has size 1.

    Attributes:
        axis: negative from the end.
        keep_dims: parts of size 1 keep the axis; with `split` they always do.

    Constraints:
        (C1) The axis exists.
        (C2) Sizes add up to that of the axis; one size is positive.

    >>> [y.tolist() for y in split_to_sequence(np.arange(5), np.int64(3))]
    [[0, 1, 2], [3, 4]]
    """
    axis = resolve_axis("C1", axis, a_tensor(x).ndim)
    size = x.shape[axis]
    if split is not None and a_tensor(split).dtype.kind not in "iu":
        raise RunError(f"sizes are whole numbers, not {split.dtype}")
    if split is None or not np.ndim(split):
        step = 1 if split is None else int(split)
        require("C2", step > 0, f"parts of size {step}")
        ends = [min(i + step, size) for i in range(0, size, step)]
    else:
        fits = int(np.sum(split)) == size and np.min(split, initial=0) >= 0
        require("C2", fits and np.ndim(split) == 1, f"{split} of {size}")
        ends = np.cumsum(split).tolist()
    parts = [x.take(range(a, b), axis) for a, b in zip([0, *ends], ends, strict=False)]
    return parts if keep_dims or split is not None else [p.squeeze(axis) for p in parts]


@op(host=True)
def concat_from_sequence(sequence: list[Array], *, axis: int, new_axis: bool = False) -> Array:
    """Join the tensors of a sequence along an axis, which may be a new one.

    Inputs: `sequence` of one tensor at least.

    Attributes:
        axis: negative from the end.
        new_axis: the axis is not there yet.

    Constraints:
        (C1) There is a tensor.
        (C2) The axis exists in the result.
        (C3) All sizes are equal, but for that of an axis that is there, and all element types.

    >>> concat_from_sequence([np.array([1]), np.array([2])], axis=0, new_axis=True).tolist()
    [[1], [2]]
    """
    sequence = [a_tensor(x) for x in a_sequence(sequence)]
    require("C1", len(sequence) > 0, "the sequence is empty")
    rank = sequence[0].ndim + new_axis
    at = resolve_axis("C2", axis, rank)
    shapes = {tuple(n for a, n in enumerate(x.shape) if new_axis or a != at) for x in sequence}
    same = len(shapes) == len({x.ndim for x in sequence}) == len({x.dtype for x in sequence}) == 1
    require("C3", same, f"shapes {shapes}, {len({x.dtype for x in sequence})} element types")
    return np.stack(sequence, at) if new_axis else np.concatenate(sequence, at)


@op(host=True)
def optional(x: Any = None) -> Any:
    """Return the optional that holds a value, or the empty one.

    Inputs: `x`, any value, or None.

    >>> optional([1])
    [1]
    """
    return x


@op(host=True)
def optional_has_element(x: Any = None) -> Array:
    """Tell whether an optional holds a value. A value that is no optional is one that does.

    Inputs: `x`, any value, or None.

    >>> bool(optional_has_element([]))
    True
    """
    return np.asarray(x is not None)


@op(host=True)
def optional_get_element(x: Any) -> Any:
    """Return what an optional holds; it is an error if it is empty.

    Inputs: `x`, any value.

    >>> optional_get_element([1])
    [1]
    """
    if x is None:
        raise RunError("the optional is empty")
    return x
