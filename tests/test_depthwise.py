"""Depthwise convolutions by tiles: every stride, edge, dilation and number of channels that the tiles distinguish."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
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
