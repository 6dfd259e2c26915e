"""Run a network of ours in onnxruntime, as far as ONNX can say it; the reference does the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from ..formats.onnx.writer import site_of, write
from ..ir import Array, Graph, Node, TensorType, UnsupportedError
from ..runtime.interpreter import evaluate, infer, interpret
from .engines.child import EngineError
from .engines.onnxruntime import OnnxRuntime


def onnx_run(
    engine: OnnxRuntime,
    graph: Graph,
    feeds: Mapping[str, Array],
    states: Mapping[str, Array] | None = None,
) -> tuple[dict[str, Array], dict[str, Array], dict[str, str]]:
    """Run `graph` once. Nodes that ONNX can say and that follow one another are one ONNX file.

    Returns:
        What onnxruntime computed, by name; all values, among them those of the reference for the other nodes,
        made of what onnxruntime had; and for each of these tensors why it was not computed there.
    """
    values = interpret(graph, feeds, states)
    types = {
        name: TensorType.of(value, graph.tensors[name].quant if name in graph.tensors else None)
        for name, value in values.items()
    }
    computed = {name for node in graph.nodes for name in node.outputs}
    values = {name: value for name, value in values.items() if name not in computed}
    seen: dict[str, Array] = {}
    reasons: dict[str, str] = {}
    for nodes, reason in _parts(graph, types):
        for part, why in _attempt(engine, graph, nodes, types, values) if not reason else ():
            reasons |= {name: why for node in part for name in node.outputs if why}
            seen |= {n: values[n] for node in part for n in node.outputs if not why}
        if reason:
            for node in nodes:
                values |= _by_reference(graph, node, values)
                reasons |= dict.fromkeys(node.outputs, reason)
    return seen, values, reasons


def _parts(graph: Graph, types: Mapping[str, TensorType]) -> Iterator[tuple[list[Node], str]]:
    """Yield runs of nodes, and why ONNX cannot say them; an empty reason where it can."""

    def reason(node: Node) -> str:
        try:
            site_of(node, types)
        except UnsupportedError as error:
            return str(error)
        return ""

    for why, nodes in groupby(graph.nodes, reason):
        yield list(nodes), why


def _attempt(
    engine: OnnxRuntime,
    graph: Graph,
    nodes: list[Node],
    types: Mapping[str, TensorType],
    values: dict[str, Array],
) -> Iterator[tuple[list[Node], str]]:
    """Run nodes as one file, or each as its own where onnxruntime refuses; enter the results in `values`.

    Yields the nodes that were tried together, and what onnxruntime says against them.
    """
    model, inputs = write(nodes, types, graph.constants)
    try:
        results = engine.run(model, {name: values[name] for name in inputs})
    except EngineError as error:
        if len(nodes) > 1:
            for node in nodes:
                yield from _attempt(engine, graph, [node], types, values)
            return
        values |= _by_reference(graph, nodes[0], values)
        yield nodes, " ".join(str(error).split())
        return
    for name, value in results.items():
        want = types[name]
        if (value.shape, value.dtype) != (want.shape, want.dtype):
            got = f"{value.dtype}{list(value.shape)}"
            raise EngineError(
                f"tensor {name}: onnxruntime has {got} instead of {want.dtype}{list(want.shape)}"
            )
    values |= results
    yield nodes, ""


def _by_reference(graph: Graph, node: Node, values: Mapping[str, Array]) -> dict[str, Array]:
    args = [None if n is None else values[n] for n in node.inputs]
    types = [
        None if n is None or a is None else TensorType.of(a, graph.tensors[n].quant)
        for n, a in zip(node.inputs, args, strict=True)
    ]
    out = infer(node, types, graph.tensors)
    return dict(zip(node.outputs, evaluate(node, types, out, args), strict=True))
