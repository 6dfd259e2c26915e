"""Convolutions and fully connected layers of the compiled plan, against the reference and its envelope."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
from litegold.conformance.tables import CASES
from litegold.ir import QuantParams
from litegold.jit_kernels.lowering import CPU
from litegold.refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

OPERATORS = (conv2d, depthwise_conv2d, conv2d_transpose, fully_connected)
KEYS = [key for key in CPU if key[0] in OPERATORS and key in CASES]
FAST = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], database=None
)


def run(case: Case, threads: int = 1):
    return tuple(Session(case.graph(), threads=threads, split_from=0).run(case.feeds()).values())


def assert_right(case: Case) -> None:
    """One thread gives what the envelope allows, and two threads the same bits."""
    alone, together = run(case), run(case, threads=2)
    algorithms = Session(case.graph()).algorithms(case.feeds())
    verdict = judge_case(case, alone, algorithms=algorithms)
    assert verdict, verdict.reason
    for a, b in zip(alone, together, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key[0].__name__}-{key[1]}")
def test_drawn_cases(key):
    @FAST
    @given(case=CASES[key])
    def holds(case):
        assert_right(case)

    holds()


# Sizes on both sides of the ends of tiles and vectors.
EDGES = st.sampled_from((1, 2, 3, 5, 6, 7, 12, 13, 14, 15, 16, 17, 28, 31, 32, 33, 47, 64, 65))
PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def wide_cases(draw, fmt, depthwise):
    """Images and channels larger than the strategies draw, and weights that are sometimes fed."""
    rows, columns = draw(st.tuples(st.integers(3, 12), st.integers(3, 12)))
    kernel = draw(st.sampled_from(((1, 1), (1, 1), (3, 3), (2, 3), (3, 1))))
    stride, pad = draw(PAIR), draw(st.tuples(*[st.integers(0, 2)] * 4))
    if kernel == (1, 1) and draw(st.booleans()):
        stride, pad = (1, 1), (0, 0, 0, 0)
    channels, filters = draw(EDGES), draw(EDGES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (1, *kernel, channels) if depthwise else (filters, *kernel, channels)
    outputs = channels if depthwise else filters
    attributes = {
        "stride": stride,
        "pad": pad,
        "activation": draw(st.sampled_from(("none", "relu6"))),
    }
    constant = frozenset((1, 2)) if draw(st.integers(0, 3)) else frozenset[int]()
    operator = depthwise_conv2d if depthwise else conv2d
    images = (2, rows, columns, channels)
    if fmt == "f32":
        x, w, b = (rng.standard_normal(s).astype(np.float32) for s in (images, shape, outputs))
        return Case(operator, (x, w, b), attributes, constant=constant)
    dtype = np.dtype(np.int8 if fmt == "s8" else np.uint8)
    info = np.iinfo(dtype)
    x, w = (rng.integers(info.min, info.max + 1, s).astype(dtype) for s in (images, shape))
    b = rng.integers(-(2**14), 2**14, outputs).astype(np.int32)
    if draw(st.integers(0, 5)) == 0:
        b = rng.integers(-(2**31), 2**31, outputs).astype(np.int32)  # sums wrap
    zeros = rng.integers(info.min, info.max + 1, 3)
    scales = np.float32(2.0) ** rng.uniform(-9, -4, (3, outputs)).astype(np.float32)
    per_channel = fmt == "s8" and outputs > 1
    weights = QuantParams(
        tuple(scales[1].tolist()) if per_channel else (float(scales[1, 0]),),
        (0,) * outputs if per_channel else (int(zeros[1]),),
        (3 if depthwise else 0) if per_channel else None,
    )
    quant = (QuantParams((float(scales[0, 0]),), (int(zeros[0]),)), weights)
    out = QuantParams((float(scales[2, 0]) * 2.0 ** draw(st.integers(-6, 3)),), (int(zeros[2]),))
    return Case(operator, (x, w, b), attributes, quant, (dtype,), (out,), constant)


@pytest.mark.parametrize("depthwise", [False, True], ids=["conv2d", "depthwise"])
@pytest.mark.parametrize("fmt", ["f32", "s8", "u8"])
def test_sizes_around_tiles(fmt, depthwise):
    @FAST
    @given(case=wide_cases(fmt, depthwise))
    def holds(case):
        assert_right(case)

    holds()


@pytest.mark.parametrize("fmt", ["f32", "s8", "u8"])
@pytest.mark.parametrize("outputs", [3, 8, 33])
def test_one_channel_becomes_several(fmt, outputs):
    rng = np.random.default_rng(outputs)
    shapes = ((2, 21, 19, 1), (1, 4, 3, outputs), (outputs,))
    attributes = {"stride": (2, 1), "pad": (1, 2, 0, 1), "multiplier": outputs}
    constant = frozenset((1, 2))
    if fmt == "f32":
        args = tuple(rng.standard_normal(s).astype(np.float32) for s in shapes)
        assert_right(Case(depthwise_conv2d, args, attributes, constant=constant))
        return
    dtype = np.dtype(np.int8 if fmt == "s8" else np.uint8)
    info = np.iinfo(dtype)
    x, w = (rng.integers(info.min, info.max + 1, s).astype(dtype) for s in shapes[:2])
    b = rng.integers(-999, 999, outputs).astype(np.int32)
    scales = tuple((0.01 + rng.random(outputs) / 9).astype(np.float32).tolist())
    each = QuantParams(scales, (0,) * outputs, 3) if fmt == "s8" else QuantParams((0.1,), (77,))
    quant, out = (QuantParams((0.1,), (3,)), each), QuantParams((7.0,), (9,))
    assert_right(Case(depthwise_conv2d, (x, w, b), attributes, quant, (dtype,), (out,), constant))


@pytest.mark.parametrize("m", [1, 4, 9])
@pytest.mark.parametrize("n", [8, 128, 1001])
def test_fully_connected_sizes(m, n):
    rng = np.random.default_rng(m * n)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((m, 131), (n, 131)))
    b = rng.standard_normal(n).astype(np.float32)
    assert_right(
        Case(fully_connected, (x, w, b), {"activation": "relu"}, constant=frozenset((1, 2)))
    )


def test_rows_that_would_crowd_are_copied():
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((29, 1024), (40, 1024)))
    assert_right(Case(fully_connected, (x, w), {}, constant=frozenset((1,))))


# Images, filters, kernel, groups, stride, dilation, padding: how rows of a product come to lie in lines of an image.
LINES = {
    "two lines a tile": ((2, 9, 9, 5), 33, (3, 3), 1, (1, 1), (1, 1), (0, 0, 0, 0)),
    "two copied lines a tile": ((3, 7, 7, 19), 40, (3, 3), 1, (1, 1), (1, 1), (1, 1, 1, 1)),
    "longer than a tile": ((1, 4, 37, 6), 50, (3, 2), 1, (1, 1), (1, 1), (0, 1, 2, 0)),
    "wide strides": ((2, 17, 29, 3), 17, (5, 7), 1, (2, 3), (1, 1), (3, 1, 2, 4)),
    "nothing but padding": ((1, 2, 3, 4), 9, (2, 2), 1, (1, 1), (1, 1), (3, 3, 7, 9)),
    "dilated": ((1, 20, 22, 8), 34, (3, 3), 1, (1, 2), (2, 3), (2, 2, 3, 3)),
    "groups": ((1, 8, 16, 12), 42, (3, 3), 3, (1, 1), (1, 1), (0, 0, 0, 0)),
    "copied groups": ((2, 8, 16, 12), 42, (3, 3), 3, (1, 2), (1, 1), (1, 1, 1, 1)),
    "crowded": ((1, 8, 15, 512), 17, (3, 3), 1, (2, 2), (1, 1), (0, 0, 0, 0)),
    "crowded groups": ((1, 5, 9, 1024), 4, (3, 3), 2, (1, 1), (1, 1), (1, 1, 1, 1)),
    "crowded rows": ((1, 4, 9, 1024), 35, (1, 1), 1, (1, 1), (1, 1), (0, 0, 0, 0)),
    "crowded places": ((1, 4, 19, 1024), 20, (1, 1), 1, (2, 2), (1, 1), (0, 0, 0, 0)),
}


@pytest.mark.parametrize(
    "images, filters, kernel, groups, stride, dilation, pad", LINES.values(), ids=LINES
)
def test_lines_of_windows(images, filters, kernel, groups, stride, dilation, pad):
    rng = np.random.default_rng(filters)
    shapes = images, (filters, *kernel, images[3] // groups), (filters,)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in shapes)
    attributes = {"stride": stride, "dilation": dilation, "pad": pad}
    assert_right(Case(conv2d, (x, w, b), attributes, constant=frozenset((1, 2))))


def test_weights_that_are_not_finite_do_not_meet_padding():
    x, w = np.ones((1, 3, 3, 2), np.float32), np.ones((1, 3, 3, 2), np.float32)
    w[0, 0, 0, 0] = np.inf
    for operator in (conv2d, depthwise_conv2d):
        case = Case(operator, (x, w), {"pad": (1, 1, 1, 1)}, constant=frozenset((1,)))
        assert_right(case)
        assert np.isfinite(run(case)[0][0, 0, 0, 0])


def test_nan_passes_a_fused_activation():
    x, w = np.full((1, 1, 1, 3), np.nan, np.float32), np.ones((2, 1, 1, 3), np.float32)
    assert np.isnan(run(Case(conv2d, (x, w), {"activation": "relu6"}))[0]).all()


BITS = """
import hashlib, numpy as np
from litegold.conformance.case import Case
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.runtime import Session
rng = np.random.default_rng(5)
x = rng.integers(-9, 9, (1, 9, 8, 19)).astype("f") / 8
w = rng.integers(-9, 9, (37, 3, 3, 19)).astype("f") / 8
d = rng.integers(-9, 9, (1, 3, 3, 19)).astype("f") / 8
f = rng.integers(-9, 9, (21, 19)).astype("f") / 8
same = {"pad": (1, 1, 1, 1)}
for case in (Case(conv2d, (x, w), same), Case(depthwise_conv2d, (x, d), same),
             Case(fully_connected, (x, f)), Case(fully_connected, (x[0, 0, :1], f))):
    y, = Session(case.graph()).run(case.feeds()).values()
    print(hashlib.sha256(y.tobytes()).hexdigest())
"""


def test_narrow_vectors_give_the_same_sums():
    """The sums here are exact, so every instruction set must agree in every bit."""
    seen = set()
    for level in ("any", "avx2", "avx512", "amx"):
        environment = {**os.environ, "LITEGOLD_ISA": level}
        done = subprocess.run(
            [sys.executable, "-c", BITS], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


@pytest.mark.long
@pytest.mark.parametrize("level", ["avx512", "avx2", "any"])
def test_bytes_on_lesser_processors(level):
    """The tests of 8-bit layers in a process that may not use tiles, four-way dot products, or wide vectors."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        __file__,
        "-k",
        "s8 or u8",
        "-m",
        "not long",
    ]
    environment = {**os.environ, "LITEGOLD_ISA": level}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("shape", [(2, 40, 3, 1), (1, 25, 2, 7), (1, 9, 5, 16)])
@pytest.mark.parametrize("outputs", [8, 40])
def test_narrow_images(shape, outputs):
    """Lines of few windows are taken below each other."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(np.float32)
    w = rng.standard_normal((outputs, 4, 3, shape[3])).astype(np.float32)
    b = rng.standard_normal(outputs).astype(np.float32)
    for stride, pad in (((1, 1), (1, 2, 1, 1)), ((2, 1), (0, 3, 1, 1))):
        attributes = {"stride": stride, "pad": pad, "activation": "relu"}
        assert_right(Case(conv2d, (x, w, b), attributes, constant=frozenset({1, 2})))
