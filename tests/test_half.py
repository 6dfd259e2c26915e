"""Half precision: NumPy and the kernels against exact rational arithmetic, in all roundings."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from litegold.conformance.exact import half as exact
from litegold.conformance.half_properties import MODES, OPERANDS, operands, words
from litegold.jit_kernels import half as compiled
from litegold.refimpl import half
from litegold.refimpl.half import DEFAULT_NAN, Mode, bits_of

EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def mode_id(mode):
    return mode.rounding + ("-flushed" if mode.flush else "")


@functools.cache
def around_halves():
    """Return every half and midpoint of two, and the float32 numbers beside them; overflow included."""
    sizes = np.ldexp(np.array([*exact.SIZES, exact.END], np.float64), -24)
    middles = (sizes[1:] + sizes[:-1]) / 2
    points = np.concatenate([sizes, middles]).astype(np.float32)
    beside = [np.nextafter(points, np.float32(end)) for end in (0, np.inf)]
    more = np.float32([np.inf, 3e38, 1e-45, 2.0**-25, 2.0**-26])
    x = np.concatenate([points, *beside, more])
    return np.concatenate([x, -x])


def test_every_half_is_widened():
    wide = half.widen(EVERY)
    for bits, value in zip(range(1 << 16), wide.tolist(), strict=True):
        true = exact.value_of(bits)
        if true is exact.NAN:
            assert value != value
        else:
            assert value == (float(true) if isinstance(true, str) else true * 2.0**-24)
    assert np.array_equal(np.signbit(wide), np.arange(1 << 16) >= 1 << 15)
    narrow = half.widen(EVERY, np.float32)
    assert compiled.widen(EVERY).tobytes() == narrow.tobytes()
    # all bits come back; a NaN is quiet then
    nan = np.isnan(wide)
    quiet = bits_of(EVERY) | np.where(nan, 0x200, 0).astype(np.uint16)
    for back in (half.narrow(wide), half.narrow(narrow), compiled.narrow(narrow)):
        assert np.array_equal(bits_of(back), quiet)


def check_narrow(x, mode):
    want = np.array([exact.narrow(v, mode.rounding, mode.flush) for v in x.tolist()], np.uint16)
    got = half.narrow(x, mode.rounding, mode.flush)
    assert np.array_equal(bits_of(got), want)
    assert np.array_equal(
        bits_of(half.narrow(x.astype(np.float64), mode.rounding, mode.flush)), want
    )
    assert compiled.narrow(x, mode.rounding, mode.flush).tobytes() == got.tobytes()


@pytest.mark.parametrize("mode", MODES, ids=mode_id)
def test_float32_is_rounded(mode):
    x = around_halves()
    check_narrow(np.random.default_rng(0).choice(x, 8000), mode)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES, ids=mode_id)
def test_float32_around_every_half_is_rounded(mode):
    check_narrow(around_halves(), mode)


@pytest.mark.parametrize("mode", MODES, ids=mode_id)
def test_kernels_round_any_float32_as_the_reference_does(mode):
    bits = np.random.default_rng(1).integers(0, 1 << 32, 200_000, np.uint32)
    x = np.concatenate([bits.view(np.float32), around_halves()])
    want = half.narrow(x, mode.rounding, mode.flush)
    assert compiled.narrow(x, mode.rounding, mode.flush).tobytes() == want.tobytes()


def test_float64_is_rounded_once():
    """Next to a tie of halves by less than float32 could say."""
    tie = 1 + 2.0**-11
    x = np.array([tie, np.nextafter(tie, 2), np.nextafter(tie, 0)])
    assert half.narrow(x).tolist() == [1.0, 1 + 2.0**-10, 1.0]


@pytest.mark.parametrize("mode", MODES, ids=mode_id)
def test_every_root(mode):
    want = [exact.sqrt(b, mode.rounding, mode.flush) for b in range(1 << 16)]
    assert np.array_equal(words(half.sqrt(EVERY, mode)), want)
    assert np.array_equal(words(compiled.arithmetic("sqrt", EVERY, mode=mode)), want)


def check_arithmetic(name, mode, count, seed):
    given = operands(np.random.default_rng(seed), name, count)
    got = words(getattr(half, name)(*given, mode=mode))
    function = getattr(exact, name)
    bits = zip(*(bits_of(x).tolist() for x in given), strict=True)
    want = np.fromiter((function(*b, mode.rounding, mode.flush) for b in bits), np.int64, count)
    bad = np.flatnonzero(got != want)
    assert not bad.size, [hex(bits_of(x)[bad[0]]) for x in given]
    assert np.array_equal(words(compiled.arithmetic(name, *given, mode=mode)), got)


@pytest.mark.parametrize("mode", MODES, ids=mode_id)
@pytest.mark.parametrize("name", OPERANDS)
def test_arithmetic_is_exact_rounded_once(name, mode):
    check_arithmetic(name, mode, 2000, 0)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES, ids=mode_id)
@pytest.mark.parametrize("name", OPERANDS)
def test_arithmetic_is_exact_on_millions(name, mode):
    check_arithmetic(name, mode, 200_000, None)  # ten million in all


@pytest.mark.parametrize("mode", MODES, ids=mode_id)
@pytest.mark.parametrize("name", OPERANDS)
def test_kernels_compute_as_the_reference_does(name, mode):
    given = operands(np.random.default_rng(2), name, 100_000)
    want = words(getattr(half, name)(*given, mode=mode))
    assert np.array_equal(words(compiled.arithmetic(name, *given, mode=mode)), want)


def test_the_nan_policy():
    signalling, quiet, other, one = np.array([0x7D01, 0xFE02, 0x7E03, 0x3C00], np.uint16).view("e")
    infinity, zero = np.float16(np.inf), np.float16(0)
    cases = {
        (half.add, quiet, signalling): 0x7F01,  # the signalling one, made quiet
        (half.sub, one, quiet): 0xFE02,  # as it is, though it is subtracted
        (half.mul, quiet, other): 0xFE02,
        (half.div, zero, zero): DEFAULT_NAN,
        (half.fma, other, one, quiet): 0xFE02,  # the addend first
        (half.fma, zero, infinity, quiet): DEFAULT_NAN,
        (half.fma, zero, infinity, signalling): 0x7F01,
    }
    for (op, *args), bits in cases.items():
        given = [np.array([a]) for a in args]
        assert bits_of(op(*given)) == bits
        assert bits_of(op(*given, mode=Mode(default_nan=True))) == DEFAULT_NAN


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["any", "avx2", "avx512"])
def test_kernels_on_lesser_processors(isa):
    """The same in a process that may not use the wider instructions, or none that converts."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        __file__,
        "-k",
        "kernels_round or kernels_compute",
    ]
    environment = {**os.environ, "LITEGOLD_ISA": isa}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
