from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.ir import (
    ANY,
    Array,
    ConstraintError,
    Graph,
    InputError,
    Node,
    Op,
    RunError,
    TensorType,
    UnsupportedError,
    require,
)
from litegold.jit_kernels.kernel import (
    F32,
    F64,
    I64,
    INDEX_OUT_OF_RANGE,
    OK,
    S32,
    kernel,
    share,
)
from litegold.jit_kernels.lowering import CPU, Lowering, Site, Step
from litegold.runtime import Session, interpret, make_plan
from litegold.runtime import context as context_module
from litegold.runtime.arena import Place, lower_bound, pack, round_up
from litegold.runtime.profiler import profile

# Operators of this test alone: not in the table of operators, and in CPU only while a test runs.


def make_op(reference, infer, static=(), dtypes=ANY):
    return Op(reference, infer, dtypes, static, 0, False)


def same(x: TensorType, *rest: TensorType, **attributes: object) -> TensorType:
    require("C1", all(x.shape == r.shape for r in rest), "shapes differ")
    return x.like(x.shape)


def _scaled(x: Array, *, by: float = 2.0) -> Array:
    return (x * np.float32(by)).astype(np.float32)


def _plus(x: Array, y: Array) -> Array:
    return x + y


def _swap(x: Array, y: Array) -> tuple[Array, Array]:
    return y.copy(), x.copy()


def _pick(x: Array, i: Array) -> Array:
    if ((i < 0) | (i >= x.shape[0])).any():
        raise IndexError("an index is out of range")
    return x[i]


def _full(dims: Array, x: Array) -> Array:
    return np.full(tuple(dims), x.flat[0] if x.size else 0, np.float32)


scaled = make_op(_scaled, same)
plus = make_op(_plus, same)
swap = make_op(_swap, lambda x, y: (y.like(y.shape), x.like(x.shape)))
pick = make_op(_pick, lambda x, i: x.like(i.shape + x.shape[1:]))
full = make_op(_full, lambda dims, x: x.like(tuple(int(d) for d in dims.known())), static=("dims",))
unplanned = make_op(_scaled, same)


@kernel
def f32_scaled(x: F32, y: F32, count: I64, by: F64, tid: I64, threads: I64) -> I64:
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] * np.float32(by)
    return OK


@kernel
def f32_plus(x: F32, y: F32, z: F32, count: I64, tid: I64, threads: I64) -> I64:
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        z[i] = x[i] + y[i]
    return OK


@kernel
def f32_pick(
    x: F32, i: S32, y: F32, rows: I64, count: I64, size: I64, tid: I64, threads: I64
) -> I64:
    start, stop = share(count, tid, threads)
    for k in range(start, stop):
        row = i[k]
        if row < 0 or row >= rows:
            return INDEX_OUT_OF_RANGE
        for j in range(size):
            y[k * size + j] = x[row * size + j]
    return OK


@kernel
def f32_full(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    start, stop = share(count, tid, threads)
    for k in range(start, stop):
        y[k] = x[0]
    return OK


def lower_scaled(site: Site) -> list[Step]:
    """Goes by way of scratch and a serial step, to exercise both."""
    x, y = site.inputs[0], site.outputs[0]
    assert x
    t = site.scratch(y.type.nbytes)
    return [
        Step(f32_scaled, (x, t, y.type.size, 1.0), serial=True),
        Step(f32_scaled, (t, y, y.type.size, site.attributes["by"])),
    ]


def lower_plus(site: Site) -> list[Step]:
    return [Step(f32_plus, (*site.inputs, site.outputs[0], site.outputs[0].type.size))]


def lower_swap(site: Site) -> list[Step]:
    pairs = zip(reversed(site.inputs), site.outputs, strict=True)
    return [Step(f32_scaled, (x, y, y.type.size, 1.0)) for x, y in pairs]


def lower_pick(site: Site) -> list[Step]:
    x, i = site.inputs
    assert x and i
    rows = x.type.shape[0]
    size = x.type.size // max(rows, 1)
    return [Step(f32_pick, (x, i, site.outputs[0], rows, i.type.size, size))]


def lower_full(site: Site) -> list[Step]:
    return [Step(f32_full, (site.inputs[1], site.outputs[0], site.outputs[0].type.size))]


LOWERINGS = {
    scaled: lower_scaled,
    plus: lower_plus,
    swap: lower_swap,
    pick: lower_pick,
    full: lower_full,
}


@pytest.fixture(autouse=True)
def lowerings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _ = len(CPU)  # loads the families first
    for op, build in LOWERINGS.items():
        form = "s32" if op is full else "f32"
        monkeypatch.setitem(CPU._table, (op, form), (Lowering(build),))
    monkeypatch.setattr(context_module, "usable_cores", lambda: 2)
    yield


def graph_of(nodes, inputs, outputs, tensors, **more) -> Graph:
    named = tuple(replace(n, name=n.name or str(i)) for i, n in enumerate(nodes))
    return Graph(named, tuple(inputs), tuple(outputs), tensors, **more)


F = TensorType
VECTOR = F((5,))
WIDE = st.sampled_from([(3,), (2, 7), (1, 40), (130, 50), (0, 3)])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, Array]]:
    """Straight-line programs over tensors of one shape, whose values are used again late or never."""
    shape = draw(WIDE)
    names = [f"in{i}" for i in range(draw(st.integers(1, 3)))]
    inputs, nodes = list(names), []
    constants = {}
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        constants["const"] = rng.standard_normal(shape, np.float32)
        names.append("const")
    for i in range(draw(st.integers(1, 12))):
        op = draw(st.sampled_from([scaled, plus, swap]))
        args = tuple(draw(st.sampled_from(names)) for _ in range(1 if op is scaled else 2))
        outs = (f"t{i}", f"u{i}") if op is swap else (f"t{i}",)
        nodes.append(Node(op, args, outs, {"by": 0.5} if op is scaled else {}))
        names += outs
    outputs = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    tensors = {n: F(shape) for n in names}
    graph = graph_of(nodes, inputs, outputs, tensors, constants=constants)
    return graph, {n: rng.standard_normal(shape, np.float32) for n in inputs}


def bits(values: dict[str, Array]) -> dict[str, tuple[object, ...]]:
    return {n: (v.dtype, v.shape, v.tobytes()) for n, v in values.items()}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graphs())
def test_plan_equals_the_interpreter_for_any_number_of_threads(
    made: tuple[Graph, dict[str, Array]],
) -> None:
    graph, feeds = made
    values = interpret(graph, feeds)
    expected = bits({n: values[n] for n in graph.outputs})
    for threads in (1, 2):
        for fold in (True, False):
            session = Session(graph, threads, fold=fold, split_from=0)
            assert bits(session.run(feeds)) == expected
            assert bits(session.run(feeds)) == expected  # nothing is left over from the first run
    every = Session(graph, reuse=False).run_all(feeds)
    assert bits({n: every[n] for n in values if n in every}) == bits(
        {n: v for n, v in values.items() if n in every}
    )
    assert set(graph.outputs) <= every.keys()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graphs())
def test_a_step_writes_to_nothing_that_is_needed_later(
    made: tuple[Graph, dict[str, Array]],
) -> None:
    graph, feeds = made
    plan = make_plan(graph, {n: TensorType.of(a).without_value() for n, a in feeds.items()})
    held = dict[int, str]()  # arena byte -> whose value it holds
    for p in plan.steps:
        *reads, write = [a for a in p.step.arguments if hasattr(a, "type")]
        for operand in reads:
            if operand.name in plan.places and operand.name not in plan.inputs:
                start = plan.places[operand.name].offset
                assert {held[b] for b in range(start, start + operand.type.nbytes, 4)} <= {
                    operand.name
                }
        if write.name in plan.places:
            start = plan.places[write.name].offset
            held.update(dict.fromkeys(range(start, start + write.type.nbytes, 4), write.name))
    for name in set(plan.outputs) & plan.places.keys():
        start = plan.places[name].offset
        assert all(held[b] == name for b in range(start, start + plan.types[name].nbytes, 4))


PLACES = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 9), st.integers(0, 4)).map(
        lambda t: Place("", t[0], t[1], t[1] + t[2])
    ),
    max_size=30,
)


@given(PLACES, st.booleans())
def test_places_alive_together_never_overlap(places: list[Place], reuse: bool) -> None:
    size = pack(places, reuse)
    assert size >= lower_bound(places)
    for i, a in enumerate(places):
        assert a.offset % 64 == 0 and a.offset + a.nbytes <= size
        for b in places[:i]:
            apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            assert apart or not a.nbytes or not b.nbytes or (reuse and not a.overlaps(b))


def test_a_chain_needs_room_for_two_tensors() -> None:
    names = [f"t{i}" for i in range(9)]
    nodes = [Node(plus, (a, a), (b,)) for a, b in pairwise(names)]
    graph = graph_of(nodes, names[:1], names[-1:], {n: F((100,)) for n in names})
    plan = make_plan(graph, {"t0": F((100,))})
    assert plan.arena_bytes == plan.arena_bound == 2 * round_up(400)


PICKING = graph_of(
    [Node(scaled, ("x",), ("s",)), Node(pick, ("s", "i"), ("y",), name="the picker")],
    ["x", "i"],
    ["y"],
    {"x": F((4, 3)), "s": F((4, 3)), "i": F((6,), np.dtype(np.int32)), "y": F((6, 3))},
)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_kernels_code_becomes_an_error_that_names_the_node(threads: int) -> None:
    session = Session(PICKING, threads, split_from=0)
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    good = np.array([0, 3, 1, 2, 2, 0], np.int32)
    for bad in (4, -1, 2**31 - 1):
        for at in (0, 5):
            wrong = good.copy()
            wrong[at] = bad
            with pytest.raises(RunError, match=r"the picker.*index is out of range"):
                session.run({"x": x, "i": wrong})
            with pytest.raises(RunError, match="the picker"):
                interpret(PICKING, {"x": x, "i": wrong})
        np.testing.assert_array_equal(session.run({"x": x, "i": good})["y"], 2 * x[good])


def test_all_missing_kernels_are_named_at_once() -> None:
    nodes = [
        Node(unplanned, ("x",), ("a",)),
        Node(plus, ("x", "x"), ("b",)),
        Node(unplanned, ("b",), ("c",)),
    ]
    graph = graph_of(nodes, ["x"], ["a", "c"], dict.fromkeys("xabc", VECTOR))
    with pytest.raises(UnsupportedError) as info:
        Session(graph).run({"x": np.zeros(5, np.float32)})
    assert "_scaled f32 (0)" in str(info.value) and "_scaled f32 (2)" in str(info.value)
    graph = replace(graph, metadata={"unsupported": ("3 CUSTOM one", "4 CUSTOM two")})
    for run in (lambda: Session(graph), lambda: interpret(graph, {"x": np.zeros(5, np.float32)})):
        with pytest.raises(UnsupportedError, match="3 CUSTOM one, 4 CUSTOM two"):
            run()


I32 = np.dtype(np.int32)


def test_hostile_shapes_are_refused_before_memory_is_touched() -> None:
    graph = graph_of(
        [Node(full, ("dims", "x"), ("y",))],
        ["x"],
        ["y"],
        {"x": VECTOR, "dims": F((3,), I32), "y": F((1,))},
        constants={"dims": np.array([2**31 - 1, 2**31 - 1, 4], np.int32)},
    )
    x = np.zeros(5, np.float32)
    for run in (lambda: Session(graph).run({"x": x}), lambda: interpret(graph, {"x": x})):
        with pytest.raises(UnsupportedError, match=r"0 \(_full\).*tensor y.*LITEGOLD_MEMORY"):
            run()


def test_a_declared_type_that_is_not_computed_is_refused() -> None:
    graph = graph_of([Node(scaled, ("x",), ("y",))], ["x"], ["y"], {"x": VECTOR, "y": F((5,), I32)})
    for run in (lambda f: Session(graph).run(f), lambda f: interpret(graph, f)):
        with pytest.raises(ConstraintError, match="tensor y is declared s32, but f32 comes out"):
            run({"x": np.zeros(5, np.float32)})


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Node(plus, ("x",), ("y",)), "do not fit"),
        (Node(plus, ("x", None), ("y",)), "do not fit"),
        (Node(scaled, ("x",), ("y",), {"bye": 1}), "unknown attributes bye"),
        (Node(scaled, ("y",), ("y",)), "reads y"),
        (Node(scaled, ("x",), ("z",)), "output y: no node"),
    ],
)
def test_nonsense_nodes_are_refused(node: Node, words: str) -> None:
    graph = graph_of([node], ["x"], ["y"], {"x": VECTOR, "y": VECTOR})
    for run in (lambda: Session(graph), lambda: interpret(graph, {"x": np.zeros(5, np.float32)})):
        with pytest.raises(InputError, match=words):
            run()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_profile_has_a_time_for_each_kernel_call(threads: int) -> None:
    sizes = [10, 300_000]
    for size in sizes:
        nodes = [Node(plus, ("x", "x"), ("a",)), Node(scaled, ("a",), ("y",))]
        graph = graph_of(nodes, ["x"], ["y"], {n: F((size,)) for n in "xay"})
        session = Session(graph, threads, split_from=0)
        times = profile(session, {"x": np.ones(size, np.float32)}, runs=5)
        assert [t.kernel for t in times] == ["f32_plus", "f32_scaled", "f32_scaled"]
        assert [t.node.name for t in times] == ["0", "1", "1"]
        assert all(0 < t.seconds < 1 for t in times)
        if size == sizes[1]:
            assert all(t.seconds > 1e-5 for t in times)
