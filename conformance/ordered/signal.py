"""Transforms by their definition and fast ones, and tables."""

from __future__ import annotations

import numpy as np

from ...refimpl.signal import cosine_window, dft, mel_edges, mel_weight_matrix
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, dense, library, total

POINTS = (1, 2, 4, 8, 16, 64, 256)
cos = library(np.cos)


def _turns(numerator: F32, points: int) -> tuple[F32, F32]:
    """Return cosine and sine of these parts of a turn, rounded."""
    angle = 2 * np.pi * (numerator % points) / points
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def _fast(x: F32, sign: int) -> F32:
    """Return the transform of lines (..., L, 2), L a power of two, by halves (Cooley and Tukey, 1965)."""
    points = x.shape[-2]
    if points == 1:
        return x
    even, odd = (_fast(x[..., k::2, :], sign) for k in (0, 1))
    c, s = _turns(np.arange(points // 2, dtype=np.float32), points)
    s = np.float32(sign) * s
    real, imaginary = odd[..., 0], odd[..., 1]
    turned = np.stack([real * c - imaginary * s, real * s + imaginary * c], -1)
    return np.concatenate([even + turned, even - turned], axis=-2)


def _by_definition(add: InOrder, x: F32, sign: int) -> F32:
    """Return sums of both parts of all points."""
    points = x.shape[1]
    c, s = _turns(np.outer(*[np.arange(points)] * 2).astype(np.float32), points)
    s = np.float32(sign) * s
    lines = np.concatenate([x[..., 0], x[..., 1]], axis=1)
    parts = (np.concatenate([c, -s], axis=1), np.concatenate([s, c], axis=1))
    return np.stack([dense(add, lines, p) for p in parts], -1)


@ORDERED.of((dft, "complex"))
def of_complex(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """There or back, of complex lines."""
    fast, inverse = rng.integers(2, size=2).astype(bool).tolist()
    points = int(rng.choice(POINTS)) if fast else min(terms, 64)
    x, sign = draw(rng, rows // (2 * points) + 1, points, 2), 1 if inverse else -1

    def compute(add: InOrder) -> F32:
        y = _fast(x, sign) if fast else _by_definition(add, x, sign)
        return y / np.float32(points) if inverse else y

    return Drawn(Case(dft, (x,), {"inverse": inverse}), compute)


@ORDERED.of((dft, "onesided"))
def of_onesided(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """From real lines to a half, or from that back, with the other half made of conjugates."""
    points = int(rng.choice(POINTS))
    inverse, fast = rng.integers(2, size=2).astype(bool).tolist()
    kept = points // 2 + 1
    n = rows // points + 1
    x = draw(rng, n, kept, 2) if inverse else draw(rng, n, points, 1)

    def compute(add: InOrder) -> F32:
        if inverse:
            whole = np.zeros((n, points, 2), np.float32)
            whole[:, :kept] = x[:, :points]
            whole[:, [0, points // 2], 1] = 0
            behind = np.arange(kept, points)
            whole[:, behind] = whole[:, points - behind] * np.array([1, -1], np.float32)
        else:
            whole = np.concatenate([x, np.zeros_like(x)], axis=2)
        sign = 1 if inverse else -1
        y = _fast(whole, sign) if fast else _by_definition(add, whole, sign)
        return y[..., :1] / np.float32(points) if inverse else y[:, :kept]

    attributes = {"inverse": inverse, "onesided": True, "length": points}
    return Drawn(Case(dft, (x,), attributes), compute)


@ORDERED.of((cosine_window, ""))
def of_window(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Arguments, cosines and products in float32."""
    n, periodic = int(rng.integers(2, rows)), bool(rng.integers(2))
    c = draw(rng, int(rng.integers(1, 5)))

    def compute(add: InOrder) -> F32:
        step = np.arange(n, dtype=np.float32) / np.float32(n if periodic else n - 1)
        parts = [v * cos(np.float32(2 * np.pi * k) * step) for k, v in enumerate(c)]
        signs = [(-1) ** k * part for k, part in enumerate(parts)]
        return total(add, np.stack(signs, -1).astype(np.float32))[:, 0]

    attributes = {"coefficients": tuple(map(float, c)), "periodic": periodic}
    return Drawn(Case(cosine_window, (np.array(n),), attributes), compute)


@ORDERED.of((mel_weight_matrix, ""))
def of_mel(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Quotients of whole numbers as float32."""
    bands, length, rate = int(rng.integers(1, 40)), int(rng.choice([64, 256, 400])), 16000
    low, high = np.sort(rng.integers(0, 7000, 2)).astype(np.float16).astype(np.float32)

    def compute(add: InOrder) -> F32:
        at = np.arange(length // 2 + 1, dtype=np.float32)
        edges = np.array(mel_edges(bands, length, rate, float(low), float(high)), np.float32)
        y = np.zeros((len(at), bands), np.float32)
        for b in range(bands):
            begin, peak, end = edges[b : b + 3]
            rises, falls = (begin <= at) & (at < peak), (peak <= at) & (at < end)
            y[rises, b] = (at[rises] - begin) / max(peak - begin, ONE)
            y[falls, b] = (end - at[falls]) / max(end - peak, ONE)
            y[int(peak), b] = 1
        return y

    whole = (np.array(v) for v in (bands, length, rate))
    return Drawn(Case(mel_weight_matrix, (*whole, np.array(low), np.array(high))), compute)
