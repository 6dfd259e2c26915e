"""The container of the exact oracles: a shape and a flat list of Python numbers. No NumPy arithmetic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..ir import FORMAT_OF


@dataclass
class Cells:
    """A dense row-major array of Python numbers (int, float, Fraction, mpf, bool), or of texts.

    `format` names the element type where that matters: that of the array that it is a copy of, and of results that no
    shape rule tells of.

    >>> c = Cells((2, 2), [1, 2, 3, 4]); c[1, 0]
    3
    """

    shape: tuple[int, ...]
    values: list[Any]
    format: str = ""

    @staticmethod
    def full(shape: Sequence[int], value: Any) -> Cells:
        """Return an array filled with one value."""
        return Cells(tuple(shape), [value] * math.prod(shape))

    @staticmethod
    def of(array: Any) -> Cells:
        """Copy a NumPy array; its elements become Python numbers, exactly."""
        return Cells(tuple(array.shape), array.ravel().tolist(), FORMAT_OF[array.dtype])

    def offset(self, index: Sequence[int]) -> int:
        """Return the flat position of `index`."""
        flat = 0
        for i, n in zip(index, self.shape, strict=True):
            if not 0 <= i < n:
                raise IndexError(f"{tuple(index)} in {self.shape}")
            flat = flat * n + i
        return flat

    def __getitem__(self, index: Any) -> Any:
        return self.values[self.offset(index if isinstance(index, tuple) else (index,))]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.values[self.offset(index if isinstance(index, tuple) else (index,))] = value

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Iterate over all indices in row-major order."""
        return itertools.product(*map(range, self.shape))
