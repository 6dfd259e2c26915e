"""A session: a graph that is run again and again, with the state that it carries from run to run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from ..ir import Array, Graph, InputError, Node, TensorType, contents, is_host, type_of
from ..passes import rewrite
from ..passes.fold_constants import Evaluate
from .bodies import Bodies
from .context import Context
from .interpreter import (
    check_feed,
    check_graph,
    check_names,
    evaluate,
    infer,
    initial_states,
    lacking,
    run_host,
)
from .plan import Plan, make_plan
from .quick import Quick, quick_way
from .store import Store

KEPT = 16  # plans that are remembered, for inputs of different shapes
NOTHING: Mapping[str, Array] = {}


def folding(graph: Graph) -> Evaluate:
    """Return how the passes compute a node of `graph` on constants."""

    def run(
        node: Node, types: Sequence[TensorType | None], args: Sequence[Array | None]
    ) -> tuple[Array, ...] | None:
        out = infer(node, types, graph.tensors)
        return None if lacking(node, types, out) else evaluate(node, types, out, args)

    return run


class _Part:
    """A plan with its idle contexts, and the sessions for what comes after its cut."""

    def __init__(self, plan: Plan, session: Session) -> None:
        self.plan, self.session = plan, session
        self.contexts = [Context(plan, session.split_from)]
        self.tails = OrderedDict[Any, Session]()
        wanted, later = plan.graph.kept, plan.graph.later
        self.known = tuple(n for n in wanted if n in plan.known)
        crossing = {n for node in plan.rest for n in node.inputs if n is not None}
        crossing |= set(later.inputs) if later else set()
        wanted = tuple(dict.fromkeys((*wanted, *plan.needed, *sorted(crossing))))
        self.empty = tuple(
            n for n in wanted if n not in plan.known and n in plan.types and not plan.types[n].size
        )
        self.quick = quick_way(plan, self.contexts)

    def run(
        self, feeds: Mapping[str, Array], out: Mapping[str, Array], every: bool
    ) -> dict[str, Array]:
        try:
            context = self.contexts.pop()
        except IndexError:
            context = Context(self.plan, self.session.split_from)
        try:
            values = context.run(feeds, out)
            if every:
                made = [n for n in self.plan.places if n in self.plan.types]
                values = {n: context.view(n).copy() for n in made} | values
        finally:
            self.contexts.append(context)
        for name in self.known:
            values[name] = self.plan.known[name].copy()
        for name in self.empty:
            values[name] = np.empty(self.plan.types[name].shape, self.plan.types[name].dtype)
        if every:
            values = {**self.plan.known, **values}
        if self.plan.rest or self.plan.graph.later:
            return self._tail(feeds, values, every)
        return values

    def algorithms(self) -> dict[str, str]:
        """Return `Plan.algorithms` of this plan and of those after its cut."""
        found = dict(self.plan.algorithms)
        for tail in self.tails.values():
            for part in tail._parts.values():
                found |= part.algorithms()
        return found

    def _tail(
        self, feeds: Mapping[str, Array], values: dict[str, Array], every: bool
    ) -> dict[str, Array]:
        """Run what comes after the cut, now that the values it waits for are there."""
        plan, session = self.plan, self.session
        if plan.rest and plan.rest[0].op.host:
            node = plan.rest[0]
            found = {**plan.known, **feeds, **values}
            args = [None if n is None else found[n] for n in node.inputs]
            results = run_host(node, args, session.bodies.run)
            values = values | dict(zip(node.outputs, results, strict=True))
        later = plan.graph.later if not plan.rest else None
        if not later and not plan.rest[1:] and not plan.needed and not plan.graph.later:
            return values
        found = {**plan.known, **feeds, **values}
        needed = later.needs if later else plan.needed
        key = later.key(found) if later else contents(found[n] for n in needed)
        with session.lock:
            tail = self.tails.get(key)
            if tail is None:
                volatile = frozenset(needed) | plan.volatile
                graph = self._later_graph(found) if later else self._tail_graph(found)
                tail = session.like(graph, volatile, fuse=session.fuse and later is not None)
                self.tails[key] = tail
                while len(self.tails) > KEPT:
                    self.tails.popitem(last=False)
        given = {n: found[n] for n in tail.graph.inputs}
        return values | tail.compute(given, {}, every)

    def _later_graph(self, found: Mapping[str, Any]) -> Graph:
        later = self.plan.graph.later
        assert later is not None
        graph = later.graph({n: found[n] for n in later.inputs})
        check_graph(graph)
        return graph

    def _tail_graph(self, values: Mapping[str, Array]) -> Graph:
        plan = self.plan
        nodes = plan.rest[1:] if plan.rest[0].op.host else plan.rest
        constants = {**plan.known, **{n: values[n] for n in plan.needed}}
        used = {n for node in nodes for n in node.inputs if n is not None}
        made = {n for node in nodes for n in node.outputs}
        later = plan.graph.later
        if later:
            used |= set(later.inputs)
            made |= set(later.outputs)
        tensors = {**plan.graph.tensors, **{n: t.without_value() for n, t in plan.types.items()}}
        wanted = (*plan.graph.outputs, *(s.successor for s in plan.graph.states))
        return replace(
            plan.graph,
            nodes=nodes,
            inputs=tuple(sorted(n for n in used if n not in made and n not in constants)),
            outputs=tuple(dict.fromkeys(n for n in wanted if n in made)),
            constants=constants,
            tensors=tensors,
            states=(),
        )


class Session:
    """Runs `graph` by compiled plans, one for each combination of input shapes.

    A session may be called from several threads. One with states serves them one after the other.

    Args:
        graph: the network.
        threads: how many threads share the work of a run; results do not depend on it.
        reuse: whether tensors share memory; off, every intermediate can be read (`run_all`).
        fold: whether nodes that depend on constants alone are computed when planning.
        split_from: bytes that a run must read and write before it is worth waking other threads.
        fuse: whether passes rewrite the network first; off, each node is run as the file has it.

    Attributes:
        planned: the network as it is run, after the passes.
    """

    def __init__(
        self,
        graph: Graph,
        threads: int = 1,
        *,
        reuse: bool = True,
        fold: bool = True,
        split_from: int = 1 << 17,
        fuse: bool = True,
    ) -> None:
        check_graph(graph)
        self.fuse = fuse
        self.planned = rewrite(graph, folding(graph) if fold else None) if fuse else graph
        self.split_from = split_from
        self.volatile = frozenset[str]()
        self.graph, self.threads, self.reuse, self.fold = graph, threads, reuse, fold
        self.lock = threading.RLock()
        self._state_lock = threading.RLock()
        self._parts = OrderedDict[Any, _Part]()
        static = {
            node.inputs[i]
            for node in graph.nodes
            for i in node.op.static_positions()
            if i < len(node.inputs)
        }
        self._static = tuple(n for n in graph.inputs if n in static)
        self._ends = frozenset(graph.outputs)
        self._states: dict[str, Array] = {}
        self._store = Store()
        self.bodies = Bodies(self.like)
        self._resized = Bodies(self.like, graph.resized.most if graph.resized else 0)
        self._quick: Quick | None = None  # for inputs like the last ones
        self.reset()

    def like(
        self, graph: Graph, volatile: frozenset[str] = frozenset(), fuse: bool | None = None
    ) -> Session:
        """Return a session for another graph with the settings of this one.

        Its constants `volatile` are values that one run has brought.
        """
        session = Session(
            graph,
            self.threads,
            reuse=self.reuse,
            fold=self.fold,
            split_from=self.split_from,
            fuse=self.fuse if fuse is None else fuse,
        )
        session.volatile, session._store = volatile, self._store
        return session

    def reset(self) -> None:
        """Go back to the initial states."""
        self._states = initial_states(self.graph)

    def run(
        self, feeds: Mapping[str, Any], out: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Run the network once; return its outputs by name, in the graph's order.

        The arrays are the caller's. Those in `out`, of the right shape and type, are filled and returned.
        """
        if self._quick is not None:
            values = self._quick(feeds, NOTHING if out is None else out)
            if values is not None:
                return values
        there, arrays = self._place(feeds)
        if there is not self:
            return there.run(arrays, out)
        values = self._carry(arrays, out or {}, every=False)
        return {n: self._output(n, values, arrays, out or {}) for n in self.graph.outputs}

    def run_all(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        """Run the network once; return every tensor by name. The session must have `reuse` off."""
        if self.reuse:
            raise InputError("intermediates are kept by a session made with reuse=False")
        there, arrays = self._place(feeds)
        if there is not self:
            return there.run_all(arrays)
        return {**arrays, **self._carry(arrays, {}, every=True)}

    def lasting_plan(self, feeds: Mapping[str, Any]) -> Plan:
        """Return a plan for these inputs that can be run again and again on them; it is not kept."""
        there, arrays = self._place(feeds)
        return there.plan_for(there._types({**arrays, **there._states}), keep_inputs=True)

    def plan(self, feeds: Mapping[str, Any]) -> Plan:
        """Return the plan for these inputs (for inspection)."""
        there, arrays = self._place(feeds)
        return there._part({**arrays, **there._states}).plan

    def plan_for(self, types: Mapping[str, TensorType], *, keep_inputs: bool = False) -> Plan:
        """Return a plan for inputs and states of these types, which is not kept and compiles nothing.

        With `keep_inputs` no other tensor takes the place of an input.
        """
        settings = (self.threads, self.reuse, self.fold, self.volatile, self._store, keep_inputs)
        return make_plan(self.planned, types, *settings)

    def algorithms(self, feeds: Mapping[str, Any]) -> dict[str, str]:
        """Return how the plan computes tensors whose error depends on it (`Step.algorithm`); after a run."""
        there, arrays = self._place(feeds)
        return there._part({**arrays, **there._states}).algorithms()

    def compute(
        self, arrays: Mapping[str, Array], out: Mapping[str, Array], every: bool
    ) -> dict[str, Array]:
        """Run the plan for checked inputs and states; return at least outputs and successors."""
        return self._part(arrays).run(arrays, out, every)

    def _place(self, feeds: Mapping[str, Any]) -> tuple[Session, dict[str, Array]]:
        """Return the inputs, checked, and the session for networks of their sizes: this one or another."""
        arrays, again = self._arrays(feeds), self.graph.resized
        if again is None or self.graph.at(arrays) is self.graph:
            return self, arrays
        return self._resized.session(again, arrays), arrays

    def _arrays(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        if len(feeds) != len(self.graph.inputs) or any(n not in feeds for n in self.graph.inputs):
            check_names(self.graph, feeds)
        return {n: check_feed(self.graph, n, feeds[n]) for n in self.graph.inputs}

    def _carry(
        self, arrays: Mapping[str, Array], out: Mapping[str, Array], every: bool
    ) -> dict[str, Array]:
        usable = self._usable(arrays, out) if out else {}
        if not self.graph.states:
            return self.compute(arrays, usable, every)
        with self._state_lock:
            given = {**arrays, **self._states}
            values = self.compute(given, usable, every)
            self._states = {s.tensor: values[s.successor] for s in self.graph.states}
        return values

    def _usable(self, arrays: Mapping[str, Array], out: Mapping[str, Array]) -> dict[str, Array]:
        """Return those of the caller's arrays that kernels may write to directly."""
        unknown = [n for n in out if n not in self._ends]
        if unknown:
            raise InputError(
                f"out: unknown {', '.join(unknown)}; there are {', '.join(self._ends)}"
            )
        plan = self._part({**arrays, **self._states}).plan
        usable = {}
        for name, array in out.items():
            t = plan.types.get(name)
            if t is None:
                continue
            if array.shape != t.shape or array.dtype != t.dtype:
                raise InputError(
                    f"out {name}: expected {t.format} {t.shape}, got {array.dtype} {array.shape}"
                )
            if not array.flags.writeable:
                raise InputError(f"out {name}: the array is read-only")
            others = [*arrays.values(), *(a for n, a in out.items() if n != name)]
            states = {s.successor for s in self.graph.states}
            flags = array.flags
            if (
                flags.c_contiguous and flags.aligned and flags.writeable and name not in states
            ) and not any(np.may_share_memory(array, other) for other in others):
                usable[name] = array
        return usable

    def _output(
        self,
        name: str,
        values: Mapping[str, Array],
        arrays: Mapping[str, Array],
        out: Mapping[str, Array],
    ) -> Array:
        value = values[name] if name in values else copy(arrays[name])
        target = out.get(name)
        if target is None or target is value:
            states = {s.successor for s in self.graph.states} if self.graph.states else ()
            return value.copy() if name in states else value
        if target.shape != value.shape or target.dtype != value.dtype:
            raise InputError(
                f"out {name}: expected {value.dtype} {value.shape}, got {target.dtype} {target.shape}"
            )
        target[...] = value
        return target

    def _part(self, arrays: Mapping[str, Array]) -> _Part:
        """Return the plan for these inputs, made now or before."""
        key: tuple[Any, ...] = tuple(map(type_of, arrays.values()))
        if self._static:
            key += tuple(arrays[n].tobytes() for n in self._static)
        part = self._parts.get(key)
        if part is None:
            with self.lock:
                part = self._parts.get(key)
                if part is None:
                    plan = self.plan_for(self._types(arrays))
                    part = self._parts[key] = _Part(plan, self)
                    while len(self._parts) > KEPT:
                        self._parts.popitem(last=False)
        if not self._static:  # values of inputs do not choose the plan
            self._quick = part.quick
        return part

    def _types(self, arrays: Mapping[str, Array]) -> dict[str, TensorType]:
        types = {}
        for name, array in arrays.items():
            if is_host(array):
                continue
            declared = self.graph.tensors.get(name)
            known = array.copy() if name in self._static else None
            types[name] = TensorType(
                array.shape, array.dtype, declared.quant if declared else None, known
            )
        return types
