"""Sequences, optionals and texts: what is wrong with them is said, and patterns take no exponential time."""

import contextlib
import time

import numpy as np
import pytest

from litegold.formats import load
from litegold.ir import ConstraintError, Graph, InputError, LitegoldError, RunError
from litegold.refimpl import regex, sequence, text
from litegold.refimpl.shape import leading
from litegold.runtime import Session
from litegold.runtime.interpreter import interpret

ONE, TWO = np.ones(1), np.ones(2)
SAME = Graph((), ("x", "y"), ("x",), {})
ABC = text.texts("abc", (3,))


@pytest.mark.parametrize(
    ("label", "op", "args", "attributes"),
    [
        ("C1", sequence.sequence_at, [[ONE], TWO], {}),
        ("C1", sequence.sequence_insert, [[ONE], ONE, TWO], {}),
        ("C1", sequence.sequence_erase, [[ONE], TWO], {}),
        ("C1", sequence.sequence_map, [[ONE], [ONE, ONE]], {"body": SAME, "count": 2}),
        ("C1", sequence.split_to_sequence, [TWO], {"axis": 1}),
        ("C2", sequence.split_to_sequence, [TWO, np.array([1, 2])], {}),
        ("C2", sequence.split_to_sequence, [TWO, np.array(0)], {}),
        ("C1", sequence.concat_from_sequence, [[]], {"axis": 0}),
        ("C2", sequence.concat_from_sequence, [[ONE]], {"axis": 1}),
        ("C3", sequence.concat_from_sequence, [[ONE, TWO]], {"axis": 0, "new_axis": True}),
        ("C1", leading, [ONE, np.array(1)], {"axis": 1}),
        ("C2", leading, [ONE, TWO], {}),
        ("C1", text.string_concat, [ABC, text.texts("ab", (2,))], {}),
        ("C1", text.string_equal, [ABC, text.texts("ab", (2,))], {}),
        ("C1", text.string_normalize, [ABC.reshape(3, 1)], {}),
        ("C2", text.string_normalize, [ABC], {"change": "TITLE"}),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_constraints(label, op, args, attributes):
    with pytest.raises(ConstraintError) as caught:
        op(*args, **attributes)
    assert caught.value.label == label


@pytest.mark.parametrize("position", [2, -3, 2**40])
def test_a_position_beyond_the_ends_is_an_error(position):
    for op in (sequence.sequence_at, sequence.sequence_erase):
        with pytest.raises(RunError, match=str(position)):
            op([ONE, TWO], np.int64(position))
    with pytest.raises(RunError, match="-3"):
        sequence.sequence_insert([ONE, TWO], ONE, np.int64(-3))


@pytest.mark.parametrize("count", [-1, 2])
def test_a_count_beyond_the_slices_is_an_error(count):
    with pytest.raises(RunError, match=f"{count} of 1"):
        leading(ONE, np.array(count))


def test_nothing_is_in_an_empty_optional():
    with pytest.raises(RunError, match="empty"):
        sequence.optional_get_element(None)


@pytest.mark.parametrize(
    "value", [None, ONE, [ONE], np.float32(3), ABC[:2], np.array([1, "a"], object)]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda v: sequence.sequence_at(v, np.int64(0)),
        lambda v: sequence.sequence_at([ONE], v),
        lambda v: sequence.sequence_insert(v, ONE),
        lambda v: sequence.sequence_erase(v),
        lambda v: sequence.sequence_length(v),
        lambda v: sequence.split_to_sequence(v),
        lambda v: sequence.split_to_sequence(ONE, v),
        lambda v: sequence.concat_from_sequence(v, axis=0),
        lambda v: text.string_concat(ABC, v),
        lambda v: text.string_equal(v, ABC),
        lambda v: text.string_split(v),
        lambda v: text.string_normalize(v),
        lambda v: text.regex_full_match(v, pattern="a"),
        lambda v: text.text_to_number(v, to="f32"),
        lambda v: leading(v, np.array(0)),
        lambda v: leading(ONE, v),
    ],
)
def test_values_of_another_kind_are_errors_of_ours(call, value):
    """Files may hand a sequence to what takes a tensor, and so on: no other exception comes out."""
    with contextlib.suppress(ConstraintError, RunError):
        call(value)


@pytest.mark.parametrize("value", ["", "1.5", "x", "1e5"])
def test_a_text_that_is_no_number_is_an_error(value):
    with pytest.raises(RunError, match="s32"):
        text.text_to_number(text.texts([value], (1,)), to="s32")


@pytest.mark.parametrize(
    "pattern", ["(", r"(a)\1", "(?=a)a", "a{9999}{9999}", "(" * 5000, "[b-a]", "(?i)a", "(?i:a)"]
)
def test_a_pattern_that_is_none_is_an_error(pattern):
    with pytest.raises(InputError, match=r"pattern|expression"):
        text.regex_full_match(ABC, pattern=pattern)


def test_patterns_take_no_exponential_time():
    """(a*)*b tries every way to cut a row of a's where an engine goes back."""
    start = time.process_time()
    assert not regex.compiled("(a*)*b")("a" * 2000)
    assert time.process_time() - start < 5


def test_texts_become_numbers_and_numbers_texts():
    """A file with Cast to texts and back, and Equal of texts."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["x"], ["t"], to=TensorProto.STRING),
        helper.make_node("Cast", ["t"], ["y"], to=TensorProto.FLOAT),
        helper.make_node("Equal", ["t", "t"], ["same"]),
    ]
    ends = [
        helper.make_tensor_value_info(n, t, [3])
        for n, t in (("x", TensorProto.FLOAT), ("y", TensorProto.FLOAT), ("same", TensorProto.BOOL))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    x = np.float32([0.1, -np.inf, 1e20])
    found = load(model.SerializeToString())
    for values in (interpret(found, {"x": x}), Session(found).run({"x": x})):
        assert values["y"].tobytes() == x.tobytes() and values["same"].all()


@pytest.mark.parametrize("code", ["Shape", "Add", "Compress", "Gather", "Cast", "TopK", "Identity"])
def test_a_sequence_is_no_tensor(code):
    """A file hands a sequence to what takes a tensor; what passes anything on passes it on."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    attributes = {"to": TensorProto.FLOAT} if code == "Cast" else {}
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["list"]),
        helper.make_node(code, ["list", "x"] if code in ("Add", "Compress", "Gather", "TopK") else ["list"],
                         ["y"], **attributes),
    ]  # fmt: skip
    texts = helper.make_tensor_value_info("unused", TensorProto.STRING, [1])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in ("x", "y")]
    ends[1].type.Clear()
    graph = helper.make_graph(nodes, "g", [ends[0], texts], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    found, feeds = (
        load(model.SerializeToString()),
        {"x": np.zeros(3, np.float32), "unused": ABC[:1]},
    )
    for run in (lambda: interpret(found, feeds), lambda: Session(found).run(feeds)):
        if code == "Identity":
            assert len(run()["y"]) == 2
        else:
            with pytest.raises(LitegoldError):
                run()
