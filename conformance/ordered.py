"""Operators that add, computed in float32 in a given order: what their envelopes have to allow.

Each entry of `ORDERED` draws a case whose sums have some number of terms, and computes it: `add(a, b)` returns the sums
of the products of rows. Whatever else is computed is rounded after each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..ir import Op
from ..refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ..refimpl.matmul import fully_connected, matmul
from ..refimpl.norm import LEAST_NORM, l2_normalization, layer_norm, rms_norm
from ..refimpl.pool import avg_pool2d
from ..refimpl.reduce import mean, reduce_sum_abs, reduce_sum_square, sum
from ..refimpl.softmax import log_softmax, softmax
from .case import Case

F32 = NDArray[np.float32]
Rng = np.random.Generator
Add = Callable[[F32, F32], F32]
Computed = tuple[Case, Callable[[Add], F32]]
Draw = Callable[[Rng, int, int, Callable[..., F32]], Computed]  # (rng, rows, terms, numbers)

ORDERED: dict[str, list[Draw]] = {}  # by family


def ordered(family: str) -> Callable[[Draw], Draw]:
    """Enter a draw."""

    def enter(draw: Draw) -> Draw:
        ORDERED.setdefault(family, []).append(draw)
        return draw

    return enter


def numbers(rng: Rng, *shape: int) -> F32:
    """Draw numbers: of one sign, of both, or of many sizes."""
    kind = rng.integers(3)
    x = rng.uniform(0 if kind == 0 else -1, 1, shape)
    if kind == 2:
        x = np.ldexp(x, rng.integers(-12, 13, shape))
    return np.asarray(x, np.float32)


def halves(rng: Rng, *shape: int) -> F32:
    """Draw halves, as float32 numbers."""
    return numbers(rng, *shape).astype(np.float16).astype(np.float32)


def pairs(a: F32, b: F32) -> tuple[F32, F32]:
    """Return each row of `a` beside each of `b`."""
    return np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))


@ordered("matmul")
def of_fully_connected(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """Rows by eight outputs, and the bias last."""
    x, w, b = draw(rng, rows // 8 + 1, terms), draw(rng, 8, terms), draw(rng, 8)

    def compute(add: Add) -> F32:
        return add(*pairs(x, w)).reshape(-1, 8) + b

    return Case(fully_connected, (x, w, b)), compute


@ordered("matmul")
def of_matmul(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """A matrix by one of eight columns."""
    x, y = draw(rng, rows // 8 + 1, terms), draw(rng, terms, 8)
    return Case(matmul, (x, y)), lambda add: add(*pairs(x, y.T)).reshape(-1, 8)


@ordered("conv")
def of_conv2d(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """Windows of three places and as many channels as make the terms."""
    channels = -(-terms // 3)
    x = draw(rng, 1, 1, rows // 4 + 3, channels)
    w, b = draw(rng, 4, 1, 3, channels), draw(rng, 4)
    windows = sliding_window_view(x[0, 0], 3, axis=0).swapaxes(1, 2).reshape(-1, 3 * channels)

    def compute(add: Add) -> F32:
        return (add(*pairs(windows, w.reshape(4, -1))).reshape(1, 1, -1, 4)) + b

    return Case(conv2d, (x, w, b)), compute


@ordered("conv")
def of_depthwise(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """A window of all the terms over each of four channels."""
    x, w = draw(rng, 1, 1, rows // 4 + terms, 4), draw(rng, 1, 1, terms, 4)
    windows = sliding_window_view(x[0, 0], terms, axis=0)  # (windows, channels, terms)

    def compute(add: Add) -> F32:
        filters = np.broadcast_to(w[0, 0].T, windows.shape)
        rows_of = (np.ascontiguousarray(v).reshape(-1, terms) for v in (windows, filters))
        return add(*rows_of).reshape(1, 1, -1, 4)

    return Case(depthwise_conv2d, (x, w)), compute


@ordered("conv")
def of_transposed(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """Filters of one place: each output is a sum over the channels."""
    x, w = draw(rng, 1, 1, rows // 4 + 1, terms), draw(rng, 4, 1, 1, terms)
    shape = np.array([1, 1, x.shape[2], 4], np.int32)

    def compute(add: Add) -> F32:
        return add(*pairs(x[0, 0], w[:, 0, 0])).reshape(1, 1, -1, 4)

    return Case(conv2d_transpose, (x, w, shape)), compute


def _reduction(op: Op[..., Any], left: Callable[[F32], F32], right: Callable[[F32], F32]) -> Draw:
    def draw_it(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
        x = draw(rng, rows, terms)
        count = np.float32(terms if op is mean else 1)
        return Case(op, (x, np.array([1], np.int32))), lambda add: add(left(x), right(x)) / count

    return draw_it


ORDERED["reduce"] = [
    _reduction(sum, lambda x: x, np.ones_like),
    _reduction(mean, lambda x: x, np.ones_like),
    _reduction(reduce_sum_abs, np.abs, np.ones_like),
    _reduction(reduce_sum_square, lambda x: x, lambda x: x),
]


@ordered("pool")
def of_average(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """A window of all the terms over each of four channels, times the reciprocal of their number."""
    x = draw(rng, 1, 1, rows // 4 + terms, 4)
    windows = np.ascontiguousarray(sliding_window_view(x[0, 0], terms, axis=0)).reshape(-1, terms)
    by = np.float32(1) / np.float32(terms)
    case = Case(avg_pool2d, (x,), {"kernel": (1, terms), "stride": (1, 1)})
    return case, lambda add: (add(windows, np.ones_like(windows)) * by).reshape(1, 1, -1, 4)


@ordered("norm")
def of_l2(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """The root of a sum of squares divides."""
    x = draw(rng, rows // terms + 1, terms)

    def compute(add: Add) -> F32:
        length = np.maximum(np.sqrt(add(x, x)), np.float32(LEAST_NORM))
        return np.asarray(x / length[:, None], np.float32)

    return Case(l2_normalization, (x,)), compute


@ordered("norm")
def of_layer(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """Two sums: the mean, and the squares of what differs from it."""
    x, scale, bias = draw(rng, rows // terms + 1, terms), draw(rng, terms), draw(rng, terms)
    count, least = np.float32(terms), np.float32(1e-3)

    def compute(add: Add) -> F32:
        d = x - (add(x, np.ones_like(x)) / count)[:, None]
        deviation = np.sqrt(add(d, d) / count + least)
        return d / deviation[:, None] * scale + bias

    return Case(layer_norm, (x, scale, bias), {"epsilon": 1e-3}), compute


@ordered("norm")
def of_rms(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """The root of a mean of squares divides."""
    x, scale = draw(rng, rows // terms + 1, terms), draw(rng, terms)
    count, least = np.float32(terms), np.float32(1e-3)

    def compute(add: Add) -> F32:
        return x / np.sqrt(add(x, x) / count + least)[:, None] * scale

    return Case(rms_norm, (x, scale), {"epsilon": 1e-3}), compute


@ordered("softmax")
def of_softmax(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """Powers that are rounded once, and their sum."""
    x = draw(rng, rows // terms + 1, terms)

    def compute(add: Add) -> F32:
        powers = np.exp((x - x.max(1, keepdims=True)).astype(np.float64)).astype(np.float32)
        return powers * (np.float32(1) / add(powers, np.ones_like(powers)))[:, None]

    return Case(softmax, (x,)), compute


@ordered("softmax")
def of_log_softmax(rng: Rng, rows: int, terms: int, draw: Callable[..., F32]) -> Computed:
    """Differences from the logarithm of the sum of powers."""
    x = draw(rng, rows // terms + 1, terms)

    def compute(add: Add) -> F32:
        d = x - x.max(1, keepdims=True)
        powers = np.exp(d.astype(np.float64)).astype(np.float32)
        return (
            d
            - np.log(add(powers, np.ones_like(powers)).astype(np.float64)).astype(np.float32)[
                :, None
            ]
        )

    return Case(log_softmax, (x,)), compute
