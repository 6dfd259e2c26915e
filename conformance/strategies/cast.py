"""Cases of the changes of the element type."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import BITS_OF, FORMAT_OF, FORMATS, NARROW_FLOATS, NARROW_INTS, Array
from ...refimpl.cast import (
    CASTABLE,
    QUANTIZED_TO,
    bit_cast,
    bit_count,
    cast,
    dequantize,
    quantize,
)
from ...refimpl.narrow import LAYOUTS, MASKS, ROUND_MODES, narrow, widen
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, arrays, floats, ints, quant_params, seeds, shapes


@st.composite
def cast_cases(draw: st.DrawFn, fmt: str) -> Case:
    """To every type; floats also beyond the range of the integers, and beside the ties of narrow ones."""
    to, shape = draw(st.sampled_from(CASTABLE)), draw(shapes())
    attributes: dict[str, Any] = {"to": to}
    if to in NARROW_FLOATS:
        attributes["saturate"] = draw(st.booleans())
    if to == "f8e8m0":
        attributes["round_mode"] = draw(st.sampled_from(ROUND_MODES))
    x = draw(any_numbers(fmt, shape))
    if fmt in ("f32", "f64") and draw(st.booleans()):
        x = draw(near_ties(to, shape)).astype(FORMATS[fmt])
    return Case(cast, (x,), attributes)


def any_numbers(fmt: str, shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Arrays of any element type; narrow ones are all bits that there are, but for NaN, which has one form."""
    if fmt in NARROW_FLOATS:
        top = 2 ** (16 if fmt == "bf16" else 4 if fmt == "f4e2m1" else 8) - 1
        bits = ints("u16", shape, low=0, high=top)
        return bits.map(lambda b: _plain_nan(b.astype(BITS_OF[fmt]).view(FORMATS[fmt])))
    if fmt in NARROW_INTS:
        return ints("u8", shape, low=0, high=MASKS[fmt]).map(lambda b: b.view(FORMATS[fmt]))
    if fmt == "f64":
        return st.builds(_double, floats(shape, kinds=FINITE + SPECIAL, scale=300.0), seeds())
    return arrays(
        fmt, shape, **({"kinds": FINITE + SPECIAL, "scale": 300.0} if fmt == "f32" else {})
    )


def _plain_nan(x: Array) -> Array:
    wide = widen(x)
    return np.where(np.isnan(wide), narrow(np.array(np.nan), FORMAT_OF[x.dtype]), x)


def _double(x: Array, seed: int) -> Array:
    """Return float64 numbers near float32 ones, some of them far beyond."""
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        off = x.astype(np.float64) * (1 + rng.integers(-2, 3, x.shape) * 2.0**-40)
        far = np.ldexp(off, rng.integers(-1, 2, x.shape) * 900)
    return np.where(rng.random(x.shape) < 0.1, far, off)


def near_ties(to: str, shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Numbers in the middle between two of a narrow type, and their neighbours; of others small halves."""

    def build(seed: int) -> Array:
        rng = np.random.default_rng(seed)
        if to in LAYOUTS:
            code = rng.integers(0, LAYOUTS[to].largest, shape)
            low, high = (widen((code + i).astype(BITS_OF[to]).view(FORMATS[to])) for i in (0, 1))
            middle = (low.astype(np.float64) + high.astype(np.float64)) / 2
        else:
            middle = rng.integers(-40, 40, shape) / 2
        # what float32 tells from the tie, and what only float64 does
        off = rng.choice([0.0, 2.0**-20, -(2.0**-20), 2.0**-40, -(2.0**-40)], shape)
        return np.asarray(middle * (1 + off) * rng.choice([-1.0, 1.0], shape))

    return seeds().map(build)


@st.composite
def bit_cast_cases(draw: st.DrawFn, fmt: str) -> Case:
    """To every type of as many bits; no NaN but the plain one goes in."""
    x = draw(any_numbers(fmt, draw(shapes())))
    legal = [to for to in CASTABLE if bit_count(to) == bit_count(fmt)]
    return Case(bit_cast, (x,), {"to": draw(st.sampled_from(legal))})


@st.composite
def quantize_cases(draw: st.DrawFn, fmt: str) -> Case:
    """To every type that LiteRT has, per tensor or (from float32) per slice, with many halves."""
    to, shape = draw(st.sampled_from(QUANTIZED_TO[fmt])), draw(shapes(min_dims=1))
    attributes = {"to": to}
    if fmt != "f32":
        low, high = (2.0**-16, 2.0**-8) if fmt == "s32" else (2.0**-9, 0.5)
        quant = draw(quant_params(fmt, low=low, high=high))
        out = draw(quant_params(to))
        limits = {"low": -(2**20), "high": 2**20} if fmt == "s32" else {}
        x = draw(ints(fmt, shape, **limits))
        return Case(
            quantize, (x,), attributes, (quant,), out_dtype=(FORMATS[to],), out_quant=(out,)
        )
    axis = draw(st.none() | st.integers(0, len(shape) - 1))
    out = draw(quant_params(to, axis=axis, count=1 if axis is None else shape[axis]))
    x = draw(floats(shape, kinds=FINITE, scale=40.0))
    if draw(st.booleans()):
        x = draw(ints("s16", shape, low=-600, high=600)).astype(np.float32)
        x = x * np.float32(out.scale[0] / 2)
    return Case(quantize, (x,), attributes, out_dtype=(FORMATS[to],), out_quant=(out,))


@st.composite
def dequantize_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Per tensor or, of bytes, per slice; float16 is widened."""
    shape = draw(shapes(min_dims=1))
    if fmt == "f16":
        x = draw(floats(shape, kinds=("small integers", "uniform"))).astype(np.float16)
        return Case(dequantize, (x,))
    axis = draw(st.none() | st.integers(0, len(shape) - 1)) if fmt != "s16" else None
    quant = draw(quant_params(fmt, axis=axis, count=1 if axis is None else shape[axis]))
    return Case(dequantize, (draw(ints(fmt, shape)),), quant=(quant,))


for _fmt in CASTABLE:
    CASES.of((cast, _fmt))(cast_cases(_fmt))
    CASES.of((bit_cast, _fmt))(bit_cast_cases(_fmt))
for _fmt in QUANTIZED_TO:
    CASES.of((quantize, _fmt))(quantize_cases(_fmt))
for _fmt in ("f16", "s8", "u8", "s16"):
    CASES.of((dequantize, _fmt))(dequantize_cases(_fmt))
