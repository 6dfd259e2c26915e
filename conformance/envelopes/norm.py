"""How far float32 normalisations may be off. u = 2**-24 is the unit roundoff, gamma(n) = n u / (1 - n u)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.norm import (
    LEAST_NORM,
    l2_normalization,
    layer_norm,
    local_response_normalization,
    neighbours,
    rms_norm,
)
from ..tables import ENVELOPE
from .reduce import LARGEST, SUBNORMAL, U, gamma

F64 = NDArray[np.float64]

# A float32 power is taken to be right to this many units in the last place, of 2 u each.
POWER_ULPS = 4


@ENVELOPE.of(l2_normalization)
def l2_normalization_envelope(x: Array, *, activation: str = "none") -> F64:
    """Allow gamma(n + 5) |y|, and one subnormal.

    The sum of n squares is off by gamma(n), which the root halves; the root, a reciprocal and a product (or a division)
    round, and so does the reference. Squares that underflow change a sum of at least 10**-12 by less than
    u; a length below the least one does not matter. Clamping does not magnify.
    """
    wide = np.abs(x.astype(np.float64))
    energy = np.sum(wide * wide, axis=-1, keepdims=True)
    length = np.maximum(np.sqrt(energy), LEAST_NORM)
    bound = gamma(x.shape[-1] + 5) * wide / length + SUBNORMAL
    return np.where(energy * (1 + gamma(x.shape[-1])) > LARGEST, np.inf, bound)


@ENVELOPE.of(local_response_normalization)
def local_response_normalization_envelope(
    x: Array,
    *,
    radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    after: int = -1,
) -> F64:
    """Allow |y| (exp(beta log(1 / (1 - d))) - 1 + 10 u), and one subnormal; four times |x| where the power is one.

    The sum of w squares, times alpha, plus the bias is off by d = gamma(w + 2) (|bias| + |alpha| sum) relative to
    itself; a power of -beta turns 1 - d into its (-beta)th power. The power's own error is 4 units in the last
    place; a product and the reference round. Where the power overflows, whatever the product, anything is right.
    """
    wide = x.astype(np.float64)
    bias, alpha, beta = (float(np.float32(v)) for v in (bias, alpha, beta))
    energy = np.zeros_like(wide)
    channels = x.shape[-1]
    for c in range(channels):
        first, last = neighbours(c, radius, after, channels)
        energy[..., c] = np.sum(wide[..., first:last] ** 2, axis=-1)
    base = bias + alpha * energy
    terms = min(radius + max(radius, after + 1), channels) + 2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        off = gamma(terms) * (abs(bias) + abs(alpha) * energy) / base
        relative = np.expm1(-abs(beta) * np.log1p(-off)) + (2 * POWER_ULPS + 2) * U
        factor = base**-beta
        bound = np.abs(wide) * factor * relative + SUBNORMAL * (1 + POWER_ULPS * np.abs(wide))
    safe = (base > 0) & (off < 0.5) & (energy * max(1.0, alpha) < LARGEST / 2) & np.isfinite(bound)
    safe &= factor * (1 + relative) < LARGEST
    return np.where(safe, bound, np.inf)


@ENVELOPE.of(layer_norm)
def layer_norm_envelope(
    x: Array, scale: Array, bias: Array | None = None, *, axis: int = -1, epsilon: float = 1e-5
) -> F64:
    """Follow the errors of N elements through mean, differences, variance and quotient.

    The mean is off by e = gamma(N + 1) mean|x|, so each difference d by f = e + u (|d| + e). The mean of the squares of
    what is |d| + f at most is off by the difference to v, and by gamma(N + 3) of itself. With r that error relative
    to v + epsilon, the quotient's is (|d| + f) / (1 - r)^(1/2) - |d|, over the deviation; six roundings are those of
    the root, the quotient, the product, the sum, and of constants. Where squares overflow, or r reaches 1, anything is
    right.
    """
    wide, axes = x.astype(np.float64), tuple(range(axis % x.ndim, x.ndim))
    size = np.abs(np.asarray(scale, np.float64))
    shift = np.zeros(1) if bias is None else np.abs(np.asarray(bias, np.float64))
    return normalized_bound(wide, axes, size, shift, epsilon)


def normalized_bound(
    wide: F64, axes: tuple[int, ...], size: F64, shift: F64, epsilon: float
) -> F64:
    """Return that bound for rows along `axes`, scaled by what has the magnitude `size` and shifted by `shift`."""
    n = int(np.prod([wide.shape[a] for a in axes]))

    def average(a: F64) -> F64:
        return np.asarray(a.mean(axes, keepdims=True))

    with np.errstate(all="ignore"):
        d = np.abs(wide - average(wide))
        e = gamma(n + 1) * average(np.abs(wide)) + n * SUBNORMAL
        f = e + U * (d + e)
        variance, most = average(d**2), average((d + f) ** 2)
        total = variance + float(np.float32(epsilon))
        r = (most - variance + gamma(n + 3) * (most + total) + n * SUBNORMAL) / total
        quotient = d / np.sqrt(total)
        off = ((d + f) / np.sqrt(total * (1 - r)) - quotient) * size
        bound = off + gamma(6) * ((quotient * size + off) + shift) + SUBNORMAL * (1 + size)
    safe = (r < 1) & (n * most < LARGEST / 2) & np.isfinite(bound)
    return np.where(safe | ~np.isfinite(average(wide)), np.nan_to_num(bound), np.inf)


@ENVELOPE.of(rms_norm)
def rms_norm_envelope(x: Array, scale: Array, *, axis: int = -1, epsilon: float = 1e-5) -> F64:
    """Allow (gamma(N + 7) + d) |y| and some subnormals.

    The sum of N squares, their mean and the sum with epsilon are off by gamma(N + 3), which the root halves; the root,
    a quotient, two products and the reference round. Squares that underflow change the mean by one subnormal at most,
    which is d relative to mean + epsilon. Where squares overflow, or d is large, anything is right.
    """
    wide, axes = x.astype(np.float64), tuple(range(axis % x.ndim, x.ndim))
    n = int(np.prod([x.shape[a] for a in axes]))
    square = np.asarray(np.mean(wide**2, axes, keepdims=True))
    total = square + float(np.float32(epsilon))
    y = np.abs(wide / np.sqrt(total) * scale)
    d = SUBNORMAL / total
    bound = (gamma(n + 7) + d) * y + SUBNORMAL * (1 + np.abs(scale))
    overflows = np.isfinite(square) & ((n * square > LARGEST / 2) | (d > 0.25) | (y > LARGEST / 2))
    return np.where(overflows, np.inf, np.nan_to_num(bound, posinf=0.0))
