"""The fixed-point functions against exact rational arithmetic."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litegold.ir import QuantParams
from litegold.quant import dialects, fixedpoint

INT32 = st.integers(-(2**31), 2**31 - 1)
REALS = st.floats(2.0**-40, 2.0**20, allow_nan=False)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def half_away(value: Fraction) -> int:
    return half_up(value) if value >= 0 else -half_up(-value)


def wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


@given(REALS)
@example(1 - 2.0**-40)  # the mantissa rounds up to 2**31
@example(0.0)
@example(2.0**-32)  # the smallest that is not flushed to zero
@example(2.0**-33)
def test_multiplier_is_the_nearest_of_31_bits(real: float) -> None:
    multiplier, shift = (int(v) for v in fixedpoint.quantize_multiplier(real))
    if real < 2.0**-32:
        assert (multiplier, shift) == (0, 0)
        return
    assert 2**30 <= multiplier < 2**31
    value = Fraction(multiplier, 2**31) * Fraction(2) ** shift
    assert abs(value - Fraction(real)) <= Fraction(2) ** (shift - 32)


@given(INT32, INT32)
@example(-(2**31), -(2**31))
@example(-1, 2**30)
@example(-3, 2**30)
@example(3, 2**30)
def test_doubling_high_mul_rounds_halves_up_and_saturates(a: int, b: int) -> None:
    expected = min(half_up(Fraction(a * b, 2**31)), 2**31 - 1)
    assert int(fixedpoint.saturating_rounding_doubling_high_mul(a, b)) == expected


@given(INT32, st.integers(0, 31))
@example(-1, 1)
@example(-3, 1)
@example(6, 2)
def test_divide_by_pot_rounds_halves_away_from_zero(x: int, exponent: int) -> None:
    assert int(fixedpoint.rounding_divide_by_pot(x, exponent)) == half_away(
        Fraction(x, 2**exponent)
    )


@given(INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 8))
@example(-(2**30) - 1, 2**30, 3)  # the left shift wraps
def test_twice_rounding_is_high_mul_then_shift(x: int, multiplier: int, shift: int) -> None:
    high = half_up(Fraction(wrap(x << max(shift, 0)) * multiplier, 2**31))
    expected = half_away(Fraction(high, 2 ** max(-shift, 0)))
    assert int(fixedpoint.scale_rounding_twice(x, multiplier, shift)) == expected


@given(INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 0))
def test_once_rounding_is_the_product_rounded_half_up(x: int, multiplier: int, shift: int) -> None:
    expected = half_up(Fraction(x * multiplier, 2 ** (31 - shift)))
    assert int(fixedpoint.scale_rounding_once(x, multiplier, shift)) == expected


@given(st.integers(-(2**47), 2**47 - 1), st.integers(2**30, 2**31 - 1), st.integers(-31, -17))
@example(2**40, 2**31 - 1, -17)  # the multiplier saturates at 16 bits
def test_int64_accumulators_take_a_16_bit_multiplier(x: int, multiplier: int, shift: int) -> None:
    reduced = min((multiplier + 2**15) >> 16, 0x7FFF)
    expected = half_up(Fraction(x * reduced, 2 ** (15 - shift)))
    assert int(fixedpoint.scale_int64(x, multiplier, shift)) == expected


@given(INT32, st.floats(2.0**-30, 0.999))
@example(5, 0.5)
@example(-5, 0.5)
def test_real_multiplier_rounds_the_float64_product_half_away(x: int, real: float) -> None:
    assert int(fixedpoint.scale_by_real(x, real)) == half_away(Fraction(float(x) * real))


def test_once_and_twice_differ_on_a_half_that_the_first_rounding_makes() -> None:
    multiplier, shift = fixedpoint.quantize_multiplier(0.3)
    x = np.arange(-200000, 200000)
    twice = fixedpoint.scale_rounding_twice(x, multiplier, shift)
    once = fixedpoint.scale_rounding_once(x, multiplier, shift)
    assert np.abs(twice - once).max() == 1
    negative_tie = fixedpoint.quantize_multiplier(0.5)
    assert int(fixedpoint.scale_rounding_twice(-1, *negative_tie)) == 0
    assert int(fixedpoint.scale_rounding_once(-1, *negative_tie)) == 0


def test_uint8_convolution_rounds_the_product_of_scales_to_float32() -> None:
    sx, sw, sy = (float(np.float32(v)) for v in (0.1, 0.3, 0.7))
    quants = QuantParams((sx,)), QuantParams((sw,)), QuantParams((sy,))
    exact = dialects.real_multipliers(*quants, 1, dialects.FIXED)[0]
    rounded = dialects.real_multipliers(*quants, 1, dialects.FIXED_F32)[0]
    assert exact == sx * sw / sy
    assert rounded == float(np.float32(sx) * np.float32(sw)) / sy
    assert exact != rounded


@pytest.mark.parametrize("rounding", sorted(dialects.SCALE))
def test_requantize_clamps_after_the_zero_point(rounding: str) -> None:
    y = dialects.requantize([-(10**6), 0, 10**6], 2**30, 0, 7, -128, 127, rounding)
    assert y.tolist() == [-128, 7, 127]
