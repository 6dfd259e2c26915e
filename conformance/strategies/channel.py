"""Cases of what is done to each channel for itself."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import Array
from ...refimpl.channel import batch_norm, instance_norm, scale
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SMALL, floats, shapes

EPSILONS = (1e-5, 1e-3, 0.25)


@st.composite
def batch_norm_cases(draw: st.DrawFn) -> Case:
    """Channels along any axis; variances of 0, and of numbers that differ much, among them."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    channels = (shape[axis],)
    x = draw(floats(shape, kinds=FINITE + SMALL))
    spread = np.abs(draw(floats(channels))) * np.float32(draw(st.sampled_from((1.0, 1.0, 0.0))))
    scale, offset = (draw(st.none() | floats(channels)) for _ in range(2))
    given = [1, 2, *(i for i, v in ((3, scale), (4, offset)) if v is not None)]
    return Case(
        batch_norm,
        (x, draw(floats(channels)), spread, scale, offset),
        {"axis": axis, "epsilon": draw(st.sampled_from(EPSILONS))},
        constant=draw(st.sampled_from((frozenset[int](), frozenset(given)))),
    )


@st.composite
def instance_norm_cases(draw: st.DrawFn) -> Case:
    """Channels in the middle and at the end; images of one pixel, of one value, and far from 0 among them."""
    shape = draw(shapes(min_dims=2, max_dims=5))
    axis = draw(st.integers(1, len(shape) - 1)) - draw(st.sampled_from((0, len(shape))))
    x = draw(floats(shape)) + np.float32(draw(st.sampled_from((0.0, 0.0, 3.0, 100.0))))
    x = x * np.float32(draw(st.sampled_from((1.0, 1.0, 0.0))))
    channels = (shape[axis],)
    return Case(
        instance_norm,
        (x, draw(floats(channels)), draw(floats(channels))),
        {"axis": axis, "epsilon": draw(st.sampled_from(EPSILONS))},
        constant=draw(st.sampled_from((frozenset[int](), frozenset({1, 2})))),
    )


@st.composite
def scale_cases(draw: st.DrawFn) -> Case:
    """A factor along one axis, several, all, or none of them."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(0, len(shape) - 1))
    reach = shape[axis : axis + draw(st.integers(0, len(shape)))]
    x, factor = draw(floats(shape, kinds=FINITE + SMALL)), draw(floats(reach, kinds=FINITE + SMALL))
    offset: Array | None = draw(st.none() | floats(reach))
    given = {1} if offset is None else {1, 2}
    return Case(
        scale,
        (x, factor, offset),
        {
            "axis": axis - draw(st.sampled_from((0, len(shape)))),
            "activation": draw(st.sampled_from(("none", "none", "relu", "relu6"))),
        },
        constant=draw(st.sampled_from((frozenset[int](), frozenset(given)))),
    )


CASES.of((batch_norm, "f32"))(batch_norm_cases())
CASES.of((instance_norm, "f32"))(instance_norm_cases())
CASES.of((scale, "f32"))(scale_cases())
