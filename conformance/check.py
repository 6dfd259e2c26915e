"""Check a network: the plan that users run, or another engine, against the oracle, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..ir import Array, Graph, InputError, UnsupportedError, is_host
from ..quant.rule import number_format
from ..runtime.interpreter import check_feed, initial_states
from ..runtime.session import Session
from .engines.litert import LiteRT
from .engines.onnxruntime import OnnxRuntime
from .inputs import random_feeds
from .judge import Verdict, judge_value
from .layers import Layer, judge_layers, next_states, seen_by_index
from .onnx_runs import onnx_run

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass
class Row:
    """The verdict on one tensor, the worst over all inputs; a `reason` without a verdict is `compared=False`."""

    tensor: str
    operator: str
    format: str
    shape: tuple[int, ...]
    node: str
    worst: float = 0.0
    bound: float = 0.0
    ok: bool = True
    reason: str = ""
    compared: bool = True

    def add(self, verdict: Verdict) -> None:
        """Take in the verdict on one more input: a failure beats all, else the nearest to its bound."""
        if not self.ok:
            return
        nearer = _share(verdict.worst, verdict.bound) >= _share(self.worst, self.bound)
        if not verdict.ok or nearer:
            self.worst, self.bound = verdict.worst, verdict.bound
            self.ok, self.reason = verdict.ok, verdict.reason


def _share(worst: float, bound: float) -> float:
    return worst / bound if bound else worst


@dataclass
class Report:
    """What `check` found: a row a tensor, in the order of the network.

    `outputs_ok` says whether the plan as users run it (memory reused) gives the same bits as the one that
    was compared tensor by tensor; it is None where another engine was checked.
    """

    model: str
    subject: str
    runs: int
    rows: list[Row] = field(default_factory=list)
    outputs_ok: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(row.ok for row in self.rows) and self.outputs_ok is not False

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self) | {"ok": self.ok}


def check(
    graph: Graph,
    feeds: Mapping[str, Array] | Sequence[Mapping[str, Array]] | None = None,
    *,
    against: str | None = None,
    model: bytes | None = None,
    runs: int = 3,
    seed: int = 0,
    threads: int = 1,
    fuse: bool = True,
    progress: Progress = lambda what, done, of: None,
) -> Report:
    """Compare every tensor with what the reference makes of the same inputs of its node.

    With `fuse` the nodes are those that the passes leave; a chain that they have joined counts as one, whose reference
    runs the network's own nodes. Off, all tensors of the file are compared.

    Inputs: `feeds`, one dict of arrays by input name or several; without them `runs` random ones. Stateful
    networks start from their initial state and carry it from one to the next.
    With `against="litert"` LiteRT's reference kernels are checked in place of the plan; `model` is then the
    file that they run. With `against="onnxruntime"` it is onnxruntime, on what ONNX can say of the network; the
    other tensors' rows tell why they are not compared.

    Raises:
        InputError: unknown engine, or feeds that do not fit.
        UnsupportedError: operators are missing; all are named. Or ONNX can say nothing of the network.
    """
    batches = _batches(graph, feeds, runs, seed)
    graph = _of_one_size(graph, batches)
    report = Report(graph.name, against or "jit", len(batches))
    reasons: dict[str, str] = {}
    algorithms: list[dict[str, str]] = [{}] * len(batches)
    if against is None:
        graph, seen, algorithms = _plan_tensors(graph, batches, threads, fuse, report, progress)
    elif against == "litert":
        seen = _litert_tensors(graph, batches, model)
    elif against == "onnxruntime":
        seen, reasons = _onnx_tensors(graph, batches, progress)
    else:
        raise InputError(f"--against {against}: one of litert, onnxruntime")
    rows: dict[str, Row] = {}
    total = len(seen) * len(graph.nodes)
    for i, tensors in enumerate(seen):
        for j, layer in enumerate(judge_layers(graph, tensors, algorithms[i])):
            progress(layer.tensor, i * len(graph.nodes) + j, total)
            rows.setdefault(layer.tensor, _row(layer)).add(layer.verdict)
    report.rows = _with_left_out(graph, rows, reasons)
    return report


def _batches(
    graph: Graph,
    feeds: Mapping[str, Array] | Sequence[Mapping[str, Array]] | None,
    runs: int,
    seed: int,
) -> list[dict[str, Array]]:
    if feeds is None:
        return [random_feeds(graph, seed + i) for i in range(runs)]
    return [dict(feeds)] if isinstance(feeds, Mapping) else [dict(f) for f in feeds]


def _of_one_size(graph: Graph, batches: Sequence[Mapping[str, Array]]) -> Graph:
    """Return the network for inputs of the sizes that all batches have."""
    sized = [graph.at({n: check_feed(graph, n, a) for n, a in feeds.items()}) for feeds in batches]
    if any(g is not sized[0] for g in sized):
        raise InputError(
            "inputs of several sizes: what the nodes are depends on them; check one size at a time"
        )
    return sized[0]


def _plan_tensors(
    graph: Graph,
    batches: Sequence[Mapping[str, Array]],
    threads: int,
    fuse: bool,
    report: Report,
    progress: Progress,
) -> tuple[Graph, list[dict[str, Array]], list[dict[str, str]]]:
    """Run the plan with a place of its own for each tensor, and again as users do.

    Returns the graph that it runs, and for each batch its tensors and how they were computed (`Session.algorithms`).
    """
    watched = Session(graph, threads=threads, reuse=False, fuse=fuse)
    usual = Session(graph, threads=threads, fuse=fuse)
    states = {s.tensor: s.initial for s in graph.states}
    seen, algorithms, same = [], [], True
    for i, feeds in enumerate(batches):
        progress("running the plan", i, len(batches))
        outputs = usual.run(feeds)
        every = watched.run_all(feeds)
        algorithms.append(watched.algorithms(feeds))
        same &= all(_same_bits(outputs[name], every[name]) for name in graph.outputs)
        seen.append({**every, **states})
        states = next_states(graph, seen[-1])
    report.outputs_ok = same
    return watched.planned, seen, algorithms


def _same_bits(a: Any, b: Any) -> bool:
    if is_host(a):
        return bool(judge_value(a, b))
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _litert_tensors(
    graph: Graph, batches: Sequence[Mapping[str, Array]], model: bytes | None
) -> list[dict[str, Array]]:
    from ..formats.tflite import write

    data = write(graph) if model is None else model
    by_index = [{graph.origin[name]: np.asarray(a) for name, a in f.items()} for f in batches]
    with LiteRT() as engine:
        ran = engine.run(data, by_index, keep_state=bool(graph.states))
    seen: list[dict[str, Array]] = []
    states = None
    for tensors, feeds in zip(ran, batches, strict=True):
        seen.append({**seen_by_index(graph, tensors, states), **feeds})
        states = next_states(graph, seen[-1])
    return seen


def _onnx_tensors(
    graph: Graph, batches: Sequence[Mapping[str, Array]], progress: Progress
) -> tuple[list[dict[str, Array]], dict[str, str]]:
    """Run what ONNX can say in onnxruntime; return its tensors, and why others are not among them."""
    seen: list[dict[str, Array]] = []
    reasons: dict[str, str] = {}
    states = initial_states(graph)
    if not OnnxRuntime.available():
        raise UnsupportedError("onnxruntime is not installed: pip install onnxruntime")
    with OnnxRuntime() as engine:
        for i, feeds in enumerate(batches):
            progress("running onnxruntime", i, len(batches))
            computed, values, why = onnx_run(engine, graph, feeds, states)
            seen.append({**computed, **feeds, **states})
            reasons |= why
            states = next_states(graph, values)
    compared = {name for tensors in seen for name in tensors}
    if all(name not in compared for node in graph.nodes for name in node.outputs):
        said = "; ".join(dict.fromkeys(reasons.values())) or "it has no operators"
        raise UnsupportedError(f"nothing to compare with onnxruntime: {said}")
    return seen, reasons


def _with_left_out(graph: Graph, rows: Mapping[str, Row], reasons: Mapping[str, str]) -> list[Row]:
    """Return all rows in the order of the network, those too that say why there is no verdict."""
    every = []
    for node in graph.nodes:
        for name in node.outputs:
            if name in rows:
                every.append(rows[name])
            elif name in reasons:
                types = tuple(graph.tensors.get(n) if n else None for n in node.inputs)
                form = number_format(node.op, types, node.dialect)
                shape = graph.tensors[name].shape
                row = _row(Layer(node, form, name, Verdict(True), True, shape))
                row.compared, row.reason = False, f"not compared: {reasons[name]}"
                every.append(row)
    return every


def _row(layer: Layer) -> Row:
    return Row(
        tensor=layer.tensor,
        operator=layer.node.op.__name__,
        format=layer.format,
        shape=layer.shape,
        node=layer.node.name,
    )
