"""The nodes of a graph, or of one inside of a node, read one after the other; what must wait for a run is read then.

A rule that asks for the contents, or the type, of a tensor which only a run gives is stopped: its node, and those that
depend on it, are put off. They become `Graph.later`: a network that the same rules read when the values are there.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ...ir import Array, Deferred, FormatError, Graph, Node, UnsupportedError
from ...passes.cancel_transposes import cancel_transposes
from ...refimpl.control import pass_through
from ...refimpl.shape import transpose
from ..files import located
from .expand import branch, expanded, inner_graphs
from .source import ONNX, OnnxSource
from .tensors import Tensors
from .workspace import WaitError, Workspace

DEFAULT_DOMAINS: Final = ("", "ai.onnx")
MAX_EXPANDED: Final = 100_000
MAX_NESTED: Final = 16  # of functions that call functions


@dataclass
class File:
    """What all graphs of a file share: how tensors are read, the operator set, functions by domain and name.

    `expanded` counts the nodes that have been put in the place of others.
    """

    tensors: Tensors
    version: int
    functions: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    as_written: bool = False
    expanded: int = 0

    def instead(self, nodes: Sequence[Any]) -> Sequence[Any]:
        """Return nodes in the order in which they are read, if there are not too many of them in all."""
        self.expanded += len(nodes) + 1
        if self.expanded > MAX_EXPANDED:
            raise FormatError(f"functions and branches of more than {MAX_EXPANDED} nodes")
        return ordered(nodes)


def reads_of(node: Any) -> Iterator[str]:
    """Yield the tensors that a node reads, those that graphs inside of it take from outside among them."""
    yield from filter(None, node.input)
    for graph in inner_graphs(node):
        yield from captured(graph)


def operator_of(node: Any) -> str:
    """Return what a node's rule is entered under: its operator, after its domain unless that is the default one."""
    default = node.domain in DEFAULT_DOMAINS
    return str(node.op_type if default else f"{node.domain}.{node.op_type}")


def captured(graph: Any) -> list[str]:
    """Return the tensors that a graph inside of a node takes from outside of it."""
    own = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    made = {n for node in graph.node for n in node.output}
    read = [n for node in graph.node for n in reads_of(node)]
    read += [v.name for v in graph.output]
    return list(dict.fromkeys(n for n in read if n not in own and n not in made))


def ordered(nodes: Sequence[Any]) -> list[Any]:
    """Return the nodes so that each comes after those whose results it reads, else as they stand."""
    maker = {n: i for i, node in enumerate(nodes) for n in node.output if n}
    after = [{maker[n] for n in reads_of(node) if n in maker} for node in nodes]
    if all(max(sources, default=-1) < i for i, sources in enumerate(after)):
        return list(nodes)
    readers: list[list[int]] = [[] for _ in nodes]
    for i, sources in enumerate(after):
        for j in sources:
            readers[j].append(i)
    ready = [i for i, sources in enumerate(after) if not sources]
    order = []
    while ready:
        i = heapq.heappop(ready)
        order.append(nodes[i])
        for j in readers[i]:
            after[j].discard(i)
            if not after[j]:
                heapq.heappush(ready, j)
    if len(order) < len(nodes):
        raise FormatError("the nodes read each other's results in a circle")
    return order


class Scope:
    """One reading of a list of nodes into the graph of `work`."""

    def __init__(self, file: File, nodes: Sequence[Any], work: Workspace) -> None:
        self.file, self.nodes, self.work = file, nodes, work
        work.taken |= {n for node in nodes for n in node.output}
        self.missing: dict[str, None] = {}
        self.lost: set[str] = set()  # tensors that an operator without a rule would compute
        self.late: list[Any] = []  # nodes that wait for a run
        self.needs: dict[str, None] = {}  # tensors of ours whose contents they wait for
        self.waiting: set[str] = set()  # tensors that they compute
        self._nested = 0

    def read(self) -> None:
        """Read all nodes, and name in one error what has no implementation."""
        for i, node in enumerate(ordered(self.nodes)):
            self.node(i, node)
        if self.missing:
            raise UnsupportedError(f"no implementation of {', '.join(self.missing)}")

    def graph(self, inputs: Sequence[str], outputs: Sequence[str], **facts: Any) -> Graph:
        """Return what was read; `outputs` are names of the file."""
        results = tuple(n if n in self.waiting else self._output(n) for n in outputs)
        work = self.work
        return Graph(
            tuple(work.nodes),
            tuple(inputs),
            tuple(dict.fromkeys(results)),
            {name: type.without_value() for name, type in work.types.items()},
            work.constants,
            later=self._later(outputs) if self.late else None,
            **facts,
        )

    def node(self, index: int, node: Any) -> None:
        """Read one node."""
        where = f"node {index} {node.op_type} {node.name!r}"
        domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
        self._connect(node, where)
        with located(where):
            instead = self._instead(node, domain)
        if instead is not None:
            self._nested += 1
            for inner in self.file.instead(instead):
                self.node(index, inner)
            self._nested -= 1
            return
        if operator_of(node) not in ONNX:
            self._lose(node, operator_of(node))
        elif self.lost & set(reads_of(node)):
            self.lost |= set(node.output)
        elif self.waiting & set(reads_of(node)):
            self._put_off(node)
        else:
            with located(where):
                self._apply(index, node, where)

    def _instead(self, node: Any, domain: str) -> list[Any] | None:
        """Return the nodes that a node stands for: of a function, or of the branch that a constant chooses."""
        if self._nested > MAX_NESTED:
            raise FormatError(f"functions call each other {MAX_NESTED} deep")
        label = f"{self.file.expanded}.{node.op_type}"
        function = self.file.functions.get((domain, node.op_type))
        if function is not None:
            versions = {o.version for o in function.opset_import if o.domain in DEFAULT_DOMAINS}
            if versions - {self.file.version}:
                raise UnsupportedError(
                    f"a function of operator set {versions} in a file of {self.file.version}"
                )
            return expanded(function, node, label)
        if (domain, node.op_type) != ("", "If") or node.input[0] not in self.work.names:
            return None
        chosen = self.work.constants.get(self.work.names[node.input[0]])
        return None if chosen is None else branch(node, bool(np.all(chosen)), label)

    def _apply(self, index: int, node: Any, where: str) -> None:
        work = self.work
        source = OnnxSource(
            node.op_type,
            self.file.version,
            tuple(work.names[n] if n else None for n in node.input),
            tuple(node.output),
            self._attributes(node, where),
            f"{index} {node.op_type}",
            work,
            self,
        )
        first = len(work.nodes)
        try:
            source.finish(ONNX[operator_of(node)](source), first)
        except UnsupportedError as error:
            self._lose(node, f"{node.op_type} ({error})")
        except WaitError as error:
            needs = self._sources(error.needs, first)
            if error.needs and all(n in work.constants for n in needs):
                raise UnsupportedError(f"{node.op_type}: {error}") from error
            del work.nodes[first:]
            self.needs |= dict.fromkeys(n for n in needs if n not in work.constants)
            self._put_off(node)

    def _sources(self, names: Iterable[str], first: int) -> list[str]:
        """Return the tensors from before a rule of which it has made `names`."""
        makers = {n: node for node in self.work.nodes[first:] for n in node.outputs}
        found, left = dict[str, None](), list(names)
        while left:
            name = left.pop()
            if name in makers:
                left += [n for n in makers[name].inputs if n is not None]
            else:
                found[name] = None
        return list(found)

    def _put_off(self, node: Any) -> None:
        if operator_of(node) not in ONNX:
            self.missing[operator_of(node)] = None
        self.late.append(node)
        self.waiting |= set(filter(None, node.output))

    def _lose(self, node: Any, what: str) -> None:
        self.missing[what] = None
        self.lost |= set(node.output)

    def _connect(self, node: Any, where: str) -> None:
        """Check that the node's inputs are there and its outputs are nobody else's."""
        there = (self.work.names, self.lost, self.waiting)
        for name in reads_of(node):
            if not any(name in names for names in there):
                raise FormatError(
                    f"{where}: nothing computes its input {name!r}; the file is damaged"
                )
        outputs = [n for n in node.output if n]
        for name in outputs:
            if any(name in names for names in there) or outputs.count(name) > 1:
                raise FormatError(f"{where}: its output {name!r} has a value already")

    def _attributes(self, node: Any, where: str) -> dict[str, Any]:
        """Return the attributes as Python values; graphs are left out."""
        found: dict[str, Any] = {}
        for a in node.attribute:
            if a.name in found or a.ref_attr_name:
                raise FormatError(f"{where}: attribute {a.name!r} is there twice, or of a function")
            value = self._attribute(a, f"{where}, attribute {a.name}")
            if value is not None:
                found[a.name] = value
        return found

    def _attribute(self, a: Any, where: str) -> Any:
        kinds: Mapping[int, Any] = {
            1: lambda: float(a.f),
            2: lambda: int(a.i),
            3: lambda: a.s.decode("utf-8", "backslashreplace"),
            4: lambda: self.file.tensors.array(a.t, where),
            5: lambda: a.g,
            6: lambda: tuple(map(float, a.floats)),
            7: lambda: tuple(map(int, a.ints)),
            8: lambda: tuple(s.decode("utf-8", "backslashreplace") for s in a.strings),
            13: lambda: a.tp,
        }
        return kinds[a.type]() if a.type in kinds else None

    def _output(self, name: str) -> str:
        """Return the name of a graph output; what only passes through becomes a node of that name."""
        work = self.work
        if name not in work.names:
            raise FormatError(f"graph outputs: nothing computes {name!r}")
        own = work.names[name]
        if own == name and (work.inner or own not in work.constants):
            return name
        if own not in work.types or work.types[own].format == "str":
            work.nodes.append(Node(pass_through, (own,), (name,), name=f"output {name}"))
            return name
        rank = len(work.types[own].shape)
        value: Array = np.arange(rank, dtype=np.int32)
        perm = work.enter_constant(work.fresh(f"{name}/perm"), value)
        work.types[name], work.other[name] = (
            t[own].without_value() for t in (work.types, work.other)
        )
        work.nodes.append(Node(transpose, (own, perm), (name,), name=f"output {name}"))
        return name

    def _later(self, outputs: Sequence[str]) -> Deferred:
        """Return the nodes that wait, to be read when what they take is there."""
        made = {n for node in self.late for n in node.output}
        read = dict.fromkeys(n for node in self.late for n in reads_of(node) if n not in made)
        names = {n: self.work.names[n] for n in read}
        taken = self.work.taken | set(self.work.types)
        wanted = tuple(dict.fromkeys(n for n in outputs if n in self.waiting))
        return _deferred(
            self.file, self.late, names, self.work.constants, wanted, taken, self.needs
        )

    def _unknown(self, graph: Any) -> Iterator[str]:
        """Yield the operators of a graph inside of a node that have no rule."""
        for node in graph.node:
            domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
            function = (domain, node.op_type) in self.file.functions
            if not function and operator_of(node) not in ONNX:
                yield operator_of(node)
            for inner in inner_graphs(node):
                yield from self._unknown(inner)

    def body(self, graph: Any) -> tuple[Deferred, tuple[str, ...]]:
        """Return a graph inside of a node, and the tensors of ours that it takes from outside.

        Its inputs are its own ones, by their names in the file, and then those.
        """
        self.missing |= dict.fromkeys(self._unknown(graph))
        outside = captured(graph)
        names = {n: self.work.names[n] for n in outside}
        taken = dict.fromkeys(o for o in names.values() if o not in self.work.constants)
        constants = {
            n: self.work.constants[o] for n, o in names.items() if o in self.work.constants
        }
        clear = {o: f"{i}/{o}" for i, o in enumerate(taken)}  # a name that no tensor inside has
        own = [v.name for v in graph.input]
        inputs = (*own, *clear.values())
        file = self.file

        def read(values: Mapping[str, Any]) -> Graph:
            work = Workspace(inner=True)
            work.taken = {*inputs, *outside}
            for name, value in constants.items():
                work.names[name] = work.enter_constant(work.fresh(f"{name}/outer"), value)
            for tensor in graph.initializer:
                value = file.tensors.array(tensor, f"initializer {tensor.name!r}")
                work.names[tensor.name] = work.enter_constant(tensor.name, value)
            for name, ours in names.items():
                if ours in clear:
                    work.names[name] = clear[ours]
            work.names |= {n: n for n in own}
            for name in inputs:
                work.enter_value(name, values[name])
            scope = Scope(file, graph.node, work)
            scope.read()
            outputs = [v.name for v in graph.output]
            return finished(file, scope.graph(inputs, outputs))

        results = tuple(v.name for v in graph.output)
        operators = tuple(node.op_type for node in graph.node)
        return Deferred(inputs, results, read, operators=operators), tuple(taken)


def finished(file: File, graph: Graph) -> Graph:
    """Return a graph that was read, without the transpositions that cancel each other unless they shall stay."""
    return graph if file.as_written else cancel_transposes(graph)


def _deferred(
    file: File,
    nodes: Sequence[Any],
    names: Mapping[str, str],
    constants: Mapping[str, Array],
    outputs: tuple[str, ...],
    taken: set[str],
    needs: Iterable[str],
) -> Deferred:
    """Return nodes of the file as a network to be read later; `names` are those of what they read, here and now."""
    ours = dict.fromkeys(names.values())
    inputs = tuple(n for n in ours if n not in constants)
    known = {n: constants[n] for n in ours if n in constants}
    wanted = tuple(n for n in inputs if n in needs)

    def read(values: Mapping[str, Any]) -> Graph:
        work = Workspace(names=dict(names), taken=set(taken))
        for name, value in known.items():
            work.enter_constant(name, value)
        for name in inputs:
            if name in wanted and isinstance(values[name], np.ndarray):
                work.enter_constant(name, values[name])
                work.fleeting.add(name)
            else:
                work.enter_value(name, values[name])
        scope = Scope(file, nodes, work)
        scope.read()
        left = tuple(n for n in inputs if n not in work.constants)
        return finished(file, scope.graph(left, outputs))

    return Deferred(inputs, outputs, read, wanted, tuple(node.op_type for node in nodes))
