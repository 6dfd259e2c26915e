"""Laws that need no oracle hold of the reference and of the compiled plans."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.laws.law import asked, by_plan, by_reference, laws_of, on_small_integers
from litegold.conformance.tables import CASES
from litegold.ir import OPS, load_all
from litegold.jit_kernels.lowering import CPU
from litegold.refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from litegold.refimpl.conv_nd import conv, conv_transpose
from litegold.refimpl.gather import scatter_nd
from litegold.refimpl.matmul import fully_connected, matmul
from litegold.refimpl.reduce import reduce_sum_abs, reduce_sum_square, sum
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

SLOW = list(HealthCheck)
PRODUCTS = (conv2d, depthwise_conv2d, conv2d_transpose, fully_connected, matmul)
SUMS = (*PRODUCTS, conv, conv_transpose, scatter_nd, sum, reduce_sum_abs, reduce_sum_square)
load_all("litegold.refimpl")
# The formats in which each operator has laws, the one that stands for it first.
FORMS = {
    op: [form for o, form in CASES if o is op and any(rule.holds_in(form) for rule in laws_of(op))]
    for op in sorted(OPS.values(), key=lambda op: op.__name__)
    if op.__module__.startswith("litegold.")
}
KEYS = [(op, form) for op, forms in FORMS.items() for form in forms]
QUICK = [key for key in KEYS if key[1] in (FORMS[key[0]][0], "s8", "u8", "s32")]


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


def check(key, count, derandomize):
    laws = [rule for rule in laws_of(key[0]) if rule.holds_in(key[1])]
    applied = dict.fromkeys((rule.name for rule in laws), 0)

    @settings(
        max_examples=count, derandomize=derandomize, deadline=None, suppress_health_check=SLOW
    )
    @given(case=CASES[key], seed=st.integers(0, 2**16))
    def hold(case, seed):
        for rule in laws:
            for run in (by_reference, by_plan) if key in CPU else (by_reference,):
                verdict, pairs = asked(rule, run, case, seed)
                by = "plan" if run is by_plan else "reference"
                assert verdict, f"{rule.name} ({by}): {verdict.reason}\n{case}"
                applied[rule.name] += pairs

    hold()
    return [name for name, pairs in applied.items() if not pairs]


@pytest.mark.parametrize("key", QUICK, ids=key_id)
def test_laws_hold(key):
    first = key[1] == FORMS[key[0]][0]
    never = check(key, 16 if first else 4, True)
    assert not (first and never), f"never applied: {never}"


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_laws_hold_of_many_cases(key):
    check(key, 1000, False)


def test_every_operator_has_a_law():
    """Those that run in Python on any values are judged by their oracle alone."""
    assert not [op for op, forms in FORMS.items() if not op.host and not forms]


@pytest.mark.parametrize("op", PRODUCTS, ids=lambda op: op.__name__)
def test_products_have_laws_enough(op):
    assert len(laws_of(op)) >= 6


@pytest.mark.parametrize("key", [(op, form) for op in SUMS for form in ("f32", "f16")], ids=key_id)
def test_small_integers_give_the_same_bits_in_every_order(key):
    @settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=SLOW)
    @given(case=CASES[key])
    def hold(case):
        case = on_small_integers(case)
        session = Session(case.graph(), 1, fold=False, split_from=0)
        if session.algorithms(case.feeds()):
            return  # Winograd divides
        got, want = session.run(case.feeds())["y0"], by_reference(case)
        assert np.array_equal(got, want), case

    hold()
