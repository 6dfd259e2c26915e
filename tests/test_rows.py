"""Operators along rows and look-ups where drawn cases are too few: vectors, their ends, special floats."""

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
from litegold.ir import QuantParams
from litegold.refimpl.activation import logistic, tanh
from litegold.refimpl.reduce import arg_max, arg_min, mean, sum
from litegold.refimpl.resize import resize_bilinear
from litegold.refimpl.shape import transpose
from litegold.refimpl.softmax import softmax
from litegold.runtime import Session


def assert_right(case):
    alone, together = (
        Session(case.graph(), threads=n, split_from=0).run(case.feeds())["y0"] for n in (1, 2)
    )
    verdict = judge_case(case, (alone,))
    assert verdict, verdict.reason
    assert alone.tobytes() == together.tobytes()


DEPTHS = [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1001]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("beta", [1.0, 0.25, 3.0])
@pytest.mark.parametrize("spread", [1.0, 60.0])
def test_softmax_of_rows(depth, beta, spread):
    x = np.random.default_rng(depth).standard_normal((5, depth)).astype(np.float32) * spread
    assert_right(Case(softmax, (np.float32(x),), {"beta": beta}))


@pytest.mark.parametrize("depth", [3, 16, 21])
def test_softmax_of_special_floats(depth):
    x = np.random.default_rng(depth).standard_normal((6, depth)).astype(np.float32)
    x[0, 1], x[1, 2], x[2, 0], x[3] = np.nan, -np.inf, np.inf, -np.inf
    x[4, : depth - 1] = -np.inf
    assert_right(Case(softmax, (x,)))


@pytest.mark.parametrize("op", [logistic, tanh], ids=lambda op: op.__name__)
@pytest.mark.parametrize("count", DEPTHS)
def test_functions_of_rows(op, count):
    x = np.random.default_rng(count).standard_normal(count).astype(np.float32) * 3
    assert_right(Case(op, (x,)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("count", [1, 63, 64, 65, 127, 128, 129, 1000, 65_536])
def test_bytes_looked_up(dtype, count):
    x = np.random.default_rng(count).integers(0, 256, count).astype(np.uint8).view(dtype)
    x[:256] = np.arange(256).astype(np.uint8).view(dtype)[:count]
    least = int(np.iinfo(dtype).min)
    quants = QuantParams((0.05,), (least + 100,)), QuantParams((1 / 256,), (least,))
    assert_right(Case(logistic, (x,), quant=quants[:1], out_quant=quants[1:]))


SHAPES = [
    ((2, 7, 5, 64), (1, 2)),
    ((2, 3, 3, 67), (1, 2)),
    ((3, 5, 130), (1,)),
    ((1, 4, 1, 6, 5), (1, 3)),
    ((5, 200), (1,)),
    ((9, 3), (1,)),
    ((2, 300, 4), (0, 1)),
    ((4, 6, 3), (0, 2)),
    ((3, 4, 1), (0, 1, 2)),
]


@pytest.mark.parametrize("form", ["f32", "s8", "u8"])
@pytest.mark.parametrize("op", [mean, sum], ids=lambda op: op.__name__)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("shape", "axes"), SHAPES)
def test_sums_of_neighbouring_axes(form, op, keep, shape, axes):
    rng, quants = np.random.default_rng(shape[0]), (None, None)
    x = rng.standard_normal(shape).astype(np.float32)
    if form != "f32":
        x = rng.integers(0, 256, shape).astype(np.uint8).view(np.int8 if form == "s8" else np.uint8)
        quants = (
            QuantParams((0.03,), (9,)),
            QuantParams((0.021 if op is mean else 1.7,), (-2 if form == "s8" else 77,)),
        )
    attributes = {"keep_dims": keep}
    case = Case(
        op, (x, np.int32(axes)), attributes, quants[:1], (x.dtype,), quants[1:], frozenset((1,))
    )
    assert_right(case)


@pytest.mark.parametrize("form", ["f32", "u8"])
@pytest.mark.parametrize("modes", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("shape", "size"), [((2, 5, 4, 21), (13, 9)), ((1, 9, 7, 64), (4, 5))])
def test_resizing_many_channels(form, modes, shape, size):
    rng, quant = np.random.default_rng(shape[1]), None
    x = rng.standard_normal(shape).astype(np.float32)
    if form == "u8":
        x, quant = rng.integers(0, 256, shape).astype(np.uint8), QuantParams((0.03,), (9,))
    attributes = dict(zip(("align_corners", "half_pixel_centers"), modes, strict=True))
    args = x, np.int32(size)
    assert_right(
        Case(resize_bilinear, args, attributes, (quant,), (x.dtype,), (quant,), frozenset((1,)))
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.int64, np.bool_])
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((16, 17), (1, 0)),
        ((70, 33), (1, 0)),
        ((2, 5, 6, 64), (0, 3, 1, 2)),
        ((2, 40, 5, 7), (0, 2, 3, 1)),
        ((3, 20, 4, 31), (2, 3, 0, 1)),
        ((2, 2, 19, 2, 2, 18), (4, 5, 0, 1, 3, 2)),
        ((3, 4, 5), (2, 0, 1)),
    ],
)
def test_transposes(dtype, shape, perm):
    x = np.random.default_rng(len(shape)).integers(0, 100, shape).astype(dtype)
    assert_right(Case(transpose, (x, np.int32(perm)), constant=frozenset((1,))))


@pytest.mark.parametrize("op", [arg_max, arg_min], ids=lambda op: op.__name__)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("to", ["s32", "s64"])
@pytest.mark.parametrize("depth", [1, 15, 16, 17, 21, 64, 1000])
def test_positions_of_bytes(op, dtype, to, depth):
    x = np.random.default_rng(depth).integers(0, 256, (7, depth)).astype(np.uint8).view(dtype)
    x[0], x[1, -1] = x[0, 0], np.iinfo(dtype).max
    x[2] = x[2].clip(-3, 3)  # many of a kind
    assert_right(Case(op, (x, np.int32(1)), {"to": to}, constant=frozenset((1,))))
