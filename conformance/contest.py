"""A contest: our plan and other engines on one network, their outputs judged, their times taken side by side."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..ir import Array, Graph, LitegoldError, UnsupportedError, format_of
from ..runtime.bound import Bound
from ..runtime.session import Session
from .agreement import Agreement, Expectation
from .engines.child import EngineError
from .engines.peers.table import PEERS, ModelFile, Peer
from .engines.timing import SLICE, WARMING, Call, Ratio, Timing, interleave

OURS: Final = "plan"
FED: Final = " fed"  # behind a contestant's name: with feeding and fetching
TURN: Final = 1e-3  # seconds of a turn; a run that takes longer is a turn by itself
FEWEST_ROUNDS: Final = 7


@dataclass
class Contest:
    """What came of one network at one number of threads.

    Attributes:
        format: what the network computes in.
        timings: of the plan and of each peer that agreed with the oracle, and of both with feeding.
        agreements: how far each contestant's outputs were off.
        left_out: why other engines did not take part.
    """

    network: str
    format: str
    threads: int
    rounds: int = 0
    timings: dict[str, Timing] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def best_peer(self, end: str = "") -> str | None:
        """Return the name of the fastest peer; with `end` FED, feeding included."""
        names = [n for n in self.agreements if n != OURS and n + end in self.timings]
        return min(names, key=lambda n: self.timings[n + end].median, default=None)

    def ratio(self, end: str = "") -> Ratio | None:
        """Return our time as a multiple of the fastest peer's."""
        peer = self.best_peer(end)
        return self.timings[OURS + end].over(self.timings[peer + end]) if peer else None


class Files:
    """A network as files for other engines, each written when it is first asked for."""

    def __init__(self, graph: Graph, source: bytes = b"") -> None:
        self.graph, self.source = graph, source
        self._made = dict[str, ModelFile | LitegoldError]()

    def get(self, kind: str) -> ModelFile:
        """Return the file of this format; raise UnsupportedError where the format cannot say the network."""
        if kind not in self._made:
            try:
                self._made[kind] = WRITERS[kind](self.graph, self.source)
            except LitegoldError as error:
                self._made[kind] = error
        found = self._made[kind]
        if isinstance(found, LitegoldError):
            raise found
        return found


def _tflite(graph: Graph, source: bytes) -> ModelFile:
    from ..formats.tflite import write

    content = source if source[4:8] == b"TFL3" else write(graph)
    shapes = tuple(graph.tensors[name].shape for name in graph.inputs)
    return ModelFile(content, dict.fromkeys(graph.inputs), dict.fromkeys(graph.outputs), shapes)


def _onnx(graph: Graph, source: bytes) -> ModelFile:
    from ..formats.onnx import write_graph

    if number_format(graph) != "float32":
        raise UnsupportedError("ONNX rounds quantized numbers in another way")
    if graph.states:
        raise UnsupportedError("its states would have to be fed")
    model = write_graph(graph, channels_first=True)
    perms = model.inputs.items()
    types = {n: graph.tensors[n].shape for n in model.inputs}
    shapes = (
        types[n] if p is None else tuple(types[n][a] for a in np.argsort(p)) for n, p in perms
    )
    return ModelFile(model.data, model.inputs, model.outputs, tuple(shapes))


WRITERS: Final[dict[str, Callable[[Graph, bytes], ModelFile]]] = {"tflite": _tflite, "onnx": _onnx}


def number_format(graph: Graph) -> str:
    """Return what a network computes in: "float32", "int8" where any result is quantized, or "hybrid"."""
    types = graph.tensors
    for node in graph.nodes:
        if format_of(node.op, tuple(types[n] if n else None for n in node.inputs)) == "hybrid":
            return "hybrid"
    made = (types[n] for node in graph.nodes for n in node.outputs)
    return "int8" if any(t.quant is not None for t in made) else "float32"


def hold(
    graph: Graph,
    feeds: Mapping[str, Array],
    expectation: Expectation,
    files: Files,
    *,
    threads: int = 1,
    seconds: float = 10.0,
    rounds: int = 0,
    peers: Iterable[str] | None = None,
) -> Contest:
    """Time the plan and the installed peers (or those named in `peers`) on one network.

    There are as many rounds as fit into `seconds`, or `rounds`. A peer whose outputs are not what the oracle allows,
    or that refuses the network, is left out with the reason.

    Raises:
        LitegoldError: our own plan refuses the network, or is wrong.
    """
    contest = Contest(graph.name, number_format(graph), threads)
    session = Session(graph, threads=threads)
    contest.agreements[OURS] = expectation.judge(session.run(feeds))
    if not contest.agreements[OURS].ok:
        raise LitegoldError(f"{graph.name}: {contest.agreements[OURS].reason}")
    session.reset()
    contestants: dict[str, Call] = {
        OURS: Bound(session, feeds),
        OURS + FED: lambda: session.run(feeds),
    }
    for name in PEERS if peers is None else peers:
        try:
            with silence():
                entrant = _Entrant(PEERS[name], files, feeds, threads)
            agreement = expectation.judge(entrant.results)
        except Exception as error:  # whatever another engine says against a network is a result
            contest.left_out[name] = " ".join(str(error).split())[:200]
            continue
        if agreement.ok:
            contest.agreements[name] = agreement
            contestants |= {name: entrant.peer.invoke, name + FED: entrant.fed}
        else:
            contest.left_out[name] = f"wrong: {agreement.reason}"
    contest.rounds = rounds or _rounds(contestants, seconds)
    contest.timings = interleave(contestants, contest.rounds, turn=TURN)
    return contest


class _Entrant:
    """A peer with a model and its inputs in place; `results` are its outputs, by our names."""

    def __init__(
        self, kind: type[Peer], files: Files, feeds: Mapping[str, Array], threads: int
    ) -> None:
        if not kind.available():
            raise EngineError(f"not installed: {kind.installation()}")
        model = files.get(kind.reads)
        self.peer, self.arrays = kind(model, threads), model.arranged(feeds)
        self.results = model.named(self.fed())

    def fed(self) -> list[Array]:
        """Run with feeding and fetching."""
        self.peer.feed(self.arrays)
        self.peer.invoke()
        return self.peer.outputs()


@contextmanager
def silence() -> Iterator[None]:
    """Keep what libraries print off the screen: it would stand in the middle of a table or of JSON."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what waits in the C library's buffers
        for place, handle in enumerate(kept, 1):
            os.dup2(handle, place)
            os.close(handle)
        os.close(nowhere)


def _rounds(contestants: Mapping[str, Call], seconds: float) -> int:
    """Return how many rounds fit into `seconds`."""
    trial = interleave(contestants, 1, turn=TURN)
    one = sum(max((WARMING + 1) * t.median, 1.25 * TURN) + 2 * SLICE for t in trial.values())
    return max(FEWEST_ROUNDS, round(seconds / one))
