"""The judge itself: what it must refuse."""

from fractions import Fraction

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import bounds, expected, judge, judge_case
from litegold.conformance.second import nearest
from litegold.ir import QuantParams
from litegold.refimpl.conv import conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.shape import reshape

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("got", "want", "bound", "ok"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.5, 0.5, True),
        (1.0, 1.5, 0.49, False),
        (NAN, NAN, 0.0, True),
        (-NAN, NAN, 0.0, True),
        (NAN, 1.0, 9.0, False),
        (1.0, NAN, 9.0, False),
        (INF, INF, 0.0, True),
        (-INF, INF, 9.0, False),
        (3e38, INF, 1e38, False),
        (INF, 3e38, 1e38, False),
        (INF, NAN, 9.0, False),
        (0.0, -0.0, 0.0, False),
        (0.0, -0.0, 1e-30, True),
        (1.0, 1.0, NAN, False),
        (INF, 1.0, INF, True),
    ],
)
def test_floats(got, want, bound, ok):
    verdict = judge(np.float32([7, got]), np.float32([7, want]), np.array([0.0, bound]))
    assert verdict.ok == ok
    assert ok or (verdict.index == (1,) and verdict.reason)


def test_integers_are_equal_or_wrong():
    big = np.array([2**62, 5], np.int64)
    assert judge(big, big)
    assert not judge(big + np.int64([1, 0]), big, 1e9), "beyond float64, and no bound helps"
    verdict = judge(np.int8([1, 2, -9]), np.int8([1, 3, 9]))
    assert (verdict.index, verdict.worst) == ((2,), 18.0)


@pytest.mark.parametrize(
    "got", [np.zeros((2, 1), np.float32), np.zeros(2, np.float64), np.zeros((), np.float32)]
)
def test_shape_and_type_are_part_of_the_result(got):
    assert not judge(got, np.zeros(2, np.float32), 9.0)


def test_the_element_that_is_most_over_its_bound_is_reported():
    verdict = judge(np.float32([1, 2, 4]), np.float32([2, 4, 8]), np.array([0.5, 1.9, 9.0]))
    assert verdict.index == (0,) and not verdict


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_dropped_product_is_outside_of_the_envelope():
    case = Case(conv2d, (drawn(1, 5, 6, 8), drawn(3, 3, 2, 8, seed=1)))
    (want,) = expected(case)
    w = case.args[1].copy()
    w[0, 0, 0, 0] = 0
    wrong = expected(Case(conv2d, (case.args[0], w)))
    assert judge_case(case, [want])
    assert not judge_case(case, wrong)
    assert not judge_case(case, [want.transpose(0, 2, 1, 3)]), "swapped axes"


def test_a_quantized_result_has_no_freedom():
    sx, sw, sy = QuantParams((0.1,), (3,)), QuantParams((0.2,)), QuantParams((0.4,), (-5,))
    x, w = np.int8([[1, 2, 3]]), np.int8([[4, -5, 6], [7, 8, 9]])
    case = Case(fully_connected, (x, w), {}, (sx, sw), (np.dtype(np.int8),), (sy,))
    (want,) = expected(case)
    assert not bounds(case, [want])[0].any()
    assert judge_case(case, [want]) and not judge_case(case, [want + np.int8([[0, 1]])])


def test_a_missing_output_is_wrong():
    assert not judge_case(Case(reshape, (drawn(4), np.int32([2, 2]))), [])


def test_rounding_happens_once():
    """Through float64, the tie of float32 would be reached and rounded to even."""
    tie = Fraction(2**24 + 1)
    single, tiny = np.dtype(np.float32), Fraction(1, 2**70)
    assert [float(nearest(tie + d, single)) for d in (-tiny, 0, tiny)] == [2**24, 2**24, 2**24 + 2]
    assert nearest(Fraction(10) ** 400, single) == np.inf
    assert nearest(Fraction(-(10**39)), single) == -np.inf
