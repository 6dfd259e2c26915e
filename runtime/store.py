"""Packed constants: what lowerings make of weights once, for all plans of a session."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from ..ir import Array
from .threads import aligned_copy


class Packed:
    """An aligned array and what it was made from, which must outlive it: the store knows arrays by their identity."""

    def __init__(self, made: Array, sources: tuple[Any, ...]) -> None:
        self.array, self.sources = aligned_copy(made), sources


class Store:
    """Remembers packed constants for as long as some plan uses them."""

    def __init__(self) -> None:
        self._made = weakref.WeakValueDictionary[tuple[Any, ...], Packed]()
        self._lock = threading.Lock()

    def get(self, make: Callable[..., Array], *args: Any) -> Packed:
        """Return `make(*args)`, made now or before. Arrays are the same if they are the same object."""
        key = (make, *(id(a) if hasattr(a, "__array_interface__") else a for a in args))
        with self._lock:
            found = self._made.get(key)
            if found is None:
                found = self._made[key] = Packed(make(*args), args)
            return found
