"""Networks inside of nodes: each is read and planned once for each combination of types that it is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..ir import Deferred, Graph

if TYPE_CHECKING:
    from .session import Session

KEPT: Final = 64  # sessions of bodies that are remembered


class Bodies:
    """Runs networks in attributes by compiled plans; `make` returns a session for a graph, `most` are remembered."""

    def __init__(self, make: Callable[[Graph], Session], most: int = KEPT) -> None:
        self._make, self._most = make, most
        self._sessions: OrderedDict[Any, tuple[Any, Session]] = OrderedDict()

    def run(self, body: Graph | Deferred, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return what `body` makes of values for its inputs, in order."""
        given = dict(zip(body.inputs, args, strict=True))
        session = self.session(body, given)
        values = session.run({n: given[n] for n in session.graph.inputs})
        return tuple(values[n] for n in body.outputs)

    def session(self, body: Graph | Deferred, given: Mapping[str, Any]) -> Session:
        """Return the session that runs `body` on such values for its inputs."""
        key = (id(body), body.key(given) if isinstance(body, Deferred) else None)
        found = self._sessions.get(key)
        if found is None:
            graph = body.graph(given) if isinstance(body, Deferred) else body
            # the body is kept alive, so that its id stays its own
            found = self._sessions[key] = body, self._make(graph)
            while len(self._sessions) > self._most:
                self._sessions.popitem(last=False)
        return found[1]
