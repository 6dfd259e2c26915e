"""TFLite's operators that become several of ours: files of them beside LiteRT."""

import numpy as np
import pytest
import tflite as schema

from litegold.conformance.agreement import expect
from litegold.conformance.case import Case
from litegold.conformance.engines.litert import LiteRT
from litegold.conformance.judge import judge
from litegold.formats import tflite
from litegold.formats.tflite.table import TFLITE_WRITER, TfliteRecord
from litegold.ir import FormatError, Op, QuantParams
from litegold.runtime.interpreter import interpret
from litegold.runtime.session import Session

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def litert():
    with LiteRT(timeout=30) as engine:
        yield engine


def case_of(monkeypatch, code, shape, args, options, fed=0, quant=None):
    """Return a case that is written as operator `code` with a result of this shape."""
    absent = Op(
        lambda *_: None, lambda *types: types[fed].like(shape), ("f32", "s8"), (), fed, False
    )
    absent.__name__ = code
    assert len(TFLITE_WRITER)
    monkeypatch.setitem(
        TFLITE_WRITER._table, absent, lambda node, _: TfliteRecord(code, node.inputs, options)
    )
    quants = () if quant is None else (quant,)
    return Case(
        absent, args, {}, quants, out_quant=quants, constant=frozenset(range(len(args))) - {fed}
    )


def agree(litert, case):
    """The reference and the plan of what is read, and LiteRT, within what float32 may be off."""
    model, feeds = tflite.write(case.graph()), case.feeds()
    graph = tflite.read(model)
    want, (name,) = expect(graph, feeds), feeds
    values = interpret(graph, feeds)
    file = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    (x,), (y,) = file.InputsAsNumpy(), file.OutputsAsNumpy()
    (tensors,) = litert.run(model, [{int(x): feeds[name]}], tensors=[int(y)])
    for got in (tensors[int(y)], Session(graph).run(feeds)["y0"]):
        verdict = judge(got, values["y0"], want.allowed["y0"])
        assert verdict, verdict.reason


def numbers(*shape):
    return RNG.uniform(-2, 2, shape).astype(np.float32)


def window(stride, padding, activation="NONE"):
    options = {"padding": padding, "fused_activation_function": activation}
    return options | dict(zip(("stride_d", "stride_h", "stride_w"), stride, strict=True))


@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
@pytest.mark.parametrize(("padding", "out"), [("SAME", (5, 3, 3)), ("VALID", (4, 3, 2))])
def test_conv_3d(litert, monkeypatch, padding, out, activation):
    args = numbers(2, 5, 6, 7, 3), numbers(2, 1, 3, 3, 4), numbers(4)
    options = window((1, 2, 3), padding, activation)
    agree(litert, case_of(monkeypatch, "CONV_3D", (2, *out, 4), args, options))


@pytest.mark.parametrize(("padding", "out"), [("SAME", (3, 8, 9)), ("VALID", (4, 7, 9))])
def test_conv_3d_transpose(litert, monkeypatch, padding, out):
    shape = np.array([2, *out, 4], np.int32)
    args = shape, numbers(2, 1, 3, 4, 5), numbers(2, 3, 4, 3, 5)
    options = window((1, 2, 3), padding)
    agree(
        litert,
        case_of(monkeypatch, "CONV_3D_TRANSPOSE", tuple(shape), args, options, fed=2),
    )


@pytest.mark.parametrize("quant", [None, QuantParams((0.5,), (3,))])
@pytest.mark.parametrize(("mode", "most"), [("REFLECT", 0), ("SYMMETRIC", 1)])
def test_mirror_pad(litert, monkeypatch, mode, most, quant):
    x = numbers(3, 4, 5) if quant is None else RNG.integers(-99, 99, (3, 4, 5)).astype(np.int8)
    sides = np.array([[2 + most, 1], [0, 0], [1, 4 + most]], np.int32)
    shape = tuple(int(n) for n in np.array(x.shape) + sides.sum(1))
    agree(
        litert, case_of(monkeypatch, "MIRROR_PAD", shape, (x, sides), {"mode": mode}, quant=quant)
    )


def test_mirror_pad_has_no_more_than_there_is(monkeypatch):
    sides = np.array([[3, 0]], np.int32)
    case = case_of(monkeypatch, "MIRROR_PAD", (6,), (numbers(3), sides), {"mode": "REFLECT"})
    with pytest.raises(FormatError, match="amounts"):
        tflite.read(tflite.write(case.graph()))


def test_l2_pool_2d(litert, monkeypatch):
    options = {"filter_height": 2, "filter_width": 3, "stride_h": 2, "stride_w": 1}
    options |= {"padding": "SAME", "fused_activation_function": "NONE"}
    agree(litert, case_of(monkeypatch, "L2_POOL_2D", (2, 3, 4, 3), (numbers(2, 5, 4, 3),), options))
