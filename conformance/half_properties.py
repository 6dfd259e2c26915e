"""The properties of half arithmetic: what NumPy code makes of bits is what a search among all halves finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array
from ..refimpl import half
from ..refimpl.half import DEFAULT_NAN, ROUNDINGS, Mode, bits_of
from .exact import half as exact

OPERANDS = {"add": 2, "sub": 2, "mul": 2, "div": 2, "fma": 3}
MODES = [Mode(rounding, flush) for rounding in ROUNDINGS for flush in (False, True)]
Rng = np.random.Generator


def words(x: Array) -> NDArray[np.int64]:
    """Return bits; every NaN is the same."""
    return np.where(np.isnan(x), DEFAULT_NAN, bits_of(x)).astype(np.int64)


def halves(rng: Rng, count: int) -> Array:
    """Draw halves: any bits, but often zeros, ends and neighbours of powers of two, where roundings differ."""
    corners = np.concatenate([np.arange(0, 0x7C01, 0x400) + d for d in (-1, 0, 1)]).clip(0)
    picked = rng.choice(corners, count) | rng.integers(0, 2, count) << 15
    drawn = np.where(rng.random(count) < 0.25, picked, rng.integers(0, 1 << 16, count))
    return drawn.astype(np.uint16).view(np.float16)


def operands(rng: Rng, name: str, count: int) -> list[Array]:
    """Draw operands; a third of the addends nearly cancel the product, a third are far smaller than it."""
    given = [halves(rng, count) for _ in range(OPERANDS[name])]
    if name == "fma":
        product = half.mul(given[0], given[1])
        near = (bits_of(product) ^ 0x8000) + rng.integers(-2, 3, count).astype(np.uint16)
        small = rng.integers(0, 64, count) | rng.integers(0, 2, count) << 15
        kind = rng.integers(0, 3, count)
        chosen = np.select([kind == 0, kind == 1], [near, small], bits_of(given[2]))
        given[2] = chosen.astype(np.uint16).view(np.float16)
    return given


def wide_numbers(rng: Rng, count: int) -> Array:
    """Draw float64 numbers on, and by one or 2**-30 beside, halves and the middles between them."""
    middle = halves(rng, count).astype(np.float64)
    middle = np.where(np.isfinite(middle), middle, 1.0)
    finite = np.nan_to_num(halves(rng, count), posinf=1.0, neginf=1.0).clip(-60000, 60000)
    step = np.spacing(finite).astype(np.float64)
    x = (
        middle
        + np.where(rng.random(count) < 0.5, np.abs(np.spacing(middle.astype(np.float16))), step) / 2
    )
    return x * (1 + rng.choice([0.0, 2.0**-52, -(2.0**-52), 2.0**-30, -(2.0**-30)], count))


def narrow_agrees(rng: Rng, mode: Mode, count: int) -> bool:
    """Whether float64 numbers are rounded once."""
    x = wide_numbers(rng, count)
    want = [exact.narrow(v, mode.rounding, mode.flush) for v in x.tolist()]
    return np.array_equal(words(half.narrow(x, mode.rounding, mode.flush)), want)


def widen_agrees(rng: Rng, count: int) -> bool:
    """Whether halves become the numbers that they stand for."""
    x = halves(rng, count)
    x = x[np.isfinite(x)]
    want = [exact.value_of(b) * 2.0**-24 for b in bits_of(x).tolist()]
    return np.array_equal(half.widen(x), want)


def arithmetic_agrees(name: str, mode: Mode, rng: Rng, count: int) -> tuple[Array, ...]:
    """Return operands on which a function differs from exact arithmetic rounded once: none."""
    given = operands(rng, name, count)
    got = words(getattr(half, name)(*given, mode=mode))
    bits = zip(*(bits_of(x).tolist() for x in given), strict=True)
    function = getattr(exact, name)
    want = np.fromiter((function(*b, mode.rounding, mode.flush) for b in bits), np.int64, count)
    wrong = np.flatnonzero(got != want)[:1]
    return tuple(x[wrong] for x in given) if wrong.size else ()
