"""Judge a network layer by layer: every node gets the inputs that another engine saw, so no error adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Array, Graph, Node, QuantParams, TensorType
from ..ir.op import HOST
from ..quant.rule import number_format
from ..runtime.interpreter import evaluate, infer
from .agreement import run_bounds
from .engines.litert import LiteRT
from .judge import Verdict, judge_value, node_bounds


@dataclass(frozen=True)
class Layer:
    """One output tensor of one node, and what the judge says of it; `exact` if its bound is 0 everywhere."""

    node: Node
    format: str
    tensor: str
    verdict: Verdict
    exact: bool
    shape: tuple[int, ...] = ()


def judge_layers(
    graph: Graph, seen: Mapping[str, Array], algorithms: Mapping[str, str] | None = None
) -> Iterator[Layer]:
    """Recompute every node from the values that an engine had, and judge the engine's results.

    `seen` holds the engine's tensors by our names. What the engine does not have (a tensor that only our reader
    makes) is taken from our own results. `algorithms` is as in `node_bounds`.
    """
    values = {**graph.constants, **seen}
    for node in graph.nodes:
        args = [None if name is None else values[name] for name in node.inputs]
        form, want, bounds = _judged(graph, node, args, algorithms)
        for name, ours, bound in zip(node.outputs, want, bounds, strict=True):
            if name in seen:
                verdict = judge_value(seen[name], ours, bound)
                yield Layer(node, form, name, verdict, not np.any(bound), np.shape(ours))
            else:
                values[name] = ours
    if graph.later is not None:
        rest = graph.later.graph({n: values[n] for n in graph.later.inputs})
        yield from judge_layers(rest, values, algorithms)


def _judged(
    graph: Graph, node: Node, args: Sequence[Any], algorithms: Mapping[str, str] | None
) -> tuple[str, tuple[Any, ...], Sequence[Any]]:
    """Return a node's format, what it should give, and how far each result may be off."""
    if node.op.host:
        return HOST, *run_bounds(node, args)
    types = tuple(
        None if a is None or n is None else TensorType.of(a, _quant(graph, n))
        for a, n in zip(args, node.inputs, strict=True)
    )
    want = evaluate(node, types, infer(node, types, graph.tensors), args)
    form = number_format(node.op, types, node.dialect)
    return form, want, node_bounds(node, types, args, want, algorithms)


def _quant(graph: Graph, name: str) -> QuantParams | None:
    return graph.tensors[name].quant if name in graph.tensors else None


def seen_by_index(
    graph: Graph, tensors: Mapping[int, Array], states: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Name the tensors that an engine returned by their index in the file.

    A state has one index for its value before and after the run: `states` gives those before.
    """
    before = {s.tensor: s.initial for s in graph.states} | dict(states or {})
    seen = {name: tensors[index] for name, index in graph.origin.items() if index in tensors}
    return seen | before


def next_states(graph: Graph, seen: Mapping[str, Array]) -> dict[str, Array]:
    """Return the states that the following run starts from."""
    return {s.tensor: seen[s.successor] for s in graph.states}


def litert_runs(
    engine: LiteRT, model: bytes, graph: Graph, feeds: Sequence[Mapping[str, Array]]
) -> list[dict[str, Array]]:
    """Run a file on each of `feeds` and return what LiteRT saw, by our names; states are carried along."""
    indexed = [{graph.origin[n]: a for n, a in feed.items()} for feed in feeds]
    results = engine.run(model, indexed, keep_state=bool(graph.states))
    runs: list[dict[str, Array]] = []
    states: Mapping[str, Array] | None = None
    for feed, tensors in zip(feeds, results, strict=True):
        runs.append({**seen_by_index(graph, tensors, states), **feed})
        states = next_states(graph, runs[-1])
    return runs
