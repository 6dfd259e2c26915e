"""The NumPy reference and the quantized rules against the independently written exact oracles."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.judge import expected, judge, node_bounds
from litegold.conformance.second import exact
from litegold.conformance.tables import CASES

pytestmark = pytest.mark.slow  # not in make quick

KEYS = sorted(CASES, key=lambda key: (key[0].__name__, key[1]))
# The reference adds in float64: what its envelope says for float32, made smaller by this.
FLOAT64_SHARE = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


def check(case, key):
    """Integers are equal; floats are within one unit in the last place of the exact result rounded once."""
    assert case.format == key[1]
    want, got = exact(case), expected(case)
    assert len(want) == len(got)
    bounds = node_bounds(case.graph().nodes[0], case.types, case.args, want)
    for w, g, type, envelope in zip(want, got, case.out, bounds, strict=True):
        assert (g.dtype, g.shape) == (type.dtype, type.shape)
        verdict = judge(g, w, allowance(w, envelope))
        assert verdict, f"{verdict.reason}\n{case}"


def allowance(want, envelope):
    if want.dtype.kind != "f":
        return 0.0
    # the largest number has no neighbour above that would tell its unit
    below = np.nextafter(np.finfo(want.dtype).max, want.dtype.type(0))
    with np.errstate(invalid="ignore", over="ignore"):
        ulp = np.spacing(np.minimum(np.abs(want), below))
    ulp = np.where(np.isfinite(want), ulp, 0.0).astype(np.float64)
    return ulp + np.where(np.isfinite(envelope), envelope, 0.0) * FLOAT64_SHARE


@pytest.mark.parametrize("key", KEYS, ids=key_id)
@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_reference_is_exact(key, data):
    check(data.draw(CASES[key]), key)


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS, ids=key_id)
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_reference_is_exact_on_many_cases(key, data):
    check(data.draw(CASES[key]), key)
