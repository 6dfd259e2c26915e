from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from litegold.ir import FORMATS, Array, Graph, InputError, Node, State, TensorType
from litegold.jit_kernels.loading import address_of
from litegold.refimpl.fill import fill
from litegold.refimpl.shape import reshape, shape
from litegold.refimpl.sort import unique
from litegold.refimpl.unary import neg, square
from litegold.runtime import Session, interpret, make_plan

F = TensorType
S32 = np.dtype(np.int32)


def bits(values: dict[str, Array]) -> dict[str, tuple[object, ...]]:
    return {n: (v.dtype, v.shape, v.tobytes()) for n, v in values.items()}


def unary(size: tuple[int, ...], **more: object) -> Graph:
    """y = -x."""
    return Graph((Node(neg, ("x",), ("y",)),), ("x",), ("y",), {"x": F(size), "y": F(size)}, **more)


TWO = Graph(
    (Node(neg, ("x",), ("a",)), Node(neg, ("i",), ("b",))),
    ("x", "i"),
    ("a", "b"),
    {"x": F((4, 3)), "a": F((4, 3)), "i": F((6,), S32), "b": F((6,), S32)},
)


@pytest.mark.parametrize("run", [lambda f: Session(TWO).run(f), lambda f: interpret(TWO, f)])
def test_wrong_inputs_are_named_with_what_was_expected(run) -> None:
    x, i = np.zeros((4, 3), np.float32), np.zeros(6, np.int32)
    for feeds, words in [
        ({"x": x}, "missing i"),
        ({"x": x, "i": i, "z": x}, "unknown z"),
        ({"x": x.astype(np.float64), "i": i}, "input x: expected f32, got float64"),
        ({"x": x[:3], "i": i}, r"input x: expected shape \(4, 3\), got \(3, 3\)"),
        ({"x": x, "i": i[None]}, r"input i: expected shape \(6\), got \(1, 6\)"),
    ]:
        with pytest.raises(InputError, match=words):
            run(feeds)


def test_open_axes_take_any_size() -> None:
    session = Session(unary((1, 3), dynamic={"x": (0,)}))
    for n in (1, 5, 0, 40):
        x = np.ones((n, 3), np.float32)
        np.testing.assert_array_equal(session.run({"x": x})["y"], -x)
    with pytest.raises(InputError, match=r"expected shape \(any, 3\)"):
        session.run({"x": np.ones((2, 4), np.float32)})


def test_a_fed_size_is_planned_for() -> None:
    graph = Graph(
        (Node(fill, ("dims", "v"), ("y",)), Node(neg, ("y",), ("z",))),
        ("dims", "v"),
        ("z",),
        {"dims": F((2,), S32), "v": F(()), "y": F((1, 1)), "z": F((1, 1))},
    )
    session, v = Session(graph), np.array(3, np.float32)
    for dims in [(2, 3), (4, 1), (0, 3), (2, 3)]:
        z = session.run({"dims": np.array(dims, np.int32), "v": v})["z"]
        np.testing.assert_array_equal(z, np.full(dims, -3, np.float32))
    assert not session.plan({"dims": np.array([2, 3], np.int32), "v": v}).rest


def test_a_plan_is_cut_where_a_shape_depends_on_data() -> None:
    graph = Graph(
        (
            Node(neg, ("x",), ("s",)),
            Node(unique, ("s",), ("u", "where")),
            Node(shape, ("u",), ("n",)),
            Node(fill, ("n", "v"), ("f",)),
            Node(square, ("s",), ("q",)),
            Node(reshape, ("q", "to"), ("r",)),
            Node(neg, ("f",), ("g",)),
        ),
        ("x", "v"),
        ("s", "where", "g", "r", "u"),
        {n: F((8,)) for n in ("x", "s", "q")}
        | {n: F((1,)) for n in ("u", "f", "g")}
        | {
            "where": F((8,), S32),
            "n": F((1,), S32),
            "to": F((2,), S32),
            "v": F(()),
            "r": F((2, 4)),
        },
        {"to": np.array([2, 4], np.int32)},
    )
    assert make_plan(graph, {"x": F((8,)), "v": F(())}).needed == ("s",)
    rng = np.random.default_rng(3)
    settings = [{}, {"reuse": False}, {"fold": False}, {"threads": 2, "split_from": 0}]
    for session in (Session(graph, **kind) for kind in settings):
        for _ in range(10):
            feeds = {"x": rng.integers(0, 5, 8).astype(np.float32), "v": np.array(2, np.float32)}
            values = interpret(graph, feeds)
            assert bits(session.run(feeds)) == bits({n: values[n] for n in graph.outputs})
    every = Session(graph, reuse=False).run_all(feeds)
    assert bits(every) == bits({n: values[n] for n in every})
    assert {"s", "u", "where", "n", "f", "g", "q", "r"} <= every.keys()


def test_intermediates_need_their_own_places() -> None:
    with pytest.raises(InputError, match="reuse=False"):
        Session(unary((3,))).run_all({"x": np.ones(3, np.float32)})


@pytest.mark.parametrize("size", [5, 20_000])  # copied, and used where the caller has it
def test_state_is_carried_and_reset(size: int) -> None:
    graph = Graph(
        (Node(neg, ("old",), ("new",)), Node(square, ("new",), ("y",))),
        (),
        ("new", "y"),
        {n: F((size,)) for n in ("old", "new", "y")},
        states=(State("old", "new", np.full(size, 2, np.float32)),),
    )
    session = Session(graph)
    first = session.run({})["new"]
    assert first.tolist() == [-2] * size
    first[:] = 77  # the caller's own: the state does not change with it
    mine = np.zeros(size, np.float32)
    session.run({}, out={"new": mine})
    assert mine.tolist() == [2] * size
    mine[:] = 77
    assert session.run({})["new"].tolist() == [-2] * size
    session.reset()
    assert session.run({})["new"].tolist() == [-2] * size
    assert session.run({})["y"].tolist() == [4] * size


@pytest.mark.parametrize("size", [5, 20_000])
def test_outputs_belong_to_the_caller_and_out_is_filled(size: int) -> None:
    session, x = Session(unary((size,))), np.arange(size, dtype=np.float32)
    first = session.run({"x": x})["y"]
    second = session.run({"x": x + 1})["y"]
    np.testing.assert_array_equal(first, -x)
    np.testing.assert_array_equal(second, -x - 1)
    mine = np.zeros(size, np.float32)
    assert session.run({"x": x}, out={"y": mine})["y"] is mine
    np.testing.assert_array_equal(mine, -x)
    strided = np.zeros(2 * size, np.float32)[::2]
    session.run({"x": x}, out={"y": strided})
    np.testing.assert_array_equal(strided, -x)
    same = x.copy()
    session.run({"x": same}, out={"y": same})
    np.testing.assert_array_equal(same, -x)
    np.testing.assert_array_equal(session.run({"x": np.flip(x)})["y"], -np.flip(x))
    with pytest.raises(InputError, match="out y: expected f32"):
        session.run({"x": x}, out={"y": np.zeros(size + 1, np.float32)})
    with pytest.raises(InputError, match="unknown q"):
        session.run({"x": x}, out={"q": mine})


def test_unaligned_inputs_are_taken() -> None:
    size = 20_000
    room = np.zeros(4 * size + 1, np.uint8)
    x = room[1:].view(np.float32)
    x[:] = np.arange(size)
    assert not x.flags.aligned
    np.testing.assert_array_equal(Session(unary((size,))).run({"x": x})["y"], -x)


def test_inputs_and_constants_may_be_outputs() -> None:
    graph = Graph(
        (Node(neg, ("c",), ("d",)),),
        ("x",),
        ("x", "c", "d"),
        {n: F((3,)) for n in "xcd"},
        {"c": np.arange(3, dtype=np.float32)},
    )
    x = np.ones(3, np.float32)
    for fold in (True, False):
        session = Session(graph, fold=fold)
        for _ in range(2):
            y = session.run({"x": x})
            assert [y[n].tolist() for n in "xcd"] == [[1, 1, 1], [0, 1, 2], [0, -1, -2]]
            for array in y.values():
                array[:] = 9  # the caller's own
        assert x.tolist() == [1, 1, 1]


def test_a_session_serves_several_threads_at_once() -> None:
    names = [f"t{i}" for i in range(20)]
    nodes = [
        Node(neg if i % 3 else square, (names[i],), (names[i + 1],)) for i in range(len(names) - 1)
    ]
    graph = Graph(tuple(nodes), ("t0",), ("t19",), {n: F((3000,)) for n in names})
    session, wrong = Session(graph, 2, split_from=0), []

    def call(seed: int) -> None:
        x = np.random.default_rng(seed).uniform(0.9, 1.1, 3000).astype(np.float32)
        for _ in range(30):
            if session.run({"t0": x})["t19"].tobytes() != expected[seed]:
                wrong.append(seed)

    expected = {}
    for seed in range(4):
        x = np.random.default_rng(seed).uniform(0.9, 1.1, 3000).astype(np.float32)
        expected[seed] = Session(graph).run({"t0": x})["t19"].tobytes()
    callers = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_a_value_of_the_memory_limit_that_is_no_number_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LITEGOLD_MEMORY", "lots")
    with pytest.raises(InputError, match="LITEGOLD_MEMORY=lots"):
        Session(unary((5,))).run({"x": np.zeros(5, np.float32)})


def test_after_a_cut_kernels_work_where_there_is_much_to_do() -> None:
    graph = Graph(
        (
            Node(neg, ("x",), ("s",)),
            Node(unique, ("s",), ("u", "where")),
            Node(square, ("u",), ("q",)),
            Node(shape, ("q",), ("n",)),
            Node(fill, ("n", "v"), ("f",)),
            Node(neg, ("f",), ("y",)),
        ),
        ("x", "v"),
        ("q", "where", "y"),
        {n: F((9000,)) for n in "xs"}
        | {n: F((1,)) for n in "uqfy"}
        | {"where": F((9000,), S32), "n": F((1,), S32), "v": F(())},
    )
    session = Session(graph)
    rng = np.random.default_rng(3)
    for highest in (5000, 5000, 20):
        x = rng.integers(0, highest, 9000).astype(np.float32)
        feeds = {"x": x, "v": np.array(2, np.float32)}
        values = interpret(graph, feeds)
        assert bits(session.run(feeds)) == bits({n: values[n] for n in graph.outputs})
        (part,) = session._parts.values()
        tail = next(reversed(part.tails.values()))
        steps = [p.node.op for p in next(iter(tail._parts.values())).plan.steps]
        assert {unique, square, fill, neg} <= set(steps)


@pytest.mark.parametrize("size", [7, 50_000])  # copied, and used where it is
def test_the_quick_way_serves_only_what_it_was_made_for(size: int) -> None:
    graph = replace(TWO, tensors={**TWO.tensors, "x": F((4, size)), "a": F((4, size))})
    graph = replace(graph, dynamic={"x": (0,)})
    session, i = Session(graph), np.arange(6, dtype=np.int32)
    rng = np.random.default_rng(0)
    for turn in range(12):
        rows = (4, 4, 4, 2)[turn % 4]
        x = rng.standard_normal((size, rows)).astype(np.float32).T  # not contiguous
        x = x if turn % 3 else np.ascontiguousarray(x)
        values = session.run({"i": i, "x": x})
        assert list(values) == ["a", "b"]
        np.testing.assert_array_equal(values["a"], -x)
        np.testing.assert_array_equal(values["b"], -i)
        again = session.run({"x": x, "i": i + 1})
        assert not np.shares_memory(again["a"], values["a"])
        for bad, words in [
            ({"x": x.astype(">f4"), "i": i}, "expected f32"),
            ({"x": x, "i": i[:5]}, "expected shape"),
            ({"x": x}, "missing i"),
            ({"x": x, "i": i, "z": i}, "unknown z"),
            ({"x": x, "z": i}, "missing i; unknown z"),
        ]:
            with pytest.raises(InputError, match=words):
                session.run(bad)


@pytest.mark.parametrize("size", [7, 50_000])  # copied out, and written where it is wanted
def test_the_callers_arrays_are_filled_on_the_quick_way_too(size: int) -> None:
    session, x = Session(unary((size,))), np.arange(size, dtype=np.float32)
    for turn in range(4):
        y = np.zeros(size, np.float32)
        assert session.run({"x": x}, {"y": y})["y"] is y
        np.testing.assert_array_equal(y, -x)
        spread = np.zeros((size, 2), np.float32)[:, turn % 2]
        assert session.run({"x": x}, {"y": spread})["y"] is spread
        np.testing.assert_array_equal(spread, -x)
        both = x.copy()  # one array for both
        assert session.run({"x": both}, {"y": both})["y"] is both
        np.testing.assert_array_equal(both, -x)
        fixed = y.copy()
        fixed.flags.writeable = False
        with pytest.raises(InputError, match="out y: the array is read-only"):
            session.run({"x": x}, {"y": fixed})
        with pytest.raises(InputError, match="out y: expected f32"):
            session.run({"x": x}, {"y": y[1:]})
        with pytest.raises(InputError, match="out: unknown z"):
            session.run({"x": x}, {"z": y})


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, np.float16),
        np.arange(9)[2:],
        np.arange(9)[::2],
        np.zeros((3, 4), bool).T,
        np.zeros(0),
        np.frombuffer(b"read-only", np.uint8),
        np.zeros(2, FORMATS["bf16"]),
    ],
)
def test_an_array_is_where_numpy_has_it(array: Array) -> None:
    assert address_of(array) == array.ctypes.data
