"""Cases of random tensors: all have seeds, or there would be nothing to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...refimpl.random import (
    FLOATS,
    bernoulli,
    multinomial,
    random_mask,
    random_normal,
    random_uniform,
)
from ..case import HostCase
from ..tables import HOST_CASES
from .draw import arrays, seeds, shapes


@st.composite
def uniform_cases(draw: st.DrawFn) -> HostCase:
    """Bounds of either sign, all float types, more numbers than the generator has words."""
    size = draw(st.sampled_from([*[None] * 4, (700,)]))
    shape = np.array(size or draw(shapes(zero=True)), np.int64)
    low = draw(st.integers(-8, 8)) / 4
    attributes: dict[str, Any] = {"low": low, "high": low + draw(st.integers(0, 12)) / 4}
    attributes |= {"to": draw(st.sampled_from(FLOATS)), "seed": float(draw(seeds()))}
    return HostCase(random_uniform, (shape,), attributes)


@st.composite
def normal_cases(draw: st.DrawFn) -> HostCase:
    """An odd and an even number of numbers: they are drawn in pairs."""
    shape = np.array(draw(shapes(zero=True)), np.int64)
    attributes: dict[str, Any] = {
        "mean": draw(st.integers(-8, 8)) / 4,
        "scale": draw(st.integers(0, 8)) / 4,
    }
    attributes |= {"to": draw(st.sampled_from(FLOATS)), "seed": float(draw(seeds()))}
    return HostCase(random_normal, (shape,), attributes)


@st.composite
def mask_cases(draw: st.DrawFn) -> HostCase:
    """Ratios from nothing to nearly all."""
    x = draw(arrays("f32", draw(shapes(zero=True))))
    ratio = np.asarray(draw(st.integers(0, 15)) / 16, np.float32)
    return HostCase(random_mask, (x, ratio), {"seed": float(draw(seeds()))})


@st.composite
def bernoulli_cases(draw: st.DrawFn) -> HostCase:
    """Probabilities from 0 to 1, both ends among them."""
    rng = np.random.default_rng(draw(seeds()))
    shape = draw(shapes(zero=True))
    x = (rng.integers(0, 9, shape) / 8).astype(np.float32)
    to = draw(st.sampled_from((*FLOATS, "s32", "bool")))
    return HostCase(bernoulli, (x,), {"to": to, "seed": float(draw(seeds()))})


@st.composite
def multinomial_cases(draw: st.DrawFn) -> HostCase:
    """Few and many classes, some far less probable than others."""
    rng = np.random.default_rng(draw(seeds()))
    x = rng.normal(0, 3, (draw(st.integers(1, 4)), draw(st.integers(1, 9)))).astype(np.float32)
    attributes = {"sample_size": draw(st.integers(0, 6)), "seed": float(draw(seeds()))}
    return HostCase(multinomial, (x,), attributes | {"to": draw(st.sampled_from(("s32", "s64")))})


HOST_CASES.of(random_uniform)(uniform_cases())
HOST_CASES.of(random_normal)(normal_cases())
HOST_CASES.of(random_mask)(mask_cases())
HOST_CASES.of(bernoulli)(bernoulli_cases())
HOST_CASES.of(multinomial)(multinomial_cases())
