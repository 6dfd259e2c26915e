"""Networks inside of nodes: each is read and planned once for each combination of types that it is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..ir import Deferred, Graph, type_of

if TYPE_CHECKING:
    from .session import Session

KEPT: Final = 64  # sessions of bodies that are remembered


def contents(values: Iterable[Any]) -> bytes:
    """Return bytes that tell values apart by types and contents."""
    return b"".join(_contents(v) for v in values)


def _contents(value: Any) -> bytes:
    if isinstance(value, list):
        return b"[" + b"".join(map(_contents, value)) + b"]"
    if isinstance(value, np.ndarray):
        data = repr(value.tolist()).encode() if value.dtype == object else value.tobytes()
        return f"{value.shape}{value.dtype}".encode() + data
    return repr(value).encode()


class Bodies:
    """Runs networks in attributes by compiled plans; `make` returns a session for a graph."""

    def __init__(self, make: Callable[[Graph], Session]) -> None:
        self._make = make
        self._sessions: OrderedDict[Any, tuple[Any, Session]] = OrderedDict()

    def run(self, body: Graph | Deferred, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return what `body` makes of values for its inputs, in order."""
        given = dict(zip(body.inputs, args, strict=True))
        key: tuple[Any, ...] = (id(body),)
        if isinstance(body, Deferred):
            key += (contents(given[n] for n in body.needs), *map(type_of, args))
        if key not in self._sessions:
            graph = body.read(given) if isinstance(body, Deferred) else body
            self._sessions[key] = body, self._make(graph)  # alive, so that its id stays its own
            while len(self._sessions) > KEPT:
                self._sessions.popitem(last=False)
        session = self._sessions[key][1]
        values = session.run({n: given[n] for n in session.graph.inputs})
        return tuple(values[n] for n in body.outputs)
