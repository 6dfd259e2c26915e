"""Cases of the normalisations."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import QuantParams
from ...refimpl.norm import (
    l2_normalization,
    layer_norm,
    local_response_normalization,
    rms_norm,
)
from ..case import Case
from ..tables import CASES
from .draw import floats, ints, quant_params, shapes


@st.composite
def l2_cases(draw: st.DrawFn) -> Case:
    """Vectors of all lengths, those below the least one among them."""
    x = draw(floats(draw(shapes(min_dims=1))))
    exponent = draw(st.sampled_from((0, 0, -20, -28, -60, 40)))
    return Case(l2_normalization, (np.ldexp(x, exponent).astype(np.float32),))


@st.composite
def l2_quantized_cases(draw: st.DrawFn, fmt: str) -> Case:
    """The output's quantization is prescribed; vectors of zeros and of one step are among them."""
    quant = draw(quant_params(fmt))
    shape, info = draw(shapes(min_dims=1)), np.iinfo(np.int8 if fmt == "s8" else np.uint8)
    zero = quant.zero_point[0]
    reach = draw(st.sampled_from((255, 5, 50, 255, 5, 1, 0)))
    low, high = max(int(info.min), zero - reach), min(int(info.max), zero + reach)
    x = draw(ints(fmt, shape, low=low, high=high))
    y_quant = QuantParams((1 / 128,), (0 if fmt == "s8" else 128,))
    return Case(l2_normalization, (x,), quant=(quant,), out_quant=(y_quant,))


@st.composite
def lrn_cases(draw: st.DrawFn) -> Case:
    """Windows of no channel, of some and beyond all, as long on either side or not."""
    four = draw(st.sampled_from((True, True, True, False)))  # as TFLite has it
    shape = draw(shapes(min_dims=4 if four else 1, max_elements=96))
    attributes = {
        "after": -1 if four else draw(st.sampled_from((-1, 0, 2, 7))),
        "radius": draw(st.integers(0, 6)),
        "bias": draw(st.sampled_from((1.0, 2.0, 0.25))),
        "alpha": draw(st.sampled_from((1.0, 1e-4, 0.5, 0.0))),
        "beta": draw(st.sampled_from((0.5, 0.75, 1.0, 0.3))),
    }
    return Case(local_response_normalization, (draw(floats(shape)),), attributes)


CASES.of((l2_normalization, "f32"))(l2_cases())
for fmt in ("s8", "u8"):
    CASES.of((l2_normalization, fmt))(l2_quantized_cases(fmt))
CASES.of((local_response_normalization, "f32"))(lrn_cases())


@st.composite
def layer_norm_cases(draw: st.DrawFn) -> Case:
    """One axis or several, rows far from 0 and rows of equal numbers among them."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    x = draw(floats(shape)) + np.float32(draw(st.sampled_from((0.0, 0.0, 3.0, 100.0))))
    if draw(st.booleans()):  # the first row, or some
        x = np.where(np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1)) % 3 == 0, x.ravel()[0], x)
    scale = draw(floats(shape[axis:]))
    bias = draw(st.none() | floats(shape[axis:]))
    epsilon = draw(st.sampled_from((1e-5, 1e-3, 0.25)))
    return Case(
        layer_norm,
        (x, scale, bias),
        {"axis": axis, "epsilon": epsilon},
        constant=draw(st.sampled_from((frozenset[int](), frozenset({1, 2})))),
    )


CASES.of((layer_norm, "f32"))(layer_norm_cases())


@st.composite
def rms_norm_cases(draw: st.DrawFn) -> Case:
    """One axis or several, small numbers among them."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    x = draw(floats(shape)) * np.float32(draw(st.sampled_from((1.0, 1.0, 1e-3))))
    return Case(
        rms_norm,
        (x, draw(floats(shape[axis:]))),
        {"axis": axis, "epsilon": draw(st.sampled_from((1e-5, 1e-3, 0.25)))},
        constant=draw(st.sampled_from((frozenset[int](), frozenset({1})))),
    )


CASES.of((rms_norm, "f32"))(rms_norm_cases())
