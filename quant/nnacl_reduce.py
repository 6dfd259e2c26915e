"""Reductions of int8 tensors as nnacl computes them (reduce_int8.c): an axis at a time, rounding each time.

What goes from axis to axis is an int32 number of steps of the input. Results thus depend on the order of the axes,
in which they are given; an axis that is named again counts once. Sums and products beyond int32 are errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, Op, RunError, TensorType, UnsupportedError
from ..refimpl.reduce import mean, reduce_prod, reduce_sum_square, reduced_shape, sum
from .activation import centred, output_of, saturated
from .fixedpoint import INT32_MAX, INT32_MIN, quantize_multiplier, scale_rounding_twice
from .rule import INT8, Quantized

S64 = NDArray[np.int64]
KEY = "s8-nnacl"


def ordered_axes(rank: int, axes: Array) -> tuple[int, ...]:
    """Return the axes from the front, in the order in which they are first named.

    >>> ordered_axes(3, np.array([2, 0, -1]))
    (2, 0)
    """
    return tuple(dict.fromkeys(int(a) % rank for a in np.ravel(axes))) if rank else ()


@dataclass(frozen=True)
class Pass:
    """One axis: how elements are combined, and the real numbers by which the result is multiplied, one by one."""

    axis: int
    combine: str  # "sum", "squares" or "product"
    factors: tuple[float, ...]


def passes_of(
    op: Op[..., Any], shape: Sequence[int], axes: Sequence[int], x: Quantized, y: Quantized
) -> list[Pass]:
    """Return what is done axis by axis; the last one leads to the scale of the output.

    A mean takes 1 / count; a product sx**(count - 1); squares sx, and in the end sx sx / sy, all in float64.
    """
    sx, sy = float(x.scale), float(y.scale)
    if any(shape[a] == 0 for a in axes):
        raise UnsupportedError(f"{op.__name__}: nnacl has no result for nothing")
    if op is reduce_sum_square:
        *inner, last = axes
        return [*(Pass(a, "squares", (sx,)) for a in inner), Pass(last, "squares", (sx * sx / sy,))]
    found = list[Pass]()
    for a in axes:
        factors = {mean: (1 / shape[a],), reduce_prod: (math.pow(sx, shape[a] - 1),)}.get(op, ())
        found.append(Pass(a, "product" if op is reduce_prod else "sum", factors))
    end = found.pop()
    return [*found, Pass(end.axis, end.combine, (*end.factors, sx / sy))]


def _combined(values: S64, axis: int, how: str) -> S64:
    """Combine along an axis, and raise where a step of it leaves int32."""
    if how == "squares":
        values = values * values
    partial = np.cumprod(values, axis) if how == "product" else np.cumsum(values, axis)
    if how == "product":  # int64 itself may overflow
        size = np.cumprod(np.abs(values).astype(np.float64), axis)
        wrong = bool((size > 2.0**40).any())
    else:
        wrong = False
    for part in (values, partial):
        wrong |= bool(((part < INT32_MIN) | (part > INT32_MAX)).any())
    if wrong:
        raise RunError("a sum or a product exceeds 32 bits")
    return np.asarray(np.take(partial, [-1], axis))


def _reduction_nnacl(op: Op[..., Any]) -> Any:
    def rule(
        x: Quantized,
        axes: Quantized,
        *,
        out: tuple[TensorType, ...],
        keep_dims: bool,
        dialect: str = "nnacl",
    ) -> Array:
        """Combine axis by axis, multiplying in fixed point and rounding twice after each.

        Without axes the elements are rescaled, or their squares are. What exceeds int32 on the way is a `RunError`, a
        reduction of nothing unsupported. For a mean over the height and the width of four axes MindSpore Lite has
        a shorter way, which is not followed.
        """
        y, order = output_of(out[0]), ordered_axes(x.value.ndim, axes.value)
        values = centred(x).astype(np.int64)
        if not order:  # as an axis of size 1
            values, order = values[..., None], (values.ndim,)
        for each in passes_of(op, values.shape, order, x, y):
            values = _combined(values, each.axis, each.combine)
            for factor in each.factors:
                values = scale_rounding_twice(values, *quantize_multiplier(factor)).astype(np.int64)
        shape = reduced_shape(x.value.shape, tuple(a for a in order if a < x.value.ndim), keep_dims)
        return saturated((values + y.zero_point).reshape(shape), out[0])

    return rule


for _op in (mean, sum, reduce_prod, reduce_sum_square):
    INT8.of((_op, KEY))(_reduction_nnacl(_op))
