"""What the shape rules ask of axes and of small integer tensors."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Array, TensorType, require


def resolve_axis(label: str, axis: int, rank: int) -> int:
    """Return `axis` counted from the front, or raise constraint `label`.

    >>> resolve_axis("C1", -1, 3)
    2
    """
    require(label, -rank <= axis < rank, f"axis {axis} is outside of {rank} axes")
    return axis % rank


def whole_numbers(t: TensorType | Array) -> list[int]:
    """Return the elements of a small integer tensor, whose value must be known.

    >>> import numpy as np
    >>> whole_numbers(np.array([[1, 2]]))
    [1, 2]
    """
    return [int(v) for v in (t.known() if isinstance(t, TensorType) else t).reshape(-1)]


def one_whole_number(label: str, t: TensorType | Array) -> int:
    """Return the only element of an integer tensor, or raise constraint `label`."""
    values = whole_numbers(t)
    require(label, len(values) == 1, f"one number is needed, got {len(values)}")
    return values[0]


def sizes_of(label: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return `sizes` as a shape, or raise constraint `label` where one is negative."""
    require(label, all(n >= 0 for n in sizes), f"a size in {list(sizes)} is negative")
    return tuple(sizes)
