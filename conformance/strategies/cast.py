"""Cases of the changes of the element type."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS
from ...refimpl.cast import CASTABLE, QUANTIZED_TO, cast, dequantize, quantize
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, arrays, floats, ints, quant_params, shapes


@st.composite
def cast_cases(draw: st.DrawFn, fmt: str) -> Case:
    """To every type; float32 also beyond the range of the integers."""
    to, shape = draw(st.sampled_from(CASTABLE)), draw(shapes())
    options = {"kinds": FINITE + SPECIAL, "scale": 300.0} if fmt == "f32" else {}
    return Case(cast, (draw(arrays(fmt, shape, **options)),), {"to": to})


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


for _fmt in (f for f in CASTABLE if f != "f16"):  # that is made of f32
    CASES.of((cast, _fmt))(cast_cases(_fmt))
for _fmt in QUANTIZED_TO:
    CASES.of((quantize, _fmt))(quantize_cases(_fmt))
for _fmt in ("f16", "s8", "u8", "s16"):
    CASES.of((dequantize, _fmt))(dequantize_cases(_fmt))
