"""Winograd's F(2,3) on bytes: the bits of plain sums, around the edges of patches and at the ends of the ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
from litegold.conformance.strategies.draw import fill_ints
from litegold.ir import QuantParams
from litegold.jit_kernels import winograd_int8
from litegold.jit_kernels.conv_dot4 import DOT4
from litegold.jit_kernels.isa import HOST
from litegold.jit_kernels.lowering import CPU, Lowering
from litegold.refimpl.conv import conv2d
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

FAST = settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    database=None,
)
FORMATS = {"s8": np.dtype(np.int8), "u8": np.dtype(np.uint8)}


@pytest.fixture
def force(monkeypatch):
    """Put Winograd in place of the choice; it still refuses what it cannot do."""
    way = Lowering(winograd_int8.lower_q8_winograd, winograd_int8.can_winograd)
    for key in [(conv2d, fmt) for fmt in FORMATS]:
        monkeypatch.setitem(CPU._table, key, (way, *CPU[key]))


def session_of(case: Case, threads: int = 1) -> Session:
    return Session(case.graph(), threads, split_from=0)


def uses_winograd(case: Case) -> bool:
    steps = session_of(case).plan(case.feeds()).steps
    return [p.step.kernel.__name__ for p in steps] == ["q8_winograd"]


def assert_exact(case: Case) -> None:
    runs = [list(session_of(case, t).run(case.feeds()).values()) for t in (1, 2)]
    verdict = judge_case(case, runs[0])
    assert verdict, verdict.reason
    assert runs[0][0].tobytes() == runs[1][0].tobytes()


SIZES = st.integers(1, 13)
CHANNELS = st.sampled_from((1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65))
KINDS = st.sampled_from(("small", "uniform", "extremes"))


@st.composite
def cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any size, padding and zero points; int8 weights with one scale or one for each channel."""
    pad = draw(st.tuples(*[st.integers(0, 3)] * 4))
    rows = max(draw(SIZES), 3 - pad[0] - pad[1])
    columns = max(draw(SIZES), 3 - pad[2] - pad[3])
    c, n, seed = draw(CHANNELS), draw(CHANNELS), draw(st.integers(0, 2**31))
    images = (draw(st.integers(1, 3)), rows, columns, c)
    x = fill_ints(fmt, images, draw(KINDS), seed, None, None)
    w = fill_ints(fmt, (n, 3, 3, c), draw(KINDS), seed + 1, None, None)
    high = draw(st.sampled_from((2**12, 2**31 - 1)))  # with the larger one, sums wrap
    b = fill_ints("s32", (n,), "uniform", seed + 2, -high, high)
    rng = np.random.default_rng(seed)
    info = np.iinfo(FORMATS[fmt])
    zeros = [int(z) for z in rng.integers(info.min, info.max + 1, 3)]
    scales = [float(np.float32(2.0**e)) for e in rng.uniform(-9, -4, n)]
    per_channel = fmt == "s8" and n > 1 and draw(st.booleans())
    weights = QuantParams((scales[0],), (0 if fmt == "s8" else zeros[1],))
    if per_channel:
        weights = QuantParams(tuple(scales), (0,) * n, 0)
    out = QuantParams((float(np.float32(2.0 ** rng.uniform(-8, 0))),), (zeros[2],))
    attributes = {"pad": pad, "activation": draw(st.sampled_from(("none", "relu", "relu6")))}
    quant = (QuantParams((scales[-1],), (zeros[0],)), weights)
    bias = b if draw(st.booleans()) else None
    return Case(conv2d, (x, w, bias), attributes, quant, (FORMATS[fmt],), (out,), frozenset((1, 2)))


@pytest.mark.parametrize("fmt", FORMATS)
def test_shapes_around_patches(fmt, force):
    @FAST
    @given(case=cases(fmt))
    def holds(case):
        assert uses_winograd(case)
        assert_exact(case)

    holds()


def at_the_ends(fmt: str, c: int, signs: bool) -> Case:
    """All products as large as they get, of one sign or of those that add up in the transforms."""
    info, rng = np.iinfo(FORMATS[fmt]), np.random.default_rng(c)
    ends = [info.min, info.max]
    x = rng.choice(ends, (1, 6, 6, c)) if signs else np.full((1, 6, 6, c), info.min)
    w = rng.choice(ends, (33, 3, 3, c)) if signs else np.full((33, 3, 3, c), info.min)
    x_zero, w_zero = int(info.max), 0 if fmt == "s8" else int(info.max)
    quant = QuantParams((0.5,), (x_zero,)), QuantParams((0.5,), (w_zero,))
    out = QuantParams((float(c),), (0,))
    args = tuple(a.astype(FORMATS[fmt]) for a in (x, w))
    pad = {"pad": (1, 1, 1, 1)}
    return Case(conv2d, args, pad, quant, (FORMATS[fmt],), (out,), frozenset((1,)))


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("signs", [False, True])
def test_the_largest_sums_that_are_taken_are_exact(fmt, signs, force):
    """Just as many channels as `fits` allows: four times a sum of 9 C products is an int32; one more is refused."""
    most = (2**31 - 1) // (4 * 255 * 9 * (128 if fmt == "s8" else 255))
    case = at_the_ends(fmt, most, signs)
    assert uses_winograd(case)
    assert_exact(case)
    if not signs:
        case = at_the_ends(fmt, most + 1, signs)
        assert not uses_winograd(case)
        assert_exact(case)


def test_it_is_chosen_where_it_pays():
    """Where four bytes are multiplied at once, plain sums are faster."""
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-128, 128, s).astype(np.int8) for s in ((1, 28, 28, 64), (64, 3, 3, 64)))
    quant = QuantParams((0.5,), (3,)), QuantParams((0.5,), (0,))
    out = (QuantParams((99.0,), (0,)),)
    pad = {"pad": (1, 1, 1, 1)}
    case = Case(conv2d, (x, w), pad, quant, (FORMATS["s8"],), out, frozenset((1,)))
    assert uses_winograd(case) == (not DOT4 <= HOST)
    assert winograd_int8.cheaper(64, (1, 28, 28, 64))
    assert not winograd_int8.cheaper(3, (1, 28, 28, 64))
    assert_exact(case)
