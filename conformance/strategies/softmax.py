"""Cases of softmax and its logarithm."""

from __future__ import annotations

from hypothesis import strategies as st

from ...ir import FORMATS, QuantParams
from ...refimpl.softmax import log_softmax, softmax
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SPECIAL, floats, ints, quant_params, shapes

BETAS = (1.0, 1.0, 0.5, 2.0, 0.1)
OUTPUTS = {
    "s8": QuantParams((2.0**-8,), (-128,)),
    "u8": QuantParams((2.0**-8,), (0,)),
    "s16": QuantParams((2.0**-16,), (-32768,)),
}


@st.composite
def softmax_cases(draw: st.DrawFn) -> Case:
    """Rows of any values; far ones underflow."""
    shape = draw(shapes(min_dims=1))
    x = draw(floats(shape, kinds=FINITE + SPECIAL, scale=draw(st.sampled_from((4.0, 60.0)))))
    return Case(softmax, (x,), {"beta": draw(st.sampled_from(BETAS))})


@st.composite
def fixed_softmax_cases(draw: st.DrawFn, fmt: str) -> Case:
    """From scales where all elements count to such where only the largest does; some to int16."""
    x = draw(ints(fmt, draw(shapes(min_dims=1))))
    quant = draw(quant_params(fmt, low=2.0**-10, high=4.0))
    to = draw(st.sampled_from((fmt, fmt, "s16")))
    attributes = {"beta": draw(st.sampled_from(BETAS))}
    return Case(softmax, (x,), attributes, (quant,), (FORMATS[to],), (OUTPUTS[to],))


@st.composite
def log_softmax_cases(draw: st.DrawFn) -> Case:
    """Rows of any values."""
    x = draw(floats(draw(shapes(min_dims=1)), kinds=FINITE + SPECIAL, scale=20.0))
    return Case(log_softmax, (x,))


CASES.of((softmax, "f32"))(softmax_cases())
CASES.of((softmax, "s8"))(fixed_softmax_cases("s8"))
CASES.of((softmax, "u8"))(fixed_softmax_cases("u8"))
CASES.of((log_softmax, "f32"))(log_softmax_cases())
