"""How engines requantize: a table (dialect, operator, number format) -> multiplier derivation and rounding.

Engines agree on `real = sx * sw / sy` but not on the precision in which it is computed, nor on how an
accumulator is multiplied by it. The names below are those of the functions in `fixedpoint.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ir import Graph, Op, QuantParams, UnsupportedError
from .fixedpoint import (
    S32,
    quantize_multiplier,
    scale_by_real,
    scale_int64,
    scale_rounding_once,
    scale_rounding_twice,
)

F64 = NDArray[np.float64]

LARGEST = 2.0**30  # multipliers from here on shift every accumulator out of 32 bits
# rounding -> y = f(accumulator, multiplier, shift)
SCALE: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike], S32]] = {
    "twice": scale_rounding_twice,
    "once": scale_rounding_once,
    "int64": scale_int64,
}


@dataclass(frozen=True)
class Requantization:
    """How an accumulator becomes an output.

    Attributes:
        product: precision in which sx * sw is rounded before the division by sy: "f64" or "f32".
        rounding: "twice" (gemmlowp), "once" (halves up), "int64" (16-bit multiplier, halves up) use a
            fixed-point multiplier; "real" multiplies in float64 and rounds halves away from zero.
    """

    product: str = "f64"
    rounding: str = "twice"


FIXED = Requantization()
FIXED_F32 = Requantization(product="f32")
REAL = Requantization(rounding="real")

# TFLite's reference kernels, as LiteRT 2.3 runs them (BUILTIN_REF). Its int8 and uint8 fully connected kernels
# take no fixed-point multiplier; its other resolvers do. Operators are by name, so that no import is needed.
REQUANTIZATION: dict[tuple[str, str, str], Requantization] = {
    ("tflite", "conv2d", "s8"): FIXED,
    ("tflite", "conv2d", "u8"): FIXED_F32,
    ("tflite", "depthwise_conv2d", "s8"): FIXED,
    ("tflite", "depthwise_conv2d", "u8"): FIXED_F32,
    ("tflite", "conv2d_transpose", "s8"): FIXED,
    ("tflite", "conv2d_transpose", "u8"): FIXED_F32,
    ("tflite", "fully_connected", "s8"): REAL,
    ("tflite", "fully_connected", "u8"): REAL,
    # MindSpore Lite 1.1, on int8 alone: matmul_int8.c, fullconnection_int8.cc.
    ("nnacl", "fully_connected", "s8"): FIXED,
}


def requantization(op: Op[..., Any], number_format: str, dialect: str = "tflite") -> Requantization:
    """Look an operator up; one that is not in the table takes float64 multipliers and rounds twice."""
    return REQUANTIZATION.get((dialect, op.__name__, number_format), FIXED)


def in_dialect(graph: Graph, dialect: str) -> Graph:
    """Return the same network with all of its nodes meant in another dialect."""
    return replace(graph, nodes=tuple(replace(node, dialect=dialect) for node in graph.nodes))


def weight_scales(w: QuantParams, channels: int) -> NDArray[np.float32]:
    """Return the float32 scale of each output channel's weights."""
    if len(w.scale) not in (1, channels):
        raise UnsupportedError(f"weights have {len(w.scale)} scales for {channels} channels")
    return np.broadcast_to(np.array(w.scale, np.float32), (channels,))


def real_multipliers(
    x: QuantParams, w: QuantParams, y: QuantParams, channels: int, how: Requantization = FIXED
) -> F64:
    """Return sx * sw / sy for each output channel.

    >>> real_multipliers(QuantParams((0.5,)), QuantParams((0.5, 1.0)), QuantParams((2.0,)), 2).tolist()
    [0.125, 0.25]
    """
    sw = weight_scales(w, channels)
    sx, sy = np.float32(x.scale[0]), np.float64(np.float32(y.scale[0]))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        product = np.float64(sx) * sw.astype(np.float64) if how.product == "f64" else sx * sw
        real = product.astype(np.float64) / sy
    if not ((real >= 0) & (real < LARGEST)).all():
        raise UnsupportedError(
            f"scales {sx} of x, {w.scale} of w and {sy} of y: beyond fixed point"
        )
    return real


def conv_multipliers(
    x: QuantParams, w: QuantParams, y: QuantParams, channels: int, how: Requantization = FIXED
) -> tuple[S32, S32]:
    """Return the fixed-point (multipliers, shifts) of each output channel.

    >>> [v.tolist() for v in conv_multipliers(QuantParams((0.5,)), QuantParams((0.5,)), QuantParams((2.0,)), 1)]
    [[1073741824], [-2]]
    """
    return quantize_multiplier(real_multipliers(x, w, y, channels, how))


def requantize(
    acc: ArrayLike,
    multiplier: ArrayLike,
    shift: ArrayLike,
    zero_point: int,
    lo: int,
    hi: int,
    rounding: str = "twice",
) -> S32:
    """Scale accumulators in fixed point, move them to `zero_point`, clamp to [lo, hi].

    >>> requantize([10, 1000], 2**30, -1, 3, -128, 127).tolist()
    [6, 127]
    """
    scaled = SCALE[rounding](acc, multiplier, shift).astype(np.int64) + zero_point
    return np.clip(scaled, lo, hi).astype(np.int32)


def requantize_channels(
    acc: ArrayLike,
    quants: tuple[QuantParams, QuantParams, QuantParams],
    bounds: tuple[int, int],
    how: Requantization,
) -> S32:
    """Requantize accumulators (..., O) of a product of `x` and `w` to `y`, whose quantizations `quants` are.

    >>> one = QuantParams((1.0,))
    >>> requantize_channels([[3, -3]], (one, one, QuantParams((2.0,))), (-128, 127), REAL).tolist()
    [[2, -2]]
    """
    acc = np.asarray(acc)
    zero_point, channels = quants[2].zero_point[0], acc.shape[-1]
    if how.rounding == "real":
        scaled = scale_by_real(acc, real_multipliers(*quants, channels, how))
        return np.clip(scaled.astype(np.int64) + zero_point, *bounds).astype(np.int32)
    multiplier, shift = conv_multipliers(*quants, channels, how)
    return requantize(acc, multiplier, shift, zero_point, *bounds, how.rounding)
