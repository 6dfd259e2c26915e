"""The NumPy reference and the quantized rules against the independently written exact oracles."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from litegold.conformance.properties import oracles_agree
from litegold.conformance.second import exact
from litegold.conformance.tables import CASES
from litegold.conformance.telling import is_telling

pytestmark = pytest.mark.slow  # not in make quick

OPERATORS = sorted({op for op, _ in CASES}, key=lambda op: op.__name__)
FEWEST = 100  # cases of an operator, over its formats
TELLING = 0.8  # of its cases, at least
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def check(case, form):
    assert case.format == form
    want = exact(case)
    verdict = oracles_agree(case, want)
    assert verdict, f"{verdict.reason}\n{case}"
    return want


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
