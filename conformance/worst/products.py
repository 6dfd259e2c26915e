"""Sums of products: matrices, convolutions, named axes, and layers whose functions do nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ...refimpl.conv_nd import conv, conv_transpose
from ...refimpl.einsum import einsum
from ...refimpl.fused import fused
from ...refimpl.matmul import fully_connected, matmul
from ...refimpl.recurrent import lstm, svdf
from ...refimpl.region import roi_align
from ...refimpl.resample import all_taps, resize
from ...refimpl.rnn import gru, lstm_layer, rnn
from ...refimpl.signal import dft
from ..case import Case
from ..envelopes.matmul import UNIT
from ..ordered.drawn import F32, Drawn, total
from ..ordered.fused import body
from ..orders import InOrder
from ..tables import WORST
from .terms import factors, lost, rows

LARGE = np.float32(2.0**30)  # beside which what functions may be off by is nothing


def _one(op: Op[..., Any], case_of: Callable[[F32, F32], Case]) -> None:
    """Enter an operator that gives a single sum of products, of the case made of both factors."""

    def make(k: int) -> Drawn:
        x, w = factors(k)
        case = case_of(x, w)
        shape = case.out[0].shape
        return Drawn(case, lambda add: add(x[None], w[None]).reshape(shape))

    WORST.of(op)(make)


PLACE = np.array([1, 1, 1, 1], np.int32)
_one(fully_connected, lambda x, w: Case(fully_connected, (x[None], w[None])))
_one(matmul, lambda x, w: Case(matmul, (x[None], w[:, None])))
_one(einsum, lambda x, w: Case(einsum, (x, w), {"equation": "i,i->"}))
_one(conv2d, lambda x, w: Case(conv2d, (x[None, None, None], w[None, None, None])))
_one(
    depthwise_conv2d,
    lambda x, w: Case(depthwise_conv2d, (x[None, None, :, None], w[None, None, :, None])),
)
_one(
    conv2d_transpose,
    lambda x, w: Case(conv2d_transpose, (x[None, None, None], w[None, None, None], PLACE)),
)
_one(conv, lambda x, w: Case(conv, (x[None, :, None], w[None, :, None])))
_one(conv_transpose, lambda x, w: Case(conv_transpose, (x[None, None], w[None, None], PLACE[:3])))


@WORST.of(fused)
def of_fused(k: int) -> Drawn:
    """A chain whose factor is 1, and whose summands are lost as well."""
    x, w = (v[None] for v in factors(k))
    one = np.ones(1, np.float32)
    less = one * np.float32(UNIT)
    args = (x, w, less, one, less, less[None])

    def compute(add: InOrder) -> F32:
        return (add(x, w)[None] + less) * one + less + less

    return Drawn(Case(fused, args, {"body": body(x, w, less)}), compute)


@WORST.of(svdf)
def of_svdf(k: int) -> Drawn:
    """The newest number of the only filter, of which the result is half."""
    x, w = (v[None] for v in factors(k))
    half, state = np.full((1, 1), 0.5, np.float32), np.zeros((1, 1), np.float32)

    def compute(add: InOrder) -> tuple[F32, ...]:
        return add(x, w)[None] * half, add(x, w)[None]

    return Drawn(Case(svdf, (x, w, half, state), {"rank": 1}), compute)


def _layer(k: int, gates: int) -> tuple[F32, F32, F32, F32, F32]:
    """Return a frame, and of equal gates the weights, biases and a state of 1: all terms but one are lost."""
    x, w = factors(1) if k == 1 else (lost(k), np.ones(k, np.float32))
    less = np.full((gates, 1), UNIT, np.float32)
    return (
        x[None, None],
        np.tile(w, (gates, 1)),
        less,
        np.tile(less[:, 0], 2),
        np.ones((1, 1), "f4"),
    )


def _gate(add: InOrder, x: F32, w: F32, *rest: F32) -> F32:
    """Return the sum of the products of a frame, and of what else there is: (1, 1)."""
    whole = np.concatenate([w[0], *(np.ravel(v) for v in rest)])[None]
    return add(np.concatenate([x[0], np.ones((1, whole.shape[1] - x.shape[2]), "f4")], 1), whole)[
        None
    ]


@WORST.of(rnn)
def of_rnn(k: int) -> Drawn:
    """A layer of one cell."""
    x, w, r, b, h = _layer(k, 1)
    w, r, b = w * LARGE, r * LARGE, b * LARGE

    def compute(add: InOrder) -> tuple[F32, ...]:
        y = _gate(add, x, w, r, b)
        return y[None], y

    args = (x, w, r, b, None, h)
    return Drawn(Case(rnn, args, {"functions": ("relu",)}), compute)


@WORST.of(gru)
def of_gru(k: int) -> Drawn:
    """The candidate, whose function does nothing, replaces the state."""
    x, w, r, b, h = _layer(k, 3)
    w[:2], r[:2], b[[0, 1, 3, 4]] = 0, 0, 0
    w, r, b = w * LARGE, r * LARGE, b * LARGE
    b[1] = 1

    def compute(add: InOrder) -> tuple[F32, ...]:
        y = _gate(add, x, w[2:], r[2], b[[2, 5]])
        return y[None], y

    args = (x, w, r, b, None, h)
    return Drawn(Case(gru, args, {"functions": ("relu", "relu")}), compute)


@WORST.of(lstm_layer)
def of_lstm_layer(k: int) -> Drawn:
    """Three gates whose functions do nothing, each of which loses; nothing is kept."""
    x, w, r, b, h = _layer(k, 4)
    w[2], r[2], b[[2, 6]] = 0, 0, 0
    w, r, b = w * LARGE, r * LARGE, b * LARGE

    def compute(add: InOrder) -> tuple[F32, ...]:
        z = _gate(add, x, w, r[0], b[[0, 4]])
        c = z * z
        return (z * c)[None], z * c, c

    args = (x, w, r, b, None, h)
    return Drawn(Case(lstm_layer, args, {"functions": ("relu",) * 3}), compute)


@WORST.of(lstm)
def of_lstm(k: int) -> Drawn:
    """Gates far open, or shut, and an activation that does nothing."""
    x, w, r, b, h = _layer(k, 1)
    w, r, b = w * LARGE, r * LARGE, b[:1] * LARGE
    zeros, none, shut = np.zeros((1, k), np.float32), h * 0, np.full(1, -200, np.float32)
    args = (x, zeros, w, zeros, none, r, none, shut, b, -shut, h, none, zeros, none, -shut)

    def compute(add: InOrder) -> tuple[F32, ...]:
        c = _gate(add, x, w, r, b)
        return c[None], c, c

    return Drawn(Case(lstm, args, {"activation": "relu"}), compute)


@WORST.of(dft)
def of_dft(k: int) -> Drawn:
    """The first element of the transform is the plain sum; the others lie below it and are not asked for."""
    x = rows(lost(k))
    whole = np.fft.fft(x)

    def compute(add: InOrder) -> F32:
        y = np.stack([whole.real, whole.imag], -1)
        y[:, 0, 0] = total(add, x)[:, 0]
        return y

    return Drawn(Case(dft, (x[..., None],)), compute)


@WORST.of(roi_align)
def of_roi_align(k: int) -> Drawn:
    """Samples apart from each other, of four elements each, as many as there are terms for: a square."""
    side = max(math.isqrt(k // 4), 1)
    x = np.full((1, 2 * side, 2 * side, 1), UNIT, np.float32)
    x[0, 0, 0] = 1
    region = np.array([[0, 0, 2 * side, 2 * side]], np.float32)
    options = {"sampling": side, "half_pixel": True}
    quarters = np.full((1, x.size), 0.25, np.float32)

    def compute(add: InOrder) -> F32:
        return add(x.reshape(1, -1), quarters).reshape(1, 1, 1, 1) / np.float32(side * side)

    return Drawn(Case(roi_align, (x, region, np.zeros(1, np.int64)), options), compute)


@WORST.of(resize)
def of_resize(k: int) -> Drawn:
    """All elements of a row make one, weighed by a triangle; what each weighs is lost."""
    options: dict[str, Any] = {"mode": "linear", "antialias": True}
    every = {"transformation": "half_pixel", "rounding": "floor", "coefficient": 0.0}
    (taps,) = all_taps((k,), (1,), scale=(), roi=(), exclude_outside=False, **options, **every)
    weight = np.ones(k, np.float32)
    if taps is not None:
        used = taps.weight[0] != 0
        weight[taps.index[0][used]] = taps.weight[0][used]
    first = (np.arange(k) == 0) * 2.0**-22
    x = rows((lost(k) / weight * (1 - 2.0**-18 * (first == 0) + first)).astype(np.float32))
    case = Case(resize, (x, np.array([len(x), 1])), options)
    return Drawn(case, lambda add: add(x, np.tile(weight, (len(x), 1)))[:, None])
