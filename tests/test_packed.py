"""Packed texts that are damaged, and operators of SmartReply in a file."""

import struct

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import expected
from litegold.formats import tflite
from litegold.ir import FormatError, RunError
from litegold.refimpl.embedding import custom_predict, tf_idf
from litegold.refimpl.logic import assertion
from litegold.refimpl.packed import MAX_BYTES, custom_normalize, packed, skip_gram, unpacked
from litegold.runtime import Session
from litegold.runtime.interpreter import interpret


def numbers(*values):
    return np.frombuffer(struct.pack(f"<{len(values)}i", *values), np.uint8)


@pytest.mark.parametrize(
    "stored",
    [
        numbers(),
        numbers(-1, 8),
        numbers(2**30, 8),
        numbers(1, 12),
        numbers(1, 12, 13),
        numbers(1, 13, 12),
        numbers(1, 0, 12),
        numbers(2, 16, 12, 16),
        numbers(1, -4, 12),
    ],
    ids=lambda x: x.tobytes().hex(),
)
def test_damaged_texts_are_errors(stored):
    with pytest.raises(RunError, match="packed texts"):
        unpacked(stored)
    case = Case(skip_gram, (packed([b"a b"]),), {"size": 2})
    with pytest.raises(RunError, match="packed texts"):
        interpret(tflite.read(tflite.write(case.graph())), {"x0": stored})


def test_too_many_n_grams_are_an_error():
    text = packed([b"a " * 200])
    with pytest.raises(RunError, match=str(MAX_BYTES)):
        skip_gram(text, size=8, max_skip=100)


def test_dead_ends_take_no_exponential_time():
    text = packed([b" ".join([b"a"] * 64)])
    assert unpacked(skip_gram(text, size=64, max_skip=63)) == unpacked(text)


def test_a_sentence_is_needed():
    with pytest.raises(RunError, match="there is none"):
        custom_normalize(packed([]))


@pytest.mark.parametrize("size", [0, 7, 9])
def test_options_of_predict_have_eight_bytes(size, monkeypatch):
    case = Case(
        custom_predict,
        (*np.int32([[3], [3], [7]])[:2], np.int32([[7]]), np.float32([[1]])),
        {"count": 2, "threshold": 0.5},
    )
    model = tflite.write(case.graph())
    assert [y.tolist() for y in expected(case)] == [[7, -1], [1, 0]]
    assert tflite.read(model).nodes[0].attributes == case.attributes
    from litegold.formats.tflite import reader

    monkeypatch.setattr(reader, "custom_options", lambda *_: b"\0" * size)
    with pytest.raises(FormatError, match=f"{size} bytes"):
        tflite.read(model)


def test_an_assertion_that_does_not_hold_is_an_error():
    case = Case(assertion, (np.array([[True, True], [True, False]]),))
    with pytest.raises(RunError, match="assertion"):
        expected(case)
    for threads in (1, 2):
        with pytest.raises(RunError, match="assertion"):
            Session(case.graph(), threads, split_from=0).run(case.feeds())


def test_texts_are_numbered_by_their_place_in_the_pool():
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    lists = {
        "ngram_counts": [0, 2],
        "ngram_indexes": [0, 1, 2],
        "pool_strings": ["a", "b", "a", "b"],
    }
    bounds = {"max_gram_length": 2, "max_skip_count": 0, "min_gram_length": 1, "mode": "TF"}
    node = helper.make_node("TfIdfVectorizer", ["x"], ["y"], **lists, **bounds)
    ends = [
        helper.make_tensor_value_info("x", TensorProto.STRING, [4]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [3]),
    ]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    from litegold.formats import load

    found = load(model.SerializeToString())
    for words, counts in ((["a", "b", "c", "a"], [2, 1, 1]), (["b", "a", "a", "b"], [2, 2, 1])):
        feeds = {"x": np.array(words, object)}
        assert interpret(found, feeds)["y"].tolist() == counts
        assert Session(found).run(feeds)["y"].tolist() == counts


def test_rows_without_words_have_no_n_grams():
    lists = np.int64([1]), np.int64([0]), np.int64([2])
    case = Case(
        tf_idf,
        (np.zeros((2, 0), np.int64), *lists),
        {"mode": "TF", "shortest": 1, "longest": 1, "max_skip": 0},
    )
    assert expected(case)[0].tolist() == [[0, 0, 0]] * 2
