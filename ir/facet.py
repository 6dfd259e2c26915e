"""Tables from operators (or a file format's operator codes) to one thing that they have."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from .errors import UnsupportedError

K = TypeVar("K")
T = TypeVar("T")
E = TypeVar("E")


class MissingFacetError(UnsupportedError):
    """The key is valid, but nothing was entered for it."""


class Facet(Generic[K, T]):
    """One table; the first look-up imports every module of the package `home`."""

    def __init__(self, what: str, home: str) -> None:
        self.what, self.home = what, home
        self._table: dict[K, T] = {}
        self._loaded = False
        self._rules: list[Callable[[], Mapping[K, T]]] = []

    def completed(self, rule: Callable[[], Mapping[K, T]]) -> Callable[[], Mapping[K, T]]:
        """Decorate a rule of the folder that returns further entries, made of those of all its modules."""
        self._rules.append(rule)
        return rule

    def of(self, *keys: K) -> Callable[[E], E]:
        """Enter the decorated object under each of `keys`."""

        def enter(entry: E) -> E:
            for key in keys:
                if self._table.setdefault(key, entry) is not entry:  # type: ignore[arg-type]
                    raise ValueError(f"{key} already has a {self.what}")
            return entry

        return enter

    def __getitem__(self, key: K) -> T:
        self._load()
        if key not in self._table:
            raise MissingFacetError(f"no {self.what} for {key}; one would go into {self.home}")
        return self._table[key]

    def __contains__(self, key: object) -> bool:
        self._load()
        return key in self._table

    def __iter__(self) -> Iterator[K]:
        self._load()
        return iter(self._table)

    def items(self) -> list[tuple[K, T]]:
        """Return all keys with what was entered for them."""
        self._load()
        return list(self._table.items())

    def __len__(self) -> int:
        self._load()
        return len(self._table)

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            try:
                load_all(self.home)
            except BaseException:
                self._loaded = False
                raise
            for rule in self._rules:
                for key, entry in rule().items():
                    self.of(key)(entry)


def load_all(package: str) -> None:
    """Import every module of `package`, so that each registers what it defines."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
