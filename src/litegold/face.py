"""The four verbs that most people need: load, call, check, save."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .formats import load as load_graph
from .ir import Array, Graph, InputError, TensorType, UnsupportedError
from .runtime.interpreter import interpret
from .runtime.session import Session

if TYPE_CHECKING:
    from .conformance.check import Report

Feeds = Array | Sequence[Array] | Mapping[str, Array]


class Network:
    """A loaded network. Calling it runs the compiled plan from the initial state.

    One output comes back as an array, several as a tuple in the order of `outputs`.
    """

    def __init__(self, graph: Graph, *, threads: int = 1) -> None:
        self.graph, self.threads = graph, threads
        self._session: Session | None = None

    @property
    def inputs(self) -> dict[str, TensorType | None]:
        """Names and types of what is fed; axes in `graph.dynamic` may have any size.

        None stands for what is no tensor (a list for a sequence, None for an empty optional) or has any number of axes.
        """
        return {name: self.graph.tensors.get(name) for name in self.graph.inputs}

    @property
    def outputs(self) -> dict[str, TensorType | None]:
        """Names and declared types of what comes out; None where only a run tells."""
        return {name: self.graph.tensors.get(name) for name in self.graph.outputs}

    def __repr__(self) -> str:
        return f"<Network {self.graph.name or '?'}: {len(self.graph.nodes)} nodes>"

    def __call__(self, *x: Any, **named: Array) -> Any:
        """Run the compiled plan; every call starts from the initial state.

        Inputs: arrays in the order of `inputs`, or one dict by name, or keyword arguments.
        """
        return self._results(self.run(self.feeds(*x, **named)))

    def run(
        self, *x: Any, backend: str = "jit", intermediates: bool = False, **named: Array
    ) -> dict[str, Array]:
        """Run on `backend` ("jit" or "reference") and return the outputs by name.

        With `intermediates` (reference only) every tensor that a node makes is in the result.
        """
        feeds = self.feeds(*x, **named)
        if backend == "reference":
            tensors = interpret(self.graph, feeds)
            return tensors if intermediates else {n: tensors[n] for n in self.graph.outputs}
        if backend != "jit":
            raise InputError(f"backend {backend!r}: it is 'jit' or 'reference'")
        if intermediates:
            raise InputError("intermediates come from backend='reference'; the plan reuses memory")
        if self._session is None:
            self._session = self.session()
        if self.graph.states:
            self._session.reset()
        return self._session.run(feeds)

    def session(self, *, threads: int | None = None, fuse: bool = True) -> Session:
        """Return a session of its own: states are carried from run to run until `reset()`.

        With `fuse` off no pass rewrites the network; the plan runs the nodes of the file.
        """
        return Session(self.graph, threads=threads or self.threads, fuse=fuse)

    def feeds(self, *x: Any, **named: Array) -> dict[str, Array]:
        """Name the arrays of a call; shapes and types are checked where the network runs."""
        if len(x) == 1 and isinstance(x[0], Mapping):
            named = {**x[0], **named}
            x = ()
        elif len(x) == 1 and isinstance(x[0], list | tuple):
            x = tuple(x[0])
        free = [name for name in self.graph.inputs if name not in named]
        if len(x) > len(free):
            raise InputError(f"{len(x)} arrays for the inputs {', '.join(free) or '(none left)'}")
        return {**dict(zip(free, x, strict=False)), **named}

    def _results(self, outputs: Mapping[str, Array]) -> Any:
        values = tuple(outputs[name] for name in self.graph.outputs)
        return values[0] if len(values) == 1 else values


def load(source: str | os.PathLike[str] | bytes, *, threads: int = 1) -> Network:
    """Read a model, recognised by its content, from a path or from bytes.

    Raises:
        FormatError: the file is damaged or of no known format.
        UnsupportedError: it is of a format or version that is not supported.
    """
    return Network(load_graph(source), threads=threads)


def save(net: Network | Graph, path: str | os.PathLike[str]) -> None:
    """Write the network in the format that the file name's ending says (.tflite, .onnx).

    The file is written under a temporary name and renamed: nothing is ever half-written. Images have their channels
    last in both formats, as here; see `litegold.formats.onnx.write_graph` for others.
    """
    from .formats import WRITERS

    target = Path(path)
    if target.suffix not in WRITERS:
        raise UnsupportedError(f"{target.name}: only {', '.join(WRITERS)} can be written")
    data = WRITERS[target.suffix](net.graph if isinstance(net, Network) else net)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def check(net: Network, *x: Any, **options: Any) -> Report:
    """Compare the compiled plan with the reference, tensor by tensor.

    Inputs are as in a call; without any, random ones are drawn. Options: see
    `litegold.conformance.check.check`.
    """
    from .conformance.check import check as check_graph

    feeds = net.feeds(*x) if x else None
    return check_graph(net.graph, feeds, threads=options.pop("threads", net.threads), **options)
