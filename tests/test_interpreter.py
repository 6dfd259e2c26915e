from __future__ import annotations

import numpy as np
import pytest

from litegold.ir import (
    Array,
    ConstraintError,
    Graph,
    Node,
    Op,
    QuantParams,
    RunError,
    State,
    TensorType,
    UnsupportedError,
    require,
)
from litegold.quant.rule import INT8, Quantized
from litegold.runtime import evaluate, interpret


def _infer_ratio(x: TensorType, y: TensorType, *, by: int = 1) -> TensorType:
    require("C3", x.shape == y.shape, f"shapes {x.shape} and {y.shape}")
    return x.like(x.shape)


def _ratio(x: Array, y: Array, *, by: int = 1) -> Array:
    if x.dtype == np.int32 and (y == 0).any():
        raise ZeroDivisionError("an integer is divided by zero")
    return (x // y // by).astype(x.dtype)


def _liar(x: Array) -> Array:
    return x[1:]


ratio = Op(_ratio, _infer_ratio, ("f32", "s32"), (), 0, False)
liar = Op(_liar, lambda x: x.like(x.shape), ("f32",), (), 0, False)
Q = QuantParams((0.5,), (3,))


def ratio_int8(
    x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], dialect: str, by: int = 1
) -> Array:
    real = x.scale * (x.value.astype(np.float64) - x.zero_point) / by
    assert out[0].quant and dialect == "tflite"
    return np.round(real / out[0].quant.scale[0]).astype(out[0].dtype)


@pytest.fixture(autouse=True)
def rule(monkeypatch: pytest.MonkeyPatch) -> None:
    _ = len(INT8)
    monkeypatch.setitem(INT8._table, (ratio, "s8"), ratio_int8)


def one(node: Node, **types: TensorType) -> Graph:
    fed = tuple(n for n in node.inputs if n)
    return Graph((node,), fed, node.outputs, types)


def vector(form: type, quant: QuantParams | None = None) -> TensorType:
    return TensorType((2,), np.dtype(form), quant)


NODE = Node(ratio, ("x", "y"), ("z",), name="7 DIV")


def test_a_quantized_node_runs_by_its_rule_with_the_declared_output_type() -> None:
    graph = one(
        NODE, x=vector(np.int8, Q), y=vector(np.int8, Q), z=vector(np.int16, QuantParams((0.25,)))
    )
    x = np.array([3, 5], np.int8)
    z = interpret(graph, {"x": x, "y": x})["z"]
    assert z.dtype == np.int16 and z.tolist() == [0, 4]


def test_without_quantization_the_plain_reference_needs_the_element_type() -> None:
    graph = one(NODE, x=vector(np.int8), y=vector(np.int8), z=vector(np.int8))
    x = np.array([3, 5], np.int8)
    with pytest.raises(UnsupportedError, match=r"7 DIV.*_ratio s8"):
        interpret(graph, {"x": x, "y": x})


def test_errors_name_the_node() -> None:
    types = dict.fromkeys("xyz", vector(np.int32))
    with pytest.raises(RunError, match=r"7 DIV.*divided by zero"):
        interpret(one(NODE, **types), {"x": np.ones(2, np.int32), "y": np.zeros(2, np.int32)})
    wide = {**types, "y": TensorType((3,), np.dtype(np.int32))}
    with pytest.raises(
        ConstraintError, match=r"\(C3\) node 7 DIV.*shapes \(2,\) and \(3,\)"
    ) as info:
        interpret(one(NODE, **wide), {"x": np.ones(2, np.int32), "y": np.ones(3, np.int32)})
    assert info.value.label == "C3"


def test_a_result_must_have_the_shape_that_the_rule_says() -> None:
    graph = one(Node(liar, ("x",), ("y",)), x=vector(np.float32), y=vector(np.float32))
    with pytest.raises(AssertionError, match=r"tensor y came out as float32\[1\]"):
        interpret(graph, {"x": np.ones(2, np.float32)})


def test_every_operator_without_a_reference_is_named_at_once() -> None:
    t = vector(np.uint8)
    nodes = (
        Node(ratio, ("x", "x"), ("a",), name="0 A"),
        Node(liar, ("a",), ("b",), name="1 B"),
        Node(liar, ("b",), ("c",), name="2 C"),
    )
    graph = Graph(nodes, ("x",), ("c",), dict.fromkeys("xabc", t))
    with pytest.raises(UnsupportedError) as info:
        interpret(graph, {"x": np.ones(2, np.uint8)})
    assert all(name in str(info.value) for name in ("0 A", "1 B", "2 C"))


def test_intermediates_and_constants_are_in_the_result_and_states_are_taken() -> None:
    t = vector(np.int32)
    graph = Graph(
        (Node(ratio, ("x", "c"), ("a",)), Node(ratio, ("s", "a"), ("b",))),
        ("x",),
        ("b",),
        dict.fromkeys("xabcs", t),
        {"c": np.array([2, 2], np.int32)},
        (State("s", "b", np.array([60, 60], np.int32)),),
    )
    feeds = {"x": np.array([4, 6], np.int32)}
    values = interpret(graph, feeds)
    assert {n: v.tolist() for n, v in values.items()} == {
        "x": [4, 6], "c": [2, 2], "a": [2, 3], "s": [60, 60], "b": [30, 20],
    }  # fmt: skip
    assert interpret(graph, feeds, {"s": values["b"]})["b"].tolist() == [15, 6]
    assert interpret(graph, feeds)["b"].tolist() == [30, 20]


def test_a_graph_without_nodes_is_legal() -> None:
    graph = Graph((), ("x",), ("x",), {"x": vector(np.int32)})
    x = np.array([1, 2], np.int32)
    assert interpret(graph, {"x": x})["x"].tolist() == [1, 2]


def test_evaluate_runs_one_node() -> None:
    x = np.array([8, 9], np.int32)
    t = TensorType.of(x)
    (z,) = evaluate(
        Node(ratio, ("x", "y"), ("z",), {"by": 2}), (t, t), (t.without_value(),), (x, x // 4)
    )
    assert z.tolist() == [2, 2]
