"""The arena: one block of memory in which tensors that are alive at different times share places."""

from __future__ import annotations

import bisect
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..ir import UnsupportedError

ALIGNMENT = 64


def memory_limit() -> int:
    """Return how many bytes the tensors of one run may take: LITEGOLD_MEMORY in MiB, 512 by default."""
    return int(os.environ.get("LITEGOLD_MEMORY", "512")) << 20


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
    placed: list[Place] = []  # by offset
    for place in sorted(places, key=lambda p: (-p.nbytes, p.first, p.name)):
        place.offset = _best_gap(place, [p for p in placed if p.overlaps(place)])
        bisect.insort(placed, place, key=lambda p: p.offset)
    return max((p.offset + round_up(p.nbytes) for p in placed), default=0)


def _best_gap(place: Place, neighbours: list[Place]) -> int:
    need, end = round_up(place.nbytes), 0
    best: tuple[int, int] | None = None
    for other in neighbours:
        gap = other.offset - end
        if gap >= need and (best is None or gap < best[0]):
            best = gap, end
        end = max(end, other.offset + round_up(other.nbytes))
    return best[1] if best else end


def lower_bound(places: Sequence[Place]) -> int:
    """Return the largest sum of what is alive at one step: no packing can take less."""
    steps = {p.first for p in places}
    alive = ([p for p in places if p.first <= step <= p.last] for step in steps)
    return max((sum(round_up(p.nbytes) for p in at) for at in alive), default=0)
