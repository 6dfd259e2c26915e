"""Building blocks of the strategies: shapes, arrays and quantization parameters.

Arrays are drawn by a recipe (a seed and a kind of values), not element by element: that is quick, and a
failure still shrinks to a small shape and a plain kind. Nothing is drawn and then thrown away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...ir import FORMATS, Array, QuantParams
from .half import as_half

# Kinds of float32 values, the plainest first. SMALL holds NaN, -0 and subnormals; SPECIAL also Inf and the
# largest numbers, which TFLite's clamp after a sum or product turns into each other.
FINITE = ("small integers", "uniform", "wide exponents")
SMALL = ("small values",)
SPECIAL = ("special values",)
_BIG = 3.4028235e38
_SPECIALS = np.array(
    [
        *(0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e-39, 2.0**-126, _BIG, -_BIG),
        *(1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 16777216.0),
    ],
    np.float32,
)


def _salted(seed: int, drawn: Iterator[int]) -> int:
    return (seed + next(drawn) * 0x9E3779B9) % 2**32


def seeds() -> SearchStrategy[int]:
    """Seeds of NumPy's generators. Those of one case differ, though Hypothesis likes to draw a number twice.

    Of two arrays of one seed and shape a difference is zero and a comparison the same everywhere.
    """
    counter: SearchStrategy[Iterator[int]] = st.shared(st.builds(itertools.count), key="seeds")
    return st.builds(_salted, st.integers(0, 2**32 - 1), counter)


@st.composite
def shapes(
    draw: st.DrawFn,
    *,
    min_dims: int = 0,
    max_dims: int = 4,
    max_size: int = 9,
    max_elements: int = 256,
    zero: bool = False,
) -> tuple[int, ...]:
    """Shapes whose sizes are distinct as far as the bounds allow; now and then a size 1 (or one 0, if `zero`).

    One axis may instead be long (up to `max_elements` in all), to reach past a vector and its tail. Scalars are as
    rare as that; a vector is the plainest.
    """
    plain = range(min(max(min_dims, 1), max_dims), max_dims + 1)
    dims = draw(st.sampled_from((*plain, *plain[1:], *range(min_dims, plain[0]))))
    left = list(range(2, max(max_size, 2 + dims) + 1))
    sizes = [left.pop(draw(st.integers(0, len(left) - 1))) for _ in range(dims)]
    for axis in range(dims):
        if draw(st.integers(0, 15)) == 1:
            sizes[axis] = 1
    if zero and dims and draw(st.integers(0, 15)) == 1:
        sizes[draw(st.integers(0, dims - 1))] = 0
    for axis in range(dims):  # shrink what exceeds the budget, from the front
        while sizes[axis] > 1 and np.prod(sizes) > max_elements:
            sizes[axis] -= 1
    if dims and draw(st.integers(0, 7)) == 1:
        others = int(np.prod(sizes[:-1], dtype=np.int64))
        sizes[-1] = draw(st.integers(1, max(1, max_elements // max(others, 1))))
    return tuple(sizes)


@st.composite
def broadcast_shapes(
    draw: st.DrawFn, *, max_dims: int = 4, max_elements: int = 256, zero: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Pairs of shapes that broadcast together: equal, scalar, row, or ones and missing axes on either side."""
    whole = draw(shapes(max_dims=max_dims, max_elements=max_elements, zero=zero))
    kind = draw(st.sampled_from(("equal", "mixed", "row", "mixed", "row", "equal", "scalar")))
    if kind == "equal":
        return whole, whole
    if kind == "scalar":
        part: tuple[int, ...] = draw(st.sampled_from(((), (1,) * min(1, len(whole)))))
    elif kind == "row":
        part = whole[-1:]
    else:
        ones = draw(st.tuples(*[st.booleans()] * len(whole)))
        part = tuple(1 if one else n for one, n in zip(ones, whole, strict=True))
        part = part[draw(st.integers(0, len(part))) :]
        if len(part) == len(whole):  # the other side may have ones too, where this one has none
            more = draw(st.tuples(*[st.booleans()] * len(whole)))
            whole = tuple(
                1 if one and not mine else n for one, mine, n in zip(more, ones, whole, strict=True)
            )
    return draw(st.sampled_from(((whole, part), (part, whole))))


def fill_floats(shape: tuple[int, ...], kind: str, seed: int, scale: float = 4.0) -> Array:
    """Return the float32 array that `kind` and `seed` name; `scale` bounds the uniform kind."""
    rng = np.random.default_rng(seed)
    if kind == "small values":
        calm = _SPECIALS[np.isnan(_SPECIALS) | (np.abs(_SPECIALS) < _BIG)]
        return np.asarray(rng.choice(calm, shape), np.float32)
    if kind == "small integers":
        x: Array = rng.integers(-8, 9, shape).astype(np.float32)
    elif kind == "wide exponents":
        x = np.ldexp(rng.uniform(-2, 2, shape), rng.integers(-24, 25, shape)).astype(np.float32)
    elif kind == "special values":
        plain = rng.uniform(-scale, scale, shape).astype(np.float32)
        x = np.where(rng.random(shape) < 0.5, rng.choice(_SPECIALS, shape), plain)
    else:
        x = rng.uniform(-scale, scale, shape).astype(np.float32)
    return np.asarray(x, np.float32)


def floats(
    shape: tuple[int, ...], *, kinds: tuple[str, ...] = FINITE, scale: float = 4.0
) -> SearchStrategy[Array]:
    """Float32 arrays of `shape`; `kinds=FINITE + SPECIAL` adds NaN, Inf, -0 and subnormals."""
    return st.builds(fill_floats, st.just(shape), st.sampled_from(kinds), seeds(), st.just(scale))


def fill_ints(
    fmt: str, shape: tuple[int, ...], kind: str, seed: int, low: int | None, high: int | None
) -> Array:
    """Return the integer (or bool) array that `kind` and `seed` name, within [low, high]."""
    rng = np.random.default_rng(seed)
    if fmt == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    info = np.iinfo(FORMATS[fmt])
    lowest = int(info.min if low is None else low)
    highest = int(info.max if high is None else high)
    middle = min(max(0, lowest), highest)
    if kind == "small":
        lowest, highest = max(lowest, middle - 8), min(highest, middle + 8)
    x = rng.integers(lowest, highest, shape, dtype=FORMATS[fmt], endpoint=True)
    if kind == "extremes":
        edges = [lowest, min(lowest + 1, highest), middle, max(highest - 1, lowest), highest]
        x = np.where(rng.random(shape) < 0.7, rng.choice(np.array(edges, FORMATS[fmt]), shape), x)
    return np.asarray(x, FORMATS[fmt])


def ints(
    fmt: str, shape: tuple[int, ...], *, low: int | None = None, high: int | None = None
) -> SearchStrategy[Array]:
    """Arrays of the integer type named `fmt` ("s8", ..., or "bool"): small, any, or mostly extreme values."""
    kinds = st.sampled_from(("small", "any", "extremes"))
    return st.builds(
        fill_ints, st.just(fmt), st.just(shape), kinds, seeds(), st.just(low), st.just(high)
    )


def as_double(x: Array) -> Array:
    """Return float32 numbers as float64, most of them moved to where no float32 is.

    >>> as_double(np.float32([0.0, 1.0, 1.0])).tolist()
    [0.0, 1.0, 1.0000000009313226]
    """
    return x.astype(np.float64) * (1 + np.arange(x.size).reshape(x.shape) % 7 // 2 * 2.0**-30)


def arrays(fmt: str, shape: tuple[int, ...], **options: Any) -> SearchStrategy[Array]:
    """Arrays of any element type: `floats` or `ints`."""
    if fmt == "f16":
        return floats(shape, **options).map(as_half)
    if fmt == "f64":
        return floats(shape, **options).map(as_double)
    return floats(shape, **options) if fmt == "f32" else ints(fmt, shape, **options)


@st.composite
def scales(draw: st.DrawFn, *, low: float = 2.0**-9, high: float = 0.5) -> float:
    """Scales, exact in float32: powers of two, n-ths, and any between `low` and `high`."""
    kind = draw(st.sampled_from(("power", "any", "fraction", "any")))
    first, last = int(np.ceil(np.log2(low))), int(np.floor(np.log2(high)))
    if kind == "power":
        return float(np.float32(2.0 ** draw(st.integers(first, last))))
    if kind == "fraction":  # (a power of two) / 255, as calibrated ranges give
        power = 2.0 ** draw(st.integers(first, last))
        return float(np.clip(np.float32(power * 256 / 255), np.float32(low), np.float32(high)))
    exponent = draw(st.floats(float(np.log2(low)), float(np.log2(high))))
    return float(np.clip(np.float32(2.0**exponent), np.float32(low), np.float32(high)))


@st.composite
def quant_params(
    draw: st.DrawFn,
    fmt: str,
    *,
    axis: int | None = None,
    count: int = 1,
    symmetric: bool = False,
    low: float = 2.0**-9,
    high: float = 0.5,
) -> QuantParams:
    """Quantization of the type named `fmt`: per tensor, or `count` scales along `axis` (then symmetric).

    `symmetric` and types wider than eight bits have zero point 0 (u8: 128 when symmetric).
    """
    if axis is not None:
        scale = draw(scales(low=low, high=high))
        rng = np.random.default_rng(draw(seeds()))
        factors = np.exp2(rng.uniform(-2, 0, count)).astype(np.float32)
        per_slice = tuple(float(np.float32(scale) * f) for f in factors)
        return QuantParams(per_slice, (0,) * count, axis)
    info = np.iinfo(FORMATS[fmt])
    if fmt not in ("s8", "u8"):
        zero_point = 0
    elif symmetric:
        zero_point = 128 if fmt == "u8" else 0
    else:
        low_end, high_end = int(info.min), int(info.max)
        edges = st.sampled_from((low_end, high_end))
        inner = st.integers(low_end + 64, high_end - 64)  # both signs have their share
        center = st.just(128 if fmt == "u8" else 0)
        zero_point = draw(center | inner | inner | edges | st.integers(low_end, high_end))
    return QuantParams((draw(scales(low=low, high=high)),), (zero_point,))
