"""Pooling where drawn cases are too few: vectors and their ends, large windows, NaN."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
from litegold.conformance.tables import CASES
from litegold.ir import FORMATS, QuantParams
from litegold.refimpl.pool import avg_pool2d, max_pool2d
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

MANY = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], database=None
)
KEYS = [(op, form) for op in (avg_pool2d, max_pool2d) for form in ("f32", "f16", "s8", "u8")]
BY_NAME = {"ids": lambda key: f"{key[0].__name__}-{key[1]}"}


def assert_right(case):
    alone, together = (
        Session(case.graph(), threads=n, split_from=0).run(case.feeds())["y0"] for n in (1, 2)
    )
    verdict = judge_case(case, (alone,))
    assert verdict, verdict.reason
    assert alone.tobytes() == together.tobytes()


def case_of(op, form, shape, window, rng):
    quant = QuantParams((0.25,), (3,)) if form in ("s8", "u8") else None
    if quant is None:
        x = rng.standard_normal(shape).astype(FORMATS[form])
    else:
        x = rng.integers(0, 256, shape).astype(np.uint8).view(np.int8 if form == "s8" else np.uint8)
    return Case(op, (x,), {"activation": "relu6", **window}, (quant,), out_quant=(quant,))


@pytest.mark.parametrize("key", KEYS, **BY_NAME)
@MANY
@given(data=st.data())
def test_drawn_cases(key, data):
    assert_right(data.draw(CASES[key]))


@pytest.mark.parametrize("key", KEYS, **BY_NAME)
@MANY
@given(
    channels=st.sampled_from((1, 3, 4, 7, 15, 16, 17, 31, 64, 65, 130)),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    size=st.tuples(st.integers(4, 9), st.integers(4, 12)),
    seed=st.integers(0, 999),
)
def test_vectors_and_their_ends(key, channels, kernel, stride, size, seed):
    pad = (seed % kernel, 0, seed // 7 % kernel, seed // 49 % kernel)
    window = {"kernel": (kernel, kernel), "stride": (stride, stride), "pad": pad}
    assert_right(case_of(*key, (2, *size, channels), window, np.random.default_rng(seed)))


@pytest.mark.parametrize("form", ["s8", "u8"])
@pytest.mark.parametrize("size", [(255, 257), (256, 257), (1, 99999)])
def test_means_of_many(form, size):
    rng = np.random.default_rng(size[1])
    window = {"kernel": size, "stride": (1, 1), "pad": (0, 0, 0, 0)}
    case = case_of(avg_pool2d, form, (1, *size, 17), window, rng)
    assert_right(case)


def test_halves_are_rounded_away_from_zero():
    x = np.int8([[1, 2, -1, -2, 127, -128], [2, 3, -2, -3, 126, -127]])[None, :, None, :]
    window = {"kernel": (2, 1), "stride": (1, 1), "pad": (0, 0, 0, 0), "activation": "none"}
    quant = QuantParams((1.0,), (0,))
    case = Case(avg_pool2d, (x,), window, (quant,), out_quant=(quant,))
    assert_right(case)
    (y,) = Session(case.graph()).run(case.feeds()).values()
    assert y.ravel().tolist() == [2, 3, -2, -3, 127, -128]


def test_a_nan_is_the_largest():
    x = np.zeros((1, 4, 4, 20), np.float32)
    x[0, 1, 1, 4] = np.nan
    x[0, 2, 2, 5] = np.inf
    window = {"kernel": (2, 2), "stride": (1, 1), "pad": (0, 0, 0, 0), "activation": "none"}
    case = Case(max_pool2d, (x,), window)
    assert_right(case)
    (y,) = Session(case.graph()).run(case.feeds()).values()
    assert np.isnan(y).sum() == 4
