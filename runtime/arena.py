"""The arena: one block of memory in which tensors that are alive at different times share places."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import InputError, UnsupportedError

ALIGNMENT = 64


def memory_limit() -> int:
    """Return how many bytes the tensors of one run may take: LITEGOLD_MEMORY in MiB, 256 by default."""
    text = os.environ.get("LITEGOLD_MEMORY", "256")
    if not text.isdecimal():
        raise InputError(f"LITEGOLD_MEMORY={text}: expected a number of MiB")
    return int(text) << 20


def check_memory(what: str, nbytes: int) -> None:
    """Raise where hostile shapes (or a really large network) ask for more than the limit."""
    if nbytes > memory_limit():
        raise UnsupportedError(
            f"{what} takes {nbytes / 2**20:,.0f} MiB, over the limit of {memory_limit() >> 20}; "
            "set LITEGOLD_MEMORY to a larger number of MiB"
        )


@dataclass
class Place:
    """A need for memory from step `first` to step `last`, both included; packing sets `offset`."""

    name: str
    nbytes: int
    first: int
    last: int
    offset: int = -1

    def overlaps(self, other: Place) -> bool:
        """Whether both are alive at the same step."""
        return self.first <= other.last and other.first <= self.last


def round_up(nbytes: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def pack(places: Sequence[Place], reuse: bool = True) -> int:
    """Give every place an offset and return the size of the arena.

    Largest first, each into the smallest gap that its contemporaries leave. With `reuse` off, nothing shares.

    >>> a, b, c = Place("a", 64, 0, 1), Place("b", 100, 1, 2), Place("c", 64, 2, 3)
    >>> pack([a, b, c]), a.offset, b.offset, c.offset
    (192, 128, 0, 128)
    """
    if not reuse:
        end = 0
        for place in places:
            place.offset, end = end, end + round_up(place.nbytes)
        return end
    order = sorted(places, key=lambda p: (-p.nbytes, p.first, p.name))
    # One row a place that has its offset: first, last, offset, end.
    rows = np.zeros((4, len(order)), np.int64)
    for i, place in enumerate(order):
        first, last, offset, end = rows[:, :i]
        alive = np.flatnonzero((first <= place.last) & (last >= place.first))
        near = alive[np.argsort(offset[alive], kind="stable")]
        place.offset = _best_gap(round_up(place.nbytes), offset[near], end[near])
        rows[:, i] = place.first, place.last, place.offset, place.offset + round_up(place.nbytes)
    return int(rows[3].max(initial=0))


def _best_gap(need: int, offsets: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """Return where the smallest sufficient gap between neighbours starts, or the end of them all."""
    tops = np.maximum.accumulate(np.concatenate([np.zeros(1, np.int64), ends]))
    gaps = offsets - tops[:-1]
    fitting = np.flatnonzero(gaps >= need)
    return int(tops[fitting[np.argmin(gaps[fitting])]] if fitting.size else tops[-1])


def lower_bound(places: Sequence[Place]) -> int:
    """Return the largest sum of what is alive at one step: no packing can take less."""
    change = dict[int, int]()
    for p in places:
        change[p.first] = change.get(p.first, 0) + round_up(p.nbytes)
        change[p.last + 1] = change.get(p.last + 1, 0) - round_up(p.nbytes)
    return max(itertools.accumulate(change[step] for step in sorted(change)), default=0)
