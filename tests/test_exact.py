"""The NumPy reference and the quantized rules against the independently written exact oracles."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.judge import expected, judge, node_bounds
from litegold.conformance.second import exact
from litegold.conformance.tables import CASES
from litegold.conformance.telling import is_telling

pytestmark = pytest.mark.slow  # not in make quick

OPERATORS = sorted({op for op, _ in CASES}, key=lambda op: op.__name__)
FEWEST = 100  # cases of an operator, over its formats
TELLING = 0.8  # of its cases, at least
# The reference adds in float64: what its envelope says for float32, made smaller by this.
FLOAT64_SHARE = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def check(case, form):
    """Integers are equal; floats are within one unit in the last place of the exact result rounded once."""
    assert case.format == form
    want, got = exact(case), expected(case)
    assert len(want) == len(got)
    bounds = node_bounds(case.graph().nodes[0], case.types, case.args, want)
    for w, g, type, envelope in zip(want, got, case.out, bounds, strict=True):
        assert (g.dtype, g.shape) == (type.dtype, type.shape)
        verdict = judge(g, w, allowance(w, envelope))
        assert verdict, f"{verdict.reason}\n{case}"
    return want


def allowance(want, envelope):
    if want.dtype.kind != "f":
        return 0.0
    # the largest number has no neighbour above that would tell its unit
    below = np.nextafter(np.finfo(want.dtype).max, want.dtype.type(0))
    with np.errstate(invalid="ignore", over="ignore"):
        ulp = np.spacing(np.minimum(np.abs(want), below))
    ulp = np.where(np.isfinite(want), ulp, 0.0).astype(np.float64)
    return ulp + np.where(np.isfinite(envelope), envelope, 0.0) * FLOAT64_SHARE


def share_of_telling(op, form, count, derandomize):
    """Check as many cases; return how many were telling, and how many there were."""
    seen = []

    @settings(
        max_examples=count, derandomize=derandomize, deadline=None, suppress_health_check=SLOW
    )
    @given(case=CASES[op, form])
    def holds(case):
        seen.append(is_telling(op, check(case, form)))

    holds()
    return np.array([sum(seen), len(seen)])


def check_operator(op, count, derandomize, record_property):
    """Check `count` cases in each format; of all, most must be such that a fault would show."""
    forms = sorted(form for o, form in CASES if o is op)
    telling, total = sum(share_of_telling(op, form, count, derandomize) for form in forms)
    record_property("share of telling cases", (op.__name__, float(telling / total)))
    assert telling >= TELLING * total, f"{telling} of {total} cases are telling"


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_reference_is_exact(op, record_property):
    formats = sum(o is op for o, _ in CASES)
    check_operator(op, max(15, math.ceil(FEWEST / formats)), True, record_property)


@pytest.mark.long
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_reference_is_exact_on_many_cases(op, record_property):
    check_operator(op, 10_000, False, record_property)
