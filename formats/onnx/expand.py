"""Functions of a file, put in the place of the nodes that call them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...ir import FormatError


def inner_graphs(node: Any) -> Iterator[Any]:
    """Yield the graphs in a node's attributes."""
    for a in node.attribute:
        if a.HasField("g"):
            yield a.g
        yield from a.graphs


def expanded(function: Any, call: Any, label: str) -> list[Any]:
    """Return copies of the function's nodes that do what `call` asks for; its own tensors are named after `label`.

    An attribute that a node takes from the function has the value of the call, else the function's default; without
    either it is left out.
    """
    if len(call.input) > len(function.input) or len(call.output) > len(function.output):
        raise FormatError(f"function {function.name}: it takes {len(function.input)} inputs")
    names = dict.fromkeys(function.input, "")
    names |= dict(zip(function.input, call.input, strict=False))
    results = dict(zip(function.output, call.output, strict=False))
    names |= {k: v or f"{label}/{k}" for k, v in results.items()}
    given = {a.name: a for a in function.attribute_proto} | {a.name: a for a in call.attribute}
    return [_renamed(node, names, given, label) for node in function.node]


def branch(node: Any, chosen: bool, label: str) -> list[Any]:
    """Return the nodes of one branch of If, which make its outputs."""
    name = "then_branch" if chosen else "else_branch"
    graph = next((a.g for a in node.attribute if a.name == name), None)
    if graph is None or len(graph.output) != len(node.output):
        raise FormatError(f"{name} is absent, or has another number of outputs than the node")
    own = {n for inner in graph.node for n in inner.output} | {t.name for t in graph.initializer}
    names = _Names({n: f"{label}/{n}" for n in own})
    nodes = []
    for value, result in zip(graph.output, node.output, strict=True):
        copy = type(node)(op_type="Identity", name=f"{label}/{result}")
        copy.input.append(names.get(value.name, value.name))
        copy.output.append(result)
        nodes.append(copy)
    for tensor in graph.initializer:
        constant = type(node)(op_type="Constant", output=[names[tensor.name]])
        constant.attribute.add(name="value", type=4).t.CopyFrom(tensor)
        nodes.append(constant)
    return [*nodes, *(_renamed(inner, names, {}, label) for inner in graph.node)]


class _Names(dict[str, str]):
    """Names of tensors; those from outside keep theirs."""

    def get(self, name: str, default: Any = None) -> str:
        return super().get(name, name)


def _renamed(node: Any, names: Mapping[str, str], given: Mapping[str, Any], label: str) -> Any:
    """Return a copy of a node with other names of tensors, and the attributes of the call."""

    def name(old: str) -> str:
        return names.get(old, f"{label}/{old}") if old else old

    copy = type(node)()
    copy.CopyFrom(node)
    copy.name = f"{label}/{node.name}"
    del copy.input[:], copy.output[:], copy.attribute[:]
    copy.input.extend(map(name, node.input))
    copy.output.extend(map(name, node.output))
    for a in node.attribute:
        source = given.get(a.ref_attr_name) if a.ref_attr_name else a
        if source is None:
            continue
        new = copy.attribute.add()
        new.CopyFrom(source)
        new.name = a.name
        for graph in (new.g, *new.graphs) if new.type in (5, 10) else ():
            _rename_graph(graph, names, given, label)
    return copy


def _rename_graph(
    graph: Any, names: Mapping[str, str], given: Mapping[str, Any], label: str
) -> None:
    """Rename, in place, all tensors of a graph inside of a node."""
    nodes = [_renamed(node, names, given, label) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names.get(value.name, f"{label}/{value.name}")
