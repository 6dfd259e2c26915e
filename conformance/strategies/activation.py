"""Cases of the activations that stand alone."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from ...ir import FORMATS, QuantParams
from ...refimpl.activation import (
    elu,
    gelu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, arrays, floats, ints, quant_params, scales, shapes
from .fit import fitted
from .unary import float_cases, quantized_cases

SLOPES = (0.2, 0.01, 0.25, 0.0, 1.0, 1.5, -0.5)


@st.composite
def leaky_relu_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any slope, also one of 0, above 1 and below 0."""
    floating = float_cases(leaky_relu, FINITE, 4.0)
    case = draw(floating if fmt == "f32" else quantized_cases(leaky_relu, fmt))
    return replace(case, attributes={"alpha": draw(st.sampled_from(SLOPES))})


@st.composite
def elu_cases(draw: st.DrawFn) -> Case:
    """Any alpha; arguments from next to 0 to far out."""
    case = draw(float_cases(elu, FINITE + SPECIAL, 20.0))
    return replace(case, attributes={"alpha": draw(st.sampled_from((1.0, 1.0, 1.0, 0.5, 1.7)))})


@st.composite
def prelu_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Slopes for every element, every channel, or shared by rows or by all."""
    shape = draw(shapes(min_dims=1))
    shared = draw(st.tuples(*[st.booleans()] * len(shape)))
    slopes = tuple(1 if one else n for one, n in zip(shared, shape, strict=True))
    slopes = slopes[draw(st.integers(0, len(slopes) - 1)) :]
    x, alpha = draw(arrays(fmt, shape)), draw(arrays(fmt, slopes))
    constant = draw(st.sampled_from((frozenset[int](), frozenset({1}))))
    if fmt == "f32":
        return Case(prelu, (x, alpha), constant=constant)
    quant = draw(quant_params(fmt)), draw(quant_params(fmt))
    out = draw(quant_params(fmt, low=2.0**-6))
    case = Case(
        prelu,
        (x, alpha),
        quant=quant,
        out_dtype=(FORMATS[fmt],),
        out_quant=(out,),
        constant=constant,
    )
    return draw(fitted(case, least=2.0**-9))


@st.composite
def logistic_cases(draw: st.DrawFn, fmt: str) -> Case:
    """The output's scale is 1/256."""
    zero_point = -128 if fmt == "s8" else 0
    case = draw(quantized_cases(logistic, fmt))
    return replace(case, out_quant=(QuantParams((1 / 256,), (zero_point,)),))


@st.composite
def hard_swish_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Output scales above 1/128 of the input's, below which LiteRT refuses."""
    shape = draw(shapes(min_dims=1))
    quant = draw(quant_params(fmt))
    high = draw(scales(low=quant.scale[0] / 32, high=max(quant.scale[0] * 2, 2.0**-9)))
    out = replace(draw(quant_params(fmt)), scale=(high,))
    x = draw(ints(fmt, shape))
    return Case(hard_swish, (x,), quant=(quant,), out_dtype=(FORMATS[fmt],), out_quant=(out,))


@st.composite
def hard_swish_float_cases(draw: st.DrawFn) -> Case:
    """Around the bends at -3 and 3."""
    return Case(hard_swish, (draw(floats(draw(shapes()), kinds=FINITE, scale=5.0)),))


for _op in (relu, relu6, relu_n1_to_1):
    CASES.of((_op, "f32"))(float_cases(_op, FINITE, 9.0))
for _op in (logistic, tanh):
    CASES.of((_op, "f32"))(float_cases(_op, FINITE + SPECIAL, 20.0))
CASES.of((hard_swish, "f32"))(hard_swish_float_cases())
for _fmt in ("s8", "u8", "s16"):
    CASES.of((leaky_relu, _fmt))(leaky_relu_cases(_fmt))
    CASES.of((relu, _fmt))(quantized_cases(relu, _fmt))
    CASES.of((relu6, _fmt))(quantized_cases(relu6, _fmt))
for _fmt in ("s8", "u8"):
    CASES.of((relu_n1_to_1, _fmt))(quantized_cases(relu_n1_to_1, _fmt))
    CASES.of((logistic, _fmt))(logistic_cases(_fmt))
    CASES.of((tanh, _fmt))(quantized_cases(tanh, _fmt))
    CASES.of((hard_swish, _fmt))(hard_swish_cases(_fmt))
for _fmt in ("f32", "s8", "u8"):
    CASES.of((prelu, _fmt))(prelu_cases(_fmt))
CASES.of((leaky_relu, "f32"))(leaky_relu_cases("f32"))
CASES.of((elu, "f32"))(elu_cases())


@st.composite
def gelu_cases(draw: st.DrawFn) -> Case:
    """Where the normal distribution rises, and far from there."""
    case = draw(float_cases(gelu, FINITE + SPECIAL, 7.0))
    return replace(case, attributes={"approximate": draw(st.booleans())})


CASES.of((gelu, "f32"))(gelu_cases())
