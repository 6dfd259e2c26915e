"""Networks in the dialect of nnacl: compiled plans have the bits of the rules, and these are not TFLite's."""

from dataclasses import replace

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.inputs import random_feeds
from litegold.conformance.strategies.shifted import unsigned_case
from litegold.formats import onnx, tflite
from litegold.ir import QuantParams, TensorType, UnsupportedError
from litegold.quant.calibration import observe
from litegold.quant.dialects import in_dialect
from litegold.quant.post_training import quantize_graph
from litegold.quant.rule import number_format
from litegold.refimpl.activation import prelu, relu
from litegold.refimpl.binary import add
from litegold.refimpl.pool import avg_pool2d
from litegold.refimpl.shape import transpose
from litegold.refimpl.unary import abs as abs_op
from litegold.runtime.interpreter import interpret
from litegold.runtime.session import Session
from litegold.train.models.table import MODELS

pytestmark = pytest.mark.slow  # not in make quick


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_a_network_has_the_same_bits_in_a_plan(name):
    plain = MODELS[name](size=32, classes=10)
    made = quantize_graph(plain, observe(plain, interpret, [random_feeds(plain, 0)]))
    graph, feeds = in_dialect(made, "nnacl"), random_feeds(made, 1)
    want = interpret(graph, feeds)
    for fuse in (True, False):
        got = Session(graph, threads=2, fuse=fuse).run(feeds)
        for output in graph.outputs:
            np.testing.assert_array_equal(got[output], want[output])


def test_what_has_no_rule_in_a_dialect_is_refused():
    case = Case(
        prelu,
        (np.int8([[1, -2]]), np.int8([3, 4])),
        quant=(QuantParams((0.5,)), QuantParams((0.5,))),
        out_quant=(QuantParams((0.5,)),),
        dialect="nnacl",
    )
    with pytest.raises(UnsupportedError, match="prelu s8-nnacl"):
        interpret(case.graph(), case.feeds())


def test_averages_differ_at_ties():
    window = {"kernel": (1, 2), "stride": (1, 1), "pad": (0, 0, 0, 0)}
    one = QuantParams((1.0,))
    case = Case(avg_pool2d, (np.int8([[[[-3], [-4]]]]),), window, (one,), out_quant=(one,))
    for dialect, mean in (("tflite", -4), ("nnacl", -3)):
        same = replace(case, dialect=dialect)
        assert interpret(same.graph(), same.feeds())["y0"].item() == mean


def test_uint8_is_int8_with_128_less():
    quants = QuantParams((0.5,), (3,)), QuantParams((0.25,), (-7,))
    x, y = np.int8([[1, -128, 127]]), np.int8([[5, 6, -7]])
    out = QuantParams((1.0,), (9,))
    case = Case(add, (x, y), {}, quants, out_quant=(out,), dialect="nnacl")
    unsigned = unsigned_case(case)
    assert unsigned.format == "u8-nnacl"
    found = [interpret(c.graph(), c.feeds())["y0"].astype(int) for c in (case, unsigned)]
    np.testing.assert_array_equal(found[0] + 128, found[1])


def test_what_moves_bytes_is_the_same_in_all_dialects():
    x = TensorType((2, 3), np.dtype(np.int8), QuantParams((0.5,)))
    perm = TensorType.of(np.int32([1, 0]))
    assert number_format(transpose, (x, perm), "nnacl") == "s8"
    assert number_format(abs_op, (x,), "nnacl") == "s8-nnacl"
    assert number_format(abs_op, (x.like(x.shape),), "nnacl") == "s8"  # they stand for themselves


def test_files_do_not_hold_another_dialect():
    quant = QuantParams((0.5,))
    case = Case(abs_op, (np.int8([1, -2]),), quant=(quant,), out_quant=(quant,), dialect="nnacl")
    graph = case.graph()
    with pytest.raises(UnsupportedError, match="no dialect nnacl"):
        tflite.write(graph)
    with pytest.raises(UnsupportedError, match="rounds quantized numbers"):
        onnx.write_graph(graph)


def test_quirks_have_a_name():
    """Equal scales lose the lowest bit in ReLU, there alone; what has no quirk is nnacl's."""
    quant = QuantParams((0.5,))
    case = Case(relu, (np.int8([-3, 1, 4, 5]),), quant=(quant,), out_quant=(quant,))
    for dialect, want in (("nnacl", [0, 1, 4, 5]), ("nnacl-quirks", [0, 2, 4, 6])):
        named = replace(case, dialect=dialect)
        assert interpret(named.graph(), named.feeds())["y0"].tolist() == want
        assert named.format == f"s8-{dialect}"
    assert number_format(abs_op, case.types, "nnacl-quirks") == "s8-nnacl"
