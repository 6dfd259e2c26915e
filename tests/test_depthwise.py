"""Depthwise convolutions by tiles: every stride, edge, dilation and number of channels that the tiles distinguish."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
from litegold.ir import QuantParams
from litegold.jit_kernels import depthwise_f32
from litegold.jit_kernels.depthwise_walk import blocks_of, chunks
from litegold.refimpl.conv import depthwise_conv2d
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

MANY = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow], database=None
)
CHANNELS = st.sampled_from((4, 5, 7, 8, 11, 16, 19, 24, 31, 32, 33, 48, 67, 208, 259))


def kernels(case: Case) -> set[str]:
    plan = Session(case.graph()).plan(case.feeds())
    return {p.step.kernel.__name__ for p in plan.steps}


def assert_right(case: Case) -> None:
    """One thread gives what the envelope allows, and two threads the same bits."""
    alone, together = (
        Session(case.graph(), threads=n, split_from=0).run(case.feeds())["y0"] for n in (1, 2)
    )
    verdict = judge_case(case, (alone,))
    assert verdict, verdict.reason
    assert alone.tobytes() == together.tobytes()


@st.composite
def geometries(draw):
    """Images from a single place up, windows of 3 and 5, SAME, VALID and odd paddings."""
    k, stride = draw(st.sampled_from((3, 5))), draw(st.sampled_from((1, 2)))
    dilation = (1, 1) if stride == 2 else draw(st.sampled_from(((1, 1), (1, 1), (2, 2), (3, 1))))
    pad = draw(st.tuples(*[st.integers(0, k - 1)] * 4))
    least = [
        max(1, (k - 1) * d + 1 - before - after)
        for d, before, after in zip(dilation, pad[::2], pad[1::2], strict=True)
    ]
    rows, columns = (n + draw(st.integers(0, 12)) for n in least)
    attributes = {"stride": (stride, stride), "pad": pad, "dilation": dilation}
    return draw(st.integers(1, 2)), rows, columns, draw(CHANNELS), k, attributes


@MANY
@given(shape=geometries(), seed=st.integers(0, 2**32 - 1), bounded=st.booleans())
def test_float_tiles(shape, seed, bounded):
    n, rows, columns, channels, k, attributes = shape
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, rows, columns, channels)).astype(np.float32)
    w = rng.standard_normal((1, k, k, channels)).astype(np.float32)
    b = rng.standard_normal(channels).astype(np.float32) if seed % 3 else None
    attributes = {**attributes, "activation": "relu6" if bounded else "none"}
    case = Case(depthwise_conv2d, (x, w, b), attributes, constant=frozenset((1, 2)))
    assert kernels(case) == {f"f32_depthwise_{k}x{k}"}
    assert_right(case)


def test_special_floats_go_where_they_belong():
    """Padding multiplies nothing: an infinite weight makes no NaN at the edge, and a NaN stays in its windows."""
    x = np.ones((1, 9, 9, 20), np.float32)
    x[0, 4, 4, 3] = np.nan
    w = np.ones((1, 3, 3, 20), np.float32)
    w[0, 0, 0, 5] = np.inf
    attributes = {"pad": (1, 1, 1, 1), "activation": "relu"}
    case = Case(depthwise_conv2d, (x, w, None), attributes, constant=frozenset((1, 2)))
    assert_right(case)
    y = Session(case.graph()).run(case.feeds())["y0"]
    assert np.isnan(y).sum() == 9
    assert y[0, 0, 0, 5] == 4


@pytest.mark.parametrize("channels", range(4, 70))
def test_chunks_meet_every_channel(channels):
    found = chunks(channels)
    assert sorted({c + i for c, n, _ in found for i in range(n)}) == list(range(channels))
    assert all(c + n <= channels for c, n, _ in found)
    assert [at for _, _, at in found] == np.cumsum([0, *(n for _, n, _ in found[:-1])]).tolist()
    assert blocks_of(channels) == 1


def test_weights_are_packed_by_vector():
    w, bias = np.arange(9 * 6, dtype=np.float32).reshape(9, 6), np.float32([-1, -2, -3, -4, -5, -6])
    packed = depthwise_f32.pack(w, bias).reshape(2, 10, 4)
    assert packed[:, 0].tolist() == [[-1, -2, -3, -4], [-3, -4, -5, -6]]
    assert np.array_equal(packed[1, 1:], w[:, 2:])


BYTES = {"s8": np.int8, "u8": np.uint8}


def quantized_case(form, shape, rng, activation):
    n, rows, columns, channels, k, attributes = shape
    dtype = BYTES[form]
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max + 1
    x = rng.integers(low, high, (n, rows, columns, channels)).astype(dtype)
    channels *= attributes.get("multiplier", 1)
    w = rng.integers(-127 if form == "s8" else 0, high, (1, k, k, channels)).astype(dtype)
    bias = rng.integers(-3000, 3000, channels).astype(np.int32)
    scales = 2.0 ** rng.uniform(-9, -5, channels) if form == "s8" else [2.0 ** rng.uniform(-9, -5)]
    scales = tuple(np.float32(scales).tolist())
    zero = 0 if form == "s8" else int(rng.integers(0, 256))
    sw = QuantParams(scales, (zero,) * len(scales), 3 if len(scales) > 1 else None)
    sx = QuantParams((float(np.float32(rng.uniform(0.01, 0.1))),), (int(rng.integers(low, high)),))
    target = float(np.float32(sx.scale[0] * max(scales) * 2.0 ** rng.integers(4, 9)))
    sy = QuantParams((target,), (int(rng.integers(low, high)),))
    sb = QuantParams(
        tuple((np.float32(sx.scale[0]) * np.float32(scales)).tolist()), (0,) * len(scales), 0
    )
    sb = sb if len(scales) > 1 else QuantParams(sb.scale, sb.zero_point)
    return Case(
        depthwise_conv2d,
        (x, w, bias),
        {**attributes, "activation": activation},
        (sx, sw, sb),
        (x.dtype,),
        (sy,),
        constant=frozenset((1, 2)),
    )


@pytest.mark.parametrize("form", ["s8", "u8"])
@MANY
@given(
    shape=geometries(), seed=st.integers(0, 2**32 - 1), activation=st.sampled_from(("none", "relu"))
)
def test_integer_tiles(form, shape, seed, activation):
    if shape[3] < 8:
        shape = (*shape[:3], shape[3] + 8, *shape[4:])
    case = quantized_case(form, shape, np.random.default_rng(seed), activation)
    (used,) = kernels(case)
    assert used.startswith(f"q8_depthwise_{shape[4]}x{shape[4]}") or form == "u8"
    assert_right(case)


@pytest.mark.parametrize("channels", [8, 16, 32, 64])
@pytest.mark.parametrize("columns", [3, 7, 8, 9, 10, 34, 67])
def test_channels_of_several_places_in_a_vector(channels, columns):
    attributes = {"stride": (1, 1), "pad": (1, 1, 1, 1), "dilation": (1, 1)}
    shape = (2, 5, columns, channels, 3, attributes)
    assert_right(quantized_case("s8", shape, np.random.default_rng(channels * columns), "none"))


@pytest.mark.parametrize("form", ["f32", "s8", "u8"])
@pytest.mark.parametrize("channels", [1, 4, 9, 33])
@pytest.mark.parametrize("multiplier", [2, 3, 8])
@pytest.mark.parametrize("k", [2, 3])
def test_several_filters_a_channel(form, channels, multiplier, k):
    rng = np.random.default_rng(channels * multiplier)
    attributes = {"stride": (2, 2), "pad": (1, 1, 0, 1), "dilation": (1, 1)}
    attributes["multiplier"] = multiplier
    if form == "f32":
        x = rng.standard_normal((2, 9, 8, channels)).astype(np.float32)
        w = rng.standard_normal((1, k, k, channels * multiplier)).astype(np.float32)
        case = Case(depthwise_conv2d, (x, w, None), attributes, constant=frozenset((1, 2)))
    else:
        case = quantized_case(form, (2, 9, 8, channels, k, attributes), rng, "none")
    assert_right(case)
