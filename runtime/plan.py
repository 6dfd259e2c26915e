"""A graph compiled for concrete shapes: kernels, argument blocks, a packed arena."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import (
    Array,
    Graph,
    LitegoldError,
    Node,
    TensorType,
    UnsupportedError,
    ValueNeededError,
)
from ..jit_kernels.kernel import Kernel
from ..jit_kernels.loading import addresses
from ..jit_kernels.lowering import CPU, Operand, Step
from ..quant.rule import number_format
from .alias import Aliases, says_again
from .arena import Place, check_memory, lower_bound, pack
from .cost import WORTH, nanoseconds
from .interpreter import attributes_of, evaluate, infer, lacking, located
from .store import Packed, Store
from .threads import aligned_copy

BOUND_FROM = (
    1 << 14
)  # bytes from which an input or output is used where the caller has it, not copied


SMALL = 1000  # elements up to which the reference computes what is known for one run only


@dataclass
class _Site:
    """What a lowering sees of one node; it collects what the lowering reserves."""

    node: Node
    attributes: Mapping[str, Any]
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    threads: int
    store: Store
    constants: dict[str, Array] = field(default_factory=dict)
    packs: list[Packed] = field(default_factory=list)
    scratches: dict[str, int] = field(default_factory=dict)
    prefix: str = ""
    residual: Operand | None = None
    pitch: int | None = None

    def constant(self, value: Array) -> Operand:
        name = f"{self.prefix}constant{len(self.constants)}"
        self.constants[name] = np.asarray(value, order="C")
        return Operand(name, TensorType.of(self.constants[name]))

    def packed(self, make: Callable[..., Array], *args: Any) -> Operand:
        self.packs.append(self.store.get(make, *args))
        return self.constant(self.packs[-1].array)

    def scratch(self, nbytes: int) -> Operand:
        name = f"{self.prefix}scratch{len(self.scratches)}"
        self.scratches[name] = nbytes
        return Operand(name, TensorType((nbytes,), np.dtype(np.uint8)))


@dataclass(frozen=True)
class PlanStep:
    """A kernel call of the plan, and the node that it belongs to."""

    node: Node
    step: Step


@dataclass
class Plan:
    """A graph for given shapes, up to the first node that runs in Python or needs a value which only the run brings.

    Attributes:
        types: what is known of each tensor: all up to the cut.
        steps: kernel calls in order.
        known: constants and folded values, by name.
        rest: the nodes after the cut; empty where there is none.
        needed: the tensors whose values `rest` waits for.
        volatile: known values that are so for one run only.
        places: where tensors and scratch lie in the arena.
        bound: inputs and outputs that are used where the caller has them.
    """

    graph: Graph
    threads: int
    reuse: bool
    types: dict[str, TensorType]
    steps: list[PlanStep] = field(default_factory=list)
    known: dict[str, Array] = field(default_factory=dict)
    rest: tuple[Node, ...] = ()
    needed: tuple[str, ...] = ()
    volatile: set[str] = field(default_factory=set)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)
    bound: tuple[str, ...] = ()
    arena_bytes: int = 0
    arena_bound: int = 0
    pool: dict[str, Array] = field(default_factory=dict)  # constants that kernels read, aligned
    packs: list[Packed] = field(default_factory=list)  # what of it the session's plans share
    keep_inputs: bool = False

    @property
    def algorithms(self) -> dict[str, str]:
        """How the outputs of nodes are computed, by name, where a step says so (`Step.algorithm`)."""
        found = dict[str, dict[str, None]]()
        for p in self.steps:
            if p.step.algorithm:
                for name in p.node.outputs:
                    found.setdefault(name, {})[p.step.algorithm] = None
        return {name: ",".join(used) for name, used in found.items()}

    @property
    def traffic(self) -> int:
        """Bytes of all tensors that the steps read and write."""
        return sum(o.type.nbytes for p in self.steps for o in _operands(p.step))

    def stages(self, split_from: int) -> NDArray[np.int64]:
        """Return the stages of a walk by several threads: first step, the one after the last, whether it is shared.

        A step is done by one thread if it must be, or if sharing does not pay: with `split_from` 0 it always does.
        """
        rows: list[list[int]] = []
        for i, p in enumerate(self.steps):
            alone = p.step.serial or (
                split_from > 0 and nanoseconds(p.node, p.step, self.types) < WORTH
            )
            if alone and rows and not rows[-1][2]:
                rows[-1][1] = i + 1
            else:
                rows.append([i, i + 1, not alone])
        return np.array(rows, np.int64).reshape(-1, 3)

    @functools.cached_property
    def kernels(self) -> NDArray[np.int64]:
        """Addresses of the steps' kernels; the first look compiles those that are new to this machine."""
        return np.array(addresses([p.step.kernel for p in self.steps]), np.int64)

    def __post_init__(self) -> None:
        self.slots = np.zeros(0, np.int64)  # argument blocks, addresses in the arena as offsets
        self.starts = np.zeros(0, np.int64)  # of each step's block in `slots`
        self.in_arena = np.zeros(0, np.int64)  # slots that the arena's address is added to
        self.patches: dict[
            str, list[tuple[int, int]]
        ] = {}  # bound tensor -> (slot, offset in bytes)


def _accept(
    graph: Graph, types: dict[str, TensorType], node: Node
) -> tuple[TensorType, ...] | None:
    """Infer a node's output types; None where a value is missing, or it runs in Python."""
    if node.op.host:
        return None
    given = [None if n is None else types[n] for n in node.inputs]
    static = [given[i] for i in node.op.static_positions() if i < len(given)]
    if any(t is not None and t.value is None for t in static):
        return None
    try:
        return infer(node, given, graph.tensors)
    except ValueNeededError:
        return None


def _fold(
    node: Node, types: dict[str, TensorType], out: tuple[TensorType, ...]
) -> tuple[Array, ...] | None:
    """Evaluate a node all of whose inputs are known, or that reads their types alone."""
    given = [None if n is None else types[n] for n in node.inputs]
    known = all(t is None or t.value is not None for t in given)
    if lacking(node, given, out) or not (known or node.op.reads_types):
        return None
    zeros = [
        None
        if t is None
        else t.value
        if t.value is not None
        else np.broadcast_to(t.dtype.type(0), t.shape)
        for t in given
    ]
    return evaluate(node, given, out, zeros)


def _cut(node: Node, types: dict[str, TensorType]) -> tuple[str, ...]:
    """Return the inputs of `node` whose values it waits for, other than that it runs in Python."""
    if node.op.host:
        return ()
    unknown = [n for n in node.inputs if n is not None and types[n].value is None]
    static = [node.inputs[i] for i in node.op.static_positions() if i < len(node.inputs)]
    return tuple(n for n in static if n in unknown) or tuple(unknown)


def make_plan(
    graph: Graph,
    fed: Mapping[str, TensorType],
    threads: int = 1,
    reuse: bool = True,
    fold: bool = True,
    volatile: frozenset[str] = frozenset(),
    store: Store | None = None,
    keep_inputs: bool = False,
) -> Plan:
    """Compile `graph` for inputs of the types in `fed`, which may carry values.

    Nodes whose inputs are all known are folded by the reference; where that depends on a `volatile` constant
    or a fed value, which the next run may change, only small ones are. The first node that needs a value which is
    not known ends the plan, as does one that runs in Python; `rest` holds what comes after. With `reuse` off every
    tensor keeps its place; with `keep_inputs` inputs do, so that the plan can be run again on them. Packed constants
    are in `store`, where other plans find them.
    """
    store = Store() if store is None else store
    plan = Plan(graph, threads, reuse, {}, keep_inputs=keep_inputs)
    for name, value in graph.constants.items():
        quant = graph.tensors[name].quant if name in graph.tensors else None
        plan.types[name] = TensorType.of(value, quant)
    plan.known.update(graph.constants)
    plan.types.update(fed)
    for name, t in fed.items():
        if t.value is not None:
            plan.known[name] = t.value
    sites = list[tuple[_Site, Sequence[Step]]]()
    missing = dict[str, None]()
    plan.volatile = set(volatile) | {n for n, t in fed.items() if t.value is not None}
    for index, node in enumerate(graph.nodes):
        out = _accept(graph, plan.types, node)
        if out is None:
            plan.rest, plan.needed = graph.nodes[index:], _cut(node, plan.types)
            break
        fleeting = any(n in plan.volatile for n in node.inputs)
        worth = fold and not (fleeting and _large(plan, node, out))
        folded = _fold(node, plan.types, out) if worth or not _lowered(plan, node) else None
        if folded is not None:
            out = tuple(replace(t, value=v) for t, v in zip(out, folded, strict=True))
            plan.known.update(zip(node.outputs, folded, strict=True))
            plan.volatile.update(node.outputs if fleeting else ())
        plan.types.update(zip(node.outputs, out, strict=True))
        if folded is None and any(t.size for t in out):
            site = _site(plan, node, store, f"{index}\0")
            steps = _lower(site, missing)
            sites.append((site, steps))
    if missing:
        raise UnsupportedError(f"no CPU kernel for {', '.join(missing)}")
    plan.steps = [PlanStep(site.node, step) for site, steps in sites for step in steps]
    _name_ends(plan)
    if reuse:
        _drop_copies(plan, sites)
    _place(plan, sites)
    _emit(plan, sites, store)
    return plan


def _site(plan: Plan, node: Node, store: Store, prefix: str) -> _Site:
    inputs = tuple(None if n is None else Operand(n, plan.types[n]) for n in node.inputs)
    outputs = tuple(Operand(n, plan.types[n]) for n in node.outputs)
    return _Site(node, attributes_of(node), inputs, outputs, plan.threads, store, prefix=prefix)


def _large(plan: Plan, node: Node, out: tuple[TensorType, ...]) -> bool:
    given = (plan.types[n] for n in node.inputs if n is not None)
    return any(t.size > SMALL for t in (*given, *out))


def _form(plan: Plan, node: Node) -> str:
    types = tuple(None if n is None else plan.types[n] for n in node.inputs)
    return number_format(node.op, types, node.dialect)


def _lowered(plan: Plan, node: Node) -> bool:
    return (node.op, _form(plan, node)) in CPU


def _lower(site: _Site, missing: dict[str, None]) -> Sequence[Step]:
    """Return the node's steps by the first lowering that fits; note it where there is none."""
    types = tuple(None if o is None else o.type for o in site.inputs)
    form = number_format(site.node.op, types, site.node.dialect)
    key = site.node.op, form
    fitting = [way for way in CPU[key] if way.fits(site)] if key in CPU else []
    if not fitting:
        missing[f"{site.node.op.__name__} {form} ({site.node.name})"] = None
        return ()
    try:
        with np.errstate(all="ignore"):  # multipliers that overflow are refused where they are used
            return fitting[0].build(site)
    except LitegoldError as error:
        raise located(error, site.node) from None


def _name_ends(plan: Plan) -> None:
    """Fix what the plan takes and gives: the graph's own, states, and what crosses the cut."""
    graph = plan.graph
    made = {n for p in plan.steps for n in p.node.outputs}
    used = {n for node in plan.rest for n in node.inputs if n is not None}
    wanted = [*graph.kept, *plan.needed]
    wanted += sorted(used & made)
    plan.outputs = tuple(dict.fromkeys(n for n in wanted if n in made))
    plan.inputs = tuple(n for n in plan.types if n not in made and n not in plan.known)
    plan.inputs = tuple(n for n in plan.inputs if plan.types[n].size)


def _drop_copies(plan: Plan, sites: Sequence[tuple[_Site, Sequence[Step]]]) -> None:
    """Leave out the steps that only say a tensor again in another shape."""
    aliases = Aliases({*plan.inputs, *plan.known}, {*plan.outputs})
    left = [
        PlanStep(site.node, step)
        for site, steps in sites
        for step in steps
        if not (says_again(step, steps, site) and aliases.join(step))
    ]
    plan.steps = [replace(p, step=aliases.renamed(p.step)) for p in left]


def _operands(step: Step) -> list[Operand]:
    return [a for a in step.arguments if isinstance(a, Operand)]


def _place(plan: Plan, sites: Sequence[tuple[_Site, Sequence[Step]]]) -> None:
    """Find out when each tensor is alive, and pack the arena."""
    alive = dict[str, Place]()
    last = len(plan.steps)
    for i, p in enumerate(plan.steps):
        for operand in _operands(p.step):
            nbytes = plan.types.get(operand.name, operand.type).nbytes
            alive.setdefault(operand.name, Place(operand.name, nbytes, i, i)).last = i
    for name in plan.inputs:
        if name in alive:
            alive[name].first = -1
            alive[name].last = last if plan.keep_inputs else alive[name].last
    for name in plan.outputs:
        alive.setdefault(name, Place(name, plan.types[name].nbytes, last, last)).last = last
    fixed = set(plan.known) | {n for site, _ in sites for n in site.constants}
    if plan.reuse:
        ends = {n for n in (*plan.inputs, *plan.outputs) if plan.types[n].nbytes >= BOUND_FROM}
        plan.bound = tuple(sorted(n for n in ends if n in alive))
    places = [p for n, p in alive.items() if n not in fixed and n not in plan.bound]
    plan.arena_bytes = pack(places, plan.reuse)
    plan.arena_bound = lower_bound(places)
    check_memory("the arena of the plan", plan.arena_bytes)
    plan.places = {p.name: p for p in places}


def _constant_pool(plan: Plan, sites: Sequence[tuple[_Site, Sequence[Step]]], store: Store) -> None:
    """Have the constants that kernels read in aligned memory; those of the graph once for all plans."""
    plan.packs = [p for site, _ in sites for p in site.packs]
    made = {n: v for site, _ in sites for n, v in site.constants.items()}
    for p in plan.steps:
        for name in {o.name for o in _operands(p.step)} - plan.pool.keys():
            if name in plan.places or name in plan.bound:
                continue
            if name in made:
                plan.pool[name] = aligned_copy(made[name])
            elif name in plan.known:
                plan.packs.append(store.get(_unchanged, plan.known[name]))
                plan.pool[name] = plan.packs[-1].array


def _unchanged(value: Array) -> Array:
    return value


def _emit(plan: Plan, sites: Sequence[tuple[_Site, Sequence[Step]]], store: Store) -> None:
    """Write argument blocks."""
    _constant_pool(plan, sites, store)
    slots, starts, in_arena = list[int](), list[int](), list[int]()
    for p in plan.steps:
        starts.append(len(slots))
        if len(p.step.arguments) != len(p.step.kernel.abi):
            raise TypeError(f"{p.node}: {p.step.kernel.name} takes {p.step.kernel.parameters}")
        for kind, argument in zip(p.step.kernel.abi, p.step.arguments, strict=True):
            slot = len(slots)
            slots.append(0)
            if isinstance(argument, Operand):
                if argument.name in plan.bound:
                    plan.patches.setdefault(argument.name, []).append((slot, argument.offset))
                elif argument.name in plan.places:
                    in_arena.append(slot)
                    slots[slot] = plan.places[argument.name].offset + argument.offset
                else:
                    slots[slot] = plan.pool[argument.name].ctypes.data + argument.offset
            elif argument is not None:
                real = np.array(argument, np.float64).view(np.int64)
                slots[slot] = int(real) if kind == "F64" else int(argument)
    plan.slots = np.array(slots, np.int64)
    plan.starts = np.array(starts, np.int64)
    plan.in_arena = np.array(in_arena, np.int64)


def kernels_of(plan: Plan) -> list[Kernel]:
    """Return the kernels that a plan calls, step by step."""
    return [p.step.kernel for p in plan.steps]
