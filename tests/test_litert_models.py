"""Every shared TFLite file, node by node against LiteRT's reference kernels."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.engines.litert import LiteRT
from litegold.conformance.inputs import random_feeds, real_feeds
from litegold.conformance.judge import expected, judge
from litegold.conformance.layers import judge_layers, litert_runs, next_states
from litegold.conformance.second import exact
from litegold.formats import tflite
from litegold.ir import ConstraintError, FormatError, UnsupportedError
from litegold.runtime.interpreter import interpret

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LITEGOLD_DATA", ROOT.parent / "shared"))
FILES = sorted((SHARED / "models" / "tflite").glob("*/*.tflite"))
pytestmark = pytest.mark.skipif(not FILES, reason="no shared models (LITEGOLD_DATA)")

# LiteRT's reference kernels do not run these; see the tests at the end.
NOT_IN_LITERT = {
    "tflm/person_detect",  # refused: a quantized dimension beyond the rank
    "tflm/audio_preprocessor_int8",  # custom operators
    "mslite_ops/deconv",  # prepare fails: the file's output shape is inconsistent
    "mslite_ops/ceil",  # no reference kernel
    "mslite_ops/round",  # no reference kernel
}
# What integer inputs without quantization may hold: (lowest, highest).
RANGES = {
    "mslite_ops/fill": (0, 3),
    "mslite_ops/one_hot": (-1, 5),
    "mslite_ops/pow": (0, 5),
    "tflite_support/movie_review": (0, 9999),
    "tflm/keyword_scrambled": (-32768, 32767),
}


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


RUNNABLE = [p for p in FILES if name_of(p) not in NOT_IN_LITERT]


@pytest.fixture(scope="module")
def litert():
    with LiteRT() as engine:
        yield engine


def feeds_of(graph, path, seed):
    if name_of(path) == "mslite_ops/sparse_to_dense":
        return {graph.inputs[0]: sparse_indices(graph, seed)}
    span = RANGES.get(name_of(path))
    return random_feeds(graph, seed, {n: span for n in graph.inputs if span})


def sparse_indices(graph, seed):
    """Distinct positions in row-major order, inside of the dense shape."""
    count, rank = graph.tensors[graph.inputs[0]].shape
    dense = graph.constants[graph.nodes[0].inputs[1]]
    assert dense.shape == (rank,)
    flat = np.random.default_rng(seed).choice(int(np.prod(dense)), count, replace=False)
    return np.stack(np.unravel_index(np.sort(flat), dense), axis=1).astype(np.int32)


def check_runs(litert, path, graph, feeds):
    """Judge a sequence of runs (one session where the network has states).

    Return what is wrong, and whether every node has to be exact.
    """
    runs = litert_runs(litert, path.read_bytes(), graph, feeds)
    layers = [layer for seen in runs for layer in judge_layers(graph, seen)]
    assert layers or not graph.nodes
    wrong = [f"{x.node} {x.format}: {x.verdict.reason}" for x in layers if not x.verdict]
    return wrong, all(layer.exact for layer in layers)


def check_end_to_end(litert, path, graph, feeds):
    """The outputs of the whole network are equal."""
    states = None
    for feed, seen in zip(feeds, litert_runs(litert, path.read_bytes(), graph, feeds), strict=True):
        values = interpret(graph, feed, states)
        for name in graph.outputs:
            verdict = judge(seen[name], values[name])
            assert verdict, f"{name}: {verdict.reason}"
        states = next_states(graph, values)


def check_file(litert, path, random_count, real_count, ends):
    """Judge a file on random and real inputs; where all nodes are exact, `ends` of them end to end."""
    graph = tflite.read(path)
    feeds = [feeds_of(graph, path, seed) for seed in range(random_count)]
    feeds += itertools.islice(real_feeds(graph, SHARED / "data"), real_count)
    wrong, exact = check_runs(litert, path, graph, feeds)
    assert not wrong, f"{len(wrong)} wrong; first: " + "\n".join(wrong[:5])
    if exact:
        check_end_to_end(litert, path, graph, feeds[:ends])


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_nodes(litert, path):
    check_file(litert, path, 2, 1, 1)


@pytest.mark.long
@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_nodes_on_many_inputs(litert, path):
    check_file(litert, path, 20, 1000, 1020)


@pytest.mark.parametrize("name", ["ceil", "round"])
def test_without_reference_kernel_the_exact_oracle_judges(name):
    """The optimized kernels of LiteRT have them as well."""
    path = SHARED / "models" / "tflite" / "mslite_ops" / f"{name}.tflite"
    graph = tflite.read(path)
    (node,) = graph.nodes
    feeds = [random_feeds(graph, seed) for seed in range(20)]
    feeds = [{n: a * 7 for n, a in feed.items()} for feed in feeds]
    with LiteRT("builtin") as optimized:
        ran = optimized.run(
            path.read_bytes(), [{graph.origin[n]: a for n, a in f.items()} for f in feeds]
        )
    for feed, tensors in zip(feeds, ran, strict=True):
        case = Case(node.op, tuple(feed[n] for n in node.inputs), node.attributes)
        (want,) = exact(case)
        assert judge(expected(case)[0], want)
        # LiteRT rounds -0.3 to +0; adding 0 takes the sign off either
        assert judge(tensors[graph.origin[node.outputs[0]]] + np.float32(0), want + np.float32(0))


def test_inconsistent_output_shape_is_a_labelled_error():
    with pytest.raises(ConstraintError, match=r"\(C7\).*conv2d_transpose"):
        tflite.read(SHARED / "models/tflite/mslite_ops/deconv.tflite")


def test_custom_operators_are_named_at_once():
    graph = tflite.read(SHARED / "models/tflite/tflm/audio_preprocessor_int8.tflite")
    with pytest.raises(UnsupportedError) as caught:
        interpret(graph, random_feeds(graph, 0))
    assert str(caught.value).count("Signal") >= 9


def test_a_bad_quantized_dimension_is_refused():
    with pytest.raises(FormatError, match="quantized_dimension"):
        tflite.read(SHARED / "models/tflite/tflm/person_detect.tflite")
