"""Operators whose elements come from a rule instead of a tensor."""

from __future__ import annotations

import math

import numpy as np

from ..ir import ANY, FORMAT_OF, NUMBERS, Array, TensorType, is_float, op, require
from .axes import sizes_of, whole_numbers
from .cast import cast
from .narrow import widen
from .unary import same_type


def _infer_fill(dims: TensorType, value: TensorType) -> TensorType:
    require("C1", len(dims.shape) == 1, f"dims is a vector, got {dims.shape}")
    require("C2", value.shape == (), f"value is a scalar, got {value.shape}")
    return value.like(sizes_of("C3", whole_numbers(dims)))


@op(infer=_infer_fill, dtypes=ANY, moves=True, static=("dims",), format_input=1)
def fill(dims: Array, value: Array) -> Array:
    """Return a tensor of shape `dims` that holds `value` everywhere.

    Inputs: `dims` integers (R,); `value` a scalar of any type.
    Constraints: (C1) `dims` is a vector. (C2) `value` is a scalar. (C3) Sizes are not negative.

    >>> fill(np.array([2]), np.array(7)).tolist()
    [7, 7]
    """
    return np.full(whole_numbers(dims), value)


RANGED = (*NUMBERS, "s16", "f64", "bf16")


def _infer_range(start: TensorType, limit: TensorType, delta: TensorType) -> TensorType:
    scalars = start.shape == limit.shape == delta.shape == ()
    same = start.dtype == limit.dtype == delta.dtype
    require("C1", scalars and same, "start, limit and delta are scalars of one type")
    first, last, step = (widen(t.known()).item() for t in (start, limit, delta))
    require("C2", step != 0 and math.isfinite(first + last + step), f"delta {step}")
    require("C3", (last - first) * step >= 0, f"{first} to {last} by {step}")
    if is_float(start.dtype):
        # TFLite finds the size in float32 (range.cc)
        wide = np.float64 if start.format == "f64" else np.float32
        with np.errstate(over="ignore"):
            ratio = np.abs((wide(last) - wide(first)) / wide(step))
        require("C4", bool(ratio < 2**31), f"{ratio} elements")
        return start.like((math.ceil(ratio),))
    count = -(-abs(last - first) // abs(step))
    require("C4", count < 2**31, f"{count} elements")
    return start.like((count,))


@op(infer=_infer_range, dtypes=RANGED, static=("start", "limit", "delta"))
def range(start: Array, limit: Array, delta: Array) -> Array:
    """Return start, start + delta, start + 2 delta, ... up to `limit`, which is not reached.

    The number of elements is ceil(|limit - start| / |delta|), for floats computed in float32, and in float64
    for float64.

    Inputs: `start`, `limit`, `delta`: scalars of one type.
    Constraints: (C1) They are scalars of one type. (C2) `delta` is not 0, all are finite. (C3) Its sign is that of
    `limit` - `start`. (C4) There are fewer than 2^31 elements.

    >>> range(np.array(1), np.array(6), np.array(2)).tolist()
    [1, 3, 5]
    """
    count = _infer_range(*map(TensorType.of, (start, limit, delta))).shape[0]
    wide = np.float64 if is_float(start.dtype) else np.int64
    first, step = (widen(np.asarray(v)).astype(wide) for v in (start, delta))
    with np.errstate(over="ignore", invalid="ignore"):
        steps = _stepped if is_float(start.dtype) else _added
        y = cast(steps(first, step, count), to=FORMAT_OF[start.dtype])
    y[:1] = start  # to which nothing is added: -0 stays
    return y


def _added(first: Array, step: Array, count: int) -> Array:
    return first + step * np.arange(count)


def _stepped(first: Array, step: Array, count: int) -> Array:
    """Return first + i step in float64, as if it was rounded once: what each operation loses is added at the end.

    The step is cut in two, so that both products are exact for fewer than 2^26 elements.
    """
    i = np.arange(count, dtype=np.float64)
    upper = (step.reshape(1).view(np.int64) >> 27 << 27).view(np.float64)[0]
    high, low = upper * i, (step - upper) * i
    total, rest = _with_rest(first, high)
    total, more = _with_rest(total, low)
    return np.where(np.isfinite(total), total + (rest + more), total)


def _with_rest(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a + b, rounded, and what the rounding lost (Knuth's TwoSum)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@op(infer=same_type, dtypes=ANY, moves=True)
def zeros_like(x: Array) -> Array:
    """Return zeros of the shape and type of `x`; for stored integers the number 0, whatever it stands for.

    Inputs: `x` of any shape and type.

    >>> zeros_like(np.array([3, 4])).tolist()
    [0, 0]
    """
    return np.zeros_like(x)
