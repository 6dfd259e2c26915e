"""ONNX files read: what we wrote, files of others beside onnxruntime, and the versions of the operator set."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from litegold.conformance.check import check
from litegold.conformance.engines.onnxruntime import OnnxRuntime
from litegold.conformance.envelopes.matmul import gamma
from litegold.conformance.inputs import random_feeds
from litegold.conformance.judge import bounds, expected, judge
from litegold.conformance.layers import judge_layers
from litegold.conformance.tables import CASES
from litegold.formats import load, onnx
from litegold.formats.onnx.table import ONNX_WRITER
from litegold.ir import FormatError, TensorType, UnsupportedError
from litegold.quant.rule import INT8
from litegold.refimpl.binary import floor_div
from litegold.refimpl.fill import range as range_op
from litegold.refimpl.gather import sparse_to_dense
from litegold.refimpl.reduce import mean
from litegold.refimpl.sort import unique, unique_rows
from litegold.runtime.interpreter import interpret
from litegold.train.models.table import MODELS

package = pytest.importorskip("onnx")
from onnx import numpy_helper  # noqa: E402

SHARED = Path(os.environ.get("LITEGOLD_DATA", Path(__file__).parents[2] / "shared"))
FILES = SHARED / "models" / "onnx"
# Their results have shapes, or places that are written to, that only a run gives where all is fed.
UNSETTLED = {unique, unique_rows, range_op, sparse_to_dense}
# Written through types in which no operator of ours divides: float64, and int64.
WIDE = {(floor_div, "f32"), (floor_div, "s32"), (mean, "s32"), (mean, "s64")}
PLAIN = ("f32", "s32", "s64", "bool")

KEYS = sorted(
    (
        k
        for k in CASES
        if k[0] in ONNX_WRITER and k not in INT8 and k[0] not in UNSETTLED and k not in WIDE
        if k[1] in PLAIN
    ),
    key=lambda key: (key[0].__name__, key[1]),
)


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


def back(case, tally):
    """Write a case, read it, and judge what the graph gives."""
    want, node = expected(case), case.graph().nodes[0]
    types = {n: t for n, t in zip(node.inputs, case.types, strict=True) if n}
    types |= {n: TensorType.of(w) for n, w in zip(node.outputs, want, strict=True)}
    args = dict(zip(node.inputs, case.args, strict=True))
    try:
        model, inputs = onnx.write([node], types)
    except UnsupportedError:
        return
    try:
        graph = load(model)
        got = interpret(graph, {name: args[name] for name in inputs})
    except UnsupportedError as error:
        tally[str(error)] += 1
        return
    for name, w, bound in zip(node.outputs, want, bounds(case, want), strict=True):
        verdict = judge(got[name], w, bound)
        assert verdict, f"{verdict.reason}\n{case}\n{graph.nodes}"
    tally["read"] += 1


@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_what_we_wrote_means_the_same(key):
    tally = Counter()

    @settings(max_examples=6, derandomize=True, deadline=None, suppress_health_check=[*HealthCheck])
    @given(case=CASES[key])
    def body(case):
        back(case, tally)

    body()
    assert tally["read"] and tally["read"] == tally.total(), tally


# Files that have what there is no implementation of; all of it is named.
LACKING = {"ort/tiny_gpt2_beamsearch.onnx": ["com.microsoft.BeamSearch"]}
REFUSED = {"ort/gpt2_past.onnx": "output '284' has a value already"}
SKIPPED_BY_ENGINE = {
    "onnx_models/mnist_model_zoo.onnx"
}  # operator set 1, which onnxruntime has no more
RANGES = {"token_type_ids": (0, 1), "attention_mask": (0, 1)}
SHARED_FILES = sorted(str(p.relative_to(FILES)) for p in FILES.rglob("*.onnx"))
READABLE = [n for n in SHARED_FILES if n not in LACKING.keys() | REFUSED.keys()]

shared = pytest.mark.skipif(not SHARED_FILES, reason="no shared models (LITEGOLD_DATA)")


@shared
@pytest.mark.parametrize("name", LACKING)
def test_all_that_is_lacking_is_named(name):
    with pytest.raises(UnsupportedError) as caught:
        load(FILES / name)
    assert all(code in str(caught.value) for code in LACKING[name])


@shared
@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_the_rules_is_refused(name):
    with pytest.raises(FormatError, match=REFUSED[name]):
        load(FILES / name)


@shared
@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_the_plan_of_a_file_is_right_everywhere(name, monkeypatch):
    monkeypatch.setenv("LITEGOLD_MEMORY", "900")
    graph = load(FILES / name)
    report = check(graph, random_feeds(graph, 0, RANGES))
    assert report.ok, [row for row in report.rows if not row.ok]


# What an error of a node's input does to its result, where both are in one ONNX operator.
MOVING = {
    *(
        "transpose",
        "reshape",
        "squeeze",
        "expand_dims",
        "gather",
        "pack",
        "concat",
        "strided_slice",
    ),
    *("split", "reverse", "pad", "depth_to_space", "split_v"),
}


def carried(node, args, errors):
    """Return the error that the errors of a node's inputs leave in its result, at most."""
    if all(e is None for e in errors):
        return 0.0
    name = node.op.__name__
    if name in MOVING:
        moved = [a if e is None else e.astype("f") for a, e in zip(args, errors, strict=True)]
        with np.errstate(all="ignore"):
            return node.op(*moved, **node.attributes).astype(np.float64) * (1 + 2.0**-20)
    sizes = [0.0 if e is None else e for e in errors]
    if name == "add":
        return sizes[0] + sizes[1]
    if name == "mul":
        x, y = (np.abs(a.astype(np.float64)) for a in args)
        return x * sizes[1] + y * sizes[0] + sizes[0] * sizes[1]
    raise AssertionError(f"{node}: no rule for the errors of its inputs")


def normalizations(model, values):
    """Yield (tensor, bound) of batch normalizations, which we read as a product and a sum.

    (x - mean) scale / sqrt(var + epsilon) + bias, or that multiplied out: ten roundings of each term are enough for
    either, those of the factor and of the summand among them.
    """
    stored = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
            scale, bias, mean, var = (stored[n] for n in node.input[1:5])
            factor = np.abs(scale) / np.sqrt(var + epsilon)
            spread = [1, -1, *[1] * (values[node.input[0]].ndim - 2)]
            x = np.abs(values[node.input[0]].astype(np.float64))
            terms = x * factor.reshape(spread)
            terms += (np.abs(mean) * factor + np.abs(bias)).reshape(spread)
            yield node.output[0], gamma(10) * terms


def nodes_of(graph, values):
    """Yield the nodes, and then those that are read from what the first have computed into `values`."""
    yield from graph.nodes
    if graph.later is not None:
        rest = graph.later.graph({n: values[n] for n in graph.later.inputs})
        values |= rest.constants
        yield from nodes_of(rest, values)


def judged_by_node(graph, model, theirs, feeds):
    """Yield (tensor, verdict): each operator of the file on the inputs that onnxruntime had for it."""
    from litegold.conformance.agreement import run_bounds
    from litegold.conformance.judge import node_bounds
    from litegold.runtime.interpreter import evaluate, infer

    values, off = {**graph.constants, **feeds, **theirs}, {}
    normalized = dict(normalizations(model, values))
    for node in nodes_of(graph, values):
        args = [None if n is None else values[n] for n in node.inputs]
        if node.op.host:
            for name, w, bound in zip(node.outputs, *run_bounds(node, args), strict=True):
                yield name, judge(theirs[name], w, bound)
            continue
        types = [None if a is None else TensorType.of(a) for a in args]
        out = infer(node, types, graph.tensors)
        want = evaluate(node, types, out, args)
        own = node_bounds(node, types, args, want)
        before = carried(node, args, [off.get(n) if n else None for n in node.inputs])
        for name, w, bound in zip(node.outputs, want, own, strict=True):
            total = np.broadcast_to(normalized.get(name, bound + before), w.shape)
            if name in theirs:
                yield name, judge(theirs[name], w, total)
            else:
                values[name] = w
                if np.any(total) and w.dtype.kind == "f":
                    off[name] = total


@shared
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(READABLE) - SKIPPED_BY_ENGINE))
def test_onnxruntime_has_what_we_read(name):
    """All tensors of the file, by the file's own names."""
    graph = onnx.read(FILES / name, as_written=True)
    model = package.load(FILES / name)
    feeds = random_feeds(graph, 0, RANGES)
    have = {o.name for o in model.graph.output}
    floats = {n for node in graph.nodes for n in node.outputs} & {
        n for node in model.graph.node for n in node.output
    }
    for extra in sorted(floats - have):
        model.graph.output.add().name = extra
    with OnnxRuntime(timeout=120) as engine:
        theirs = engine.run(model.SerializeToString(), feeds)
    verdicts = dict(judged_by_node(graph, model, theirs, feeds))
    assert {n: v.reason for n, v in verdicts.items() if not v} == {}
    assert len(verdicts) >= len(have)


SMALL = {
    "mobilenet_v1": {"size": 64, "classes": 10},
    "mobilenet_v2": {"size": 64, "classes": 10},
    "efficientnet_lite0": {"size": 64, "classes": 10},
    "resnet18": {"size": 64, "classes": 10},
    "resnet50": {"size": 64, "classes": 10},
    "squeezenet1_1": {"size": 63, "classes": 10},
    "vgg_small": {"size": 16},
    "lstm2": {"frames": 5, "features": 12, "cells": 16},
    "transformer4": {"tokens": 6, "features": 32, "layers": 2},
}


@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize("name", MODELS)
def test_networks_come_back(name, first):
    graph = MODELS[name](**SMALL[name])
    model = onnx.write_graph(graph, channels_first=first)
    again = load(model.data)
    feeds = random_feeds(graph, 0)
    want = interpret(graph, feeds)
    got = model.results(interpret(again, model.feeds(feeds)))
    for output in graph.outputs:
        assert got[output].shape == want[output].shape
    if not first:
        seen = interpret(again, feeds)
        named = {n: seen[n] for node in graph.nodes for n in node.outputs if n in seen}
        layers = list(judge_layers(graph, {**named, **feeds}))
        assert all(layer.verdict.ok for layer in layers)
    codes = Counter(node.op.__name__ for node in again.nodes)
    ours = Counter(node.op.__name__ for node in graph.nodes)
    assert codes["transpose"] <= ours["transpose"] + first
    assert codes["conv2d"] == ours["conv2d"]
