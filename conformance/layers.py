"""Judge a network layer by layer: every node gets the inputs that another engine saw, so no error adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir import Array, Graph, Node, TensorType, format_of
from ..runtime.interpreter import evaluate, infer
from .engines.litert import LiteRT
from .judge import Verdict, judge, node_bounds


@dataclass(frozen=True)
class Layer:
    """One output tensor of one node, and what the judge says of it; `exact` if its bound is 0 everywhere."""

    node: Node
    format: str
    tensor: str
    verdict: Verdict
    exact: bool


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
        types = tuple(
            None if a is None or n is None else TensorType.of(a, graph.tensors[n].quant)
            for a, n in zip(args, node.inputs, strict=True)
        )
        want = evaluate(node, types, infer(node, types, graph.tensors), args)
        bounds = node_bounds(node, types, args, want, algorithms)
        form = format_of(node.op, types)
        for name, ours, bound in zip(node.outputs, want, bounds, strict=True):
            if name in seen:
                yield Layer(node, form, name, judge(seen[name], ours, bound), not bound.any())
            else:
                values[name] = ours


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
