"""Cases of quantization by tensors of scales."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FLOAT8, FORMATS, Array
from ...refimpl.affine import (
    INTEGERS,
    QUANTIZED,
    REALS,
    block_count,
    dequantize_linear,
    each_element,
    limits,
    quantize_linear,
)
from ...refimpl.cast import cast
from ..case import Case
from ..tables import CASES
from .cast import any_numbers
from .draw import FINITE, SPECIAL, floats, ints, seeds, shapes


@st.composite
def scale_shapes(draw: st.DrawFn, x: Array) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Attributes and the shape of scales: one, one a slice, or one a block."""
    axis = draw(st.integers(0, x.ndim - 1))
    kind = draw(st.sampled_from(("tensor", "slice", "block")))
    attributes: dict[str, Any] = {"axis": axis - x.ndim if draw(st.booleans()) else axis}
    if kind == "tensor":
        return {}, ()
    if kind == "slice":
        return attributes, (x.shape[axis],)
    block = draw(st.integers(1, x.shape[axis] + 1))
    count = block_count(x.shape, axis, block)
    return {**attributes, "block": block}, (*x.shape[:axis], count, *x.shape[axis + 1 :])


@st.composite
def some_scales(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """Float32 scales: positive ones of about one size, now and then a negative one."""
    rng = np.random.default_rng(draw(seeds()))
    size = np.float32(2.0 ** draw(st.integers(-6, 2)))
    found = (size * np.exp2(rng.uniform(-1, 1, shape))).astype(np.float32)
    return -found if draw(st.integers(0, 15)) == 1 else found


@st.composite
def zero_points(draw: st.DrawFn, to: str, shape: tuple[int, ...]) -> Array | None:
    """Zero points of a stored type: none, or some within it; float8 has only 0."""
    if draw(st.booleans()):
        return None
    if to in FLOAT8:
        return np.zeros(shape, FORMATS[to])
    low, high = (-4, 4) if to == "f4e2m1" else limits(to)
    whole = draw(ints("s32", shape, low=low, high=high))
    return cast(whole, to=to)


@st.composite
def quantize_linear_cases(draw: st.DrawFn, fmt: str) -> Case:
    """To every stored type; many quotients are halves, some beyond the ends, or no numbers."""
    to = draw(st.sampled_from(QUANTIZED))
    x = draw(floats(draw(shapes(min_dims=1)), kinds=(*FINITE, *SPECIAL)))
    attributes, shape = draw(scale_shapes(x))
    scale = draw(some_scales(shape))
    if draw(st.integers(0, 3)):
        span = 2 * (limits(to)[1] if to in INTEGERS else 100)
        each = each_element(scale, x.shape, attributes.get("axis", 1), attributes.get("block", 0))
        x = draw(ints("s32", x.shape, low=-span, high=span)) * each / np.float32(2)
    if fmt == "s32":
        x = draw(ints("s32", x.shape, low=-500, high=500))
    if fmt == "bf16":
        x, scale = (cast(v, to="bf16") for v in (x, scale))
    attributes |= {"to": to, "precision": draw(st.sampled_from(("f32", "f32", *REALS)))}
    if to in FLOAT8:
        attributes["saturate"] = draw(st.booleans())
    given = (np.asarray(x, FORMATS[fmt]), scale, draw(zero_points(to, shape)))
    return Case(quantize_linear, given, attributes)


@st.composite
def dequantize_linear_cases(draw: st.DrawFn, fmt: str) -> Case:
    """From every number of a stored type."""
    shape = draw(shapes(min_dims=1))
    x = draw(any_numbers(fmt, shape))
    attributes, of_scales = draw(scale_shapes(x))
    scale = draw(some_scales(of_scales))
    form = draw(st.sampled_from(("f32", "f32", "f16", "bf16", "f8e8m0")))
    attributes["to"] = draw(st.sampled_from(REALS))
    zero = draw(zero_points(fmt, of_scales)) if fmt != "s32" else None
    return Case(dequantize_linear, (x, cast(np.abs(scale), to=form), zero), attributes)


for _fmt in ("f32", "bf16", "s32"):
    CASES.of((quantize_linear, _fmt))(quantize_linear_cases(_fmt))
for _fmt in (*QUANTIZED, "s32"):
    CASES.of((dequantize_linear, _fmt))(dequantize_linear_cases(_fmt))
