"""Hostile files: whatever is damaged or claimed, loading ends soon, in an error of ours or a graph.

A child process does it, so that a crash is seen and memory is measured.
"""

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite as schema

from litegold import formats
from litegold.formats import tflite
from litegold.formats.tflite.verify import MAX_TABLES
from litegold.ir import (
    FORMATS,
    FormatError,
    Graph,
    LitegoldError,
    Node,
    QuantParams,
    State,
    TensorType,
)
from litegold.refimpl.binary import add
from litegold.refimpl.join import split, unpack
from litegold.refimpl.shape import reshape, squeeze
from litegold.refimpl.window import pad, tile

pytestmark = pytest.mark.slow  # not in make quick

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LITEGOLD_DATA", ROOT.parent / "shared"))
MODELS = [
    SHARED / "models" / "tflite" / f"{name}.tflite"
    for name in (
        "mlperf_tiny/kws_ref_model",
        "tflm/keyword_scrambled",
        "tflite_support/dilated_conv",
    )
]
GIB = 1 << 30
SECONDS_A_FILE = 5
SECONDS_TO_COMPILE = 60  # the kernels of a network, once
S8 = FORMATS["s8"]


def small():
    """Return a graph that has everything: constants, quantization, options, an open axis."""
    types = {
        "x": TensorType((1, 6), S8, QuantParams((0.5,), (1,))),
        "c": TensorType((3, 4), S8, QuantParams((0.5, 0.25, 2.0), (0, 0, 0), 0)),
        "shape": TensorType((2,), FORMATS["s32"]),
        "y": TensorType((2, 3), S8, QuantParams((0.5,), (1,))),
        "z": TensorType((2, 3), S8, QuantParams((0.75,), (2,))),
    }
    nodes = (
        Node(reshape, ("x", "shape"), ("y",), {}, "0 RESHAPE"),
        Node(add, ("y", "y"), ("z",), {"activation": "relu"}, "1 ADD"),
    )
    constants = {"c": np.ones((3, 4), np.int8), "shape": np.array([2, 3], np.int32)}
    return Graph(nodes, ("x",), ("z",), types, constants, name="small")


def report_of(path, first, last, *backends):
    """Load mutants of a file in a child process, run them on `backends`, and return its report."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "mutants.py", path, str(first), str(last), *backends],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_A_FILE * (last - first),
    )
    assert done.returncode == 0, f"exit {done.returncode} at seed {done.stderr[-999:]}"
    return json.loads(done.stdout)


def assert_harmless(report, seconds=SECONDS_A_FILE):
    assert report["wrong"] == []
    assert report["refused"] > 0
    assert report["slowest"] < seconds
    assert report["bytes"] < GIB


def sources(tmp_path):
    """Return the files to damage: shared models where they are, and always one of our own."""
    own = tmp_path / "small.tflite"
    own.write_bytes(tflite.write(small()))
    return [own, *(p for p in MODELS if p.exists())]


@pytest.mark.slow
def test_mutants_are_harmless(tmp_path):
    for path in sources(tmp_path):
        report = report_of(path, 0, 100, "reference")
        assert_harmless(report)
        assert report["ran"] > 0


@pytest.mark.slow
def test_mutants_are_harmless_as_plans(tmp_path):
    for path in sources(tmp_path):
        report = report_of(path, 0, 40, "jit")
        assert_harmless(report, SECONDS_TO_COMPILE)
        assert report["ran"] > 0


@pytest.mark.long
def test_ten_thousand_mutants_are_harmless(tmp_path):
    for path in sources(tmp_path):
        assert_harmless(report_of(path, 100, 3500, "reference", "jit"), SECONDS_TO_COMPILE)


def test_every_truncation_is_refused():
    data = tflite.write(small())
    for end in range(len(data)):
        with pytest.raises(FormatError):
            formats.load(data[:end])


def flipped(data, at, value, kind="<I"):
    out = bytearray(data)
    struct.pack_into(kind, out, at, value)
    return bytes(out)


@pytest.mark.parametrize("value", [0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
def test_no_word_of_a_file_is_trusted(value):
    data = tflite.write(small())
    for at in range(0, len(data) - 4, 4):
        start = time.perf_counter()
        with contextlib.suppress(LitegoldError):
            formats.load(flipped(data, at, value))
        assert time.perf_counter() - start < SECONDS_A_FILE


# Lies that a well-formed file can tell.


def lie(**changes):
    """Return the file of `small()` with some tensors' types replaced."""
    graph = small()
    return tflite.write(replace(graph, tensors={**graph.tensors, **changes}))


@pytest.mark.parametrize(
    ("quant", "says"),
    [
        (QuantParams((0.0,)), "field scale"),
        (QuantParams((-1.0,)), "field scale"),
        (QuantParams((float("nan"),)), "field scale"),
        (QuantParams((float("inf"),)), "field scale"),
        (QuantParams((1.0,), (128,)), "field zero_point"),
        (QuantParams((1.0,), (2**40,)), "field zero_point"),
        (QuantParams((1.0, 1.0, 1.0), (0, 0, 0), 1), "field scale has 3 elements"),
        (QuantParams((1.0, 1.0, 1.0), (0, 0, 0), 2), "field quantized_dimension is 2"),
        (QuantParams((1.0, 1.0, 1.0), (0, 0, 0), -1), "field quantized_dimension is -1"),
        (QuantParams((1.0, 1.0, 1.0), (0, 0), 0), "field zero_point has 2"),
    ],
)
def test_bad_quantization_is_named(quant, says):
    with pytest.raises(FormatError, match=f"tensor 1 'c': {says}"):
        formats.load(lie(c=TensorType((3, 4), S8, quant)))


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((3, 5), "buffer 1 has 12 bytes, but .* takes 15"),
        ((2**16, 2**16), "takes more than"),
        ((2**31 - 1,) * 8, "takes more than"),
        ((1,) * 9, "more than 8 dimensions"),
        ((3, -2), "field shape"),
    ],
)
def test_a_bad_shape_is_named(shape, says):
    with pytest.raises(FormatError, match=f"tensor 1 'c': .*{says}"):
        formats.load(lie(c=TensorType(shape, S8)))


def test_variables_are_bounded():
    state = State("s", "s", np.zeros(7, "f"))
    data = tflite.write(Graph((), (), (), {"s": TensorType((7,))}, states=(state,)))
    table = schema.Model.GetRootAs(data, 0).Subgraphs(0).Tensors(0)._tab
    with pytest.raises(FormatError, match="variables take more than"):
        formats.load(flipped(data, table.Vector(table.Offset(4)), 2**27))


def test_shapes_of_one_buffer_share_its_memory():
    shapes = {"a": (2, 6), "b": (12,), "c": (3, 4), "d": (4, 3)}
    value = np.arange(12, dtype="f")
    graph = Graph(
        (), (), (), {n: TensorType(s) for n, s in shapes.items()}, dict.fromkeys(shapes, value)
    )
    data = tflite.write(graph)
    # Let all tensors use buffer 1.
    for i in range(4):
        table = schema.Model.GetRootAs(data, 0).Subgraphs(0).Tensors(i)._tab
        data = flipped(data, table.Pos + table.Offset(8), 1)
    constants = list(formats.load(data).constants.values())
    assert [c.shape for c in constants] == list(shapes.values())
    assert all(np.shares_memory(c, constants[0]) for c in constants)


def broken(**changes):
    return tflite.write(replace(small(), **changes))


def test_nodes_out_of_order_are_refused():
    with pytest.raises(FormatError, match="execution order"):
        formats.load(broken(nodes=small().nodes[::-1]))


def test_a_cycle_is_refused():
    node = Node(add, ("z", "z"), ("z",), {"activation": "none"})
    with pytest.raises(FormatError, match="nothing has computed"):
        formats.load(broken(nodes=(node,)))


@pytest.mark.parametrize("output", ["x", "c", "y"])
def test_a_tensor_has_one_source(output):
    nodes = (*small().nodes, Node(add, ("y", "y"), (output,), {"activation": "none"}))
    with pytest.raises(FormatError, match="has a value already"):
        formats.load(broken(nodes=nodes))


def test_an_output_that_nothing_computes_is_refused():
    with pytest.raises(FormatError, match="nothing computes z"):
        formats.load(broken(nodes=small().nodes[:1]))


def test_an_input_listed_twice_is_refused():
    with pytest.raises(FormatError, match="twice"):
        formats.load(broken(inputs=("x", "x")))


def operator_of(data, index):
    return schema.Model.GetRootAs(data, 0).Subgraphs(0).Operators(index)


def test_an_unknown_enumerator_is_named():
    data = tflite.write(small())
    table = operator_of(data, 1).BuiltinOptions()
    at = table.Pos + table.Offset(4)
    with pytest.raises(FormatError, match="operator 1 ADD: option fused_activation_function is 77"):
        formats.load(flipped(data, at, 77, "<b"))


def test_a_tensor_index_out_of_range_is_named():
    data = tflite.write(small())
    table = operator_of(data, 1)._tab
    at = table.Vector(table.Offset(6))
    for index in (5, -2, 2**31 - 1):
        with pytest.raises(FormatError, match=f"operator 1 ADD, inputs: tensor {index} of 5"):
            formats.load(flipped(data, at, index, "<i"))


@pytest.mark.slow
def test_tables_that_share_parts_do_not_multiply():
    """Subgraphs that all are the same one, with tensors that all are the same one: 4 MB say 10**11."""
    builder = flatbuffers.Builder(1 << 20)
    schema.TensorStart(builder)
    tensor = schema.TensorEnd(builder)
    tensors = repeated(builder, tensor)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    subgraphs = repeated(builder, schema.SubGraphEnd(builder))
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    data = bytes(builder.Output())
    start = time.perf_counter()
    with pytest.raises(FormatError, match=f"more than {MAX_TABLES} tables"):
        formats.load(data)
    assert time.perf_counter() - start < 2 * SECONDS_A_FILE


def repeated(builder, table):
    builder.StartVector(4, MAX_TABLES + 1, 4)
    for _ in range(MAX_TABLES + 1):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def many(op, inputs, types, outputs, constants=None, **attributes):
    names = tuple(f"y{i}" for i in range(outputs))
    tensors = types | {n: TensorType((1,)) for n in names}
    node = Node(op, inputs, names, attributes, f"0 {op.__name__.upper()}")
    return tflite.write(Graph((node,), ("x",), names, tensors, constants or {}))


HUGE = 2**31 - 1
X = {"x": TensorType((2, 3))}
VECTOR = {"v": TensorType((2,), FORMATS["s32"])}
PAIRS = {"v": TensorType((2, 2), FORMATS["s32"])}
SCALAR = {"a": TensorType((), FORMATS["s32"])}


@pytest.mark.parametrize(
    "data",
    [
        lambda: many(unpack, ("x",), X, 2, axis=0, count=HUGE),
        lambda: many(unpack, ("x",), X, 2, axis=HUGE, count=2),
        lambda: many(split, ("a", "x"), X | SCALAR, 2, {"a": np.array(0, np.int32)}, count=HUGE),
        lambda: many(split, ("a", "x"), X | SCALAR, 2, {"a": np.array(HUGE, np.int32)}, count=2),
        lambda: many(tile, ("x", "v"), X | VECTOR, 1, {"v": np.array([HUGE, HUGE], np.int32)}),
        lambda: many(pad, ("x", "v"), X | PAIRS, 1, {"v": np.full((2, 2), HUGE, np.int32)}),
        lambda: many(reshape, ("x", "v"), X | VECTOR, 1, {"v": np.array([HUGE, HUGE], np.int32)}),
        lambda: many(squeeze, ("x",), X, 1, axes=(HUGE, -HUGE)),
    ],
)
def test_huge_options_are_refused_at_once(data):
    start = time.perf_counter()
    with pytest.raises(Exception) as caught:
        formats.load(data())
    assert type(caught.value).__module__ == "litegold.ir.errors"
    assert time.perf_counter() - start < 1


def test_a_label_bomb_is_cut():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("labels.txt", b"\n" * (8 << 20))
    labels = formats.load(tflite.write(small()) + archive.getvalue()).metadata["labels"]
    assert len(labels) == 1 << 20
