"""Discrete Fourier transforms, and the tables that are used with them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..ir import FORMATS, Array, TensorType, op, require
from .axes import one_whole_number, resolve_axis

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

MOST_POINTS = 1 << 24
MOST_BANDS = 1 << 16


def transform_length(size: int, length: int, inverse: bool, onesided: bool) -> int:
    """Return the number of points of a transform of `size` elements; a `length` of 0 is the usual one.

    >>> [transform_length(5, 0, inverse, True) for inverse in (False, True)]
    [5, 8]
    """
    return length or (2 * (size - 1) if inverse and onesided else size)


def _infer_dft(
    x: TensorType,
    *,
    axis: int = -2,
    length: int = 0,
    inverse: bool = False,
    onesided: bool = False,
) -> TensorType:
    parts = len(x.shape) > 1 and x.shape[-1] in (1, 2)
    require("C1", parts, f"the last axis of {x.shape} has one part or two")
    at = resolve_axis("C2", axis, len(x.shape))
    require("C2", at < len(x.shape) - 1, f"axis {axis} holds the parts")
    points = transform_length(x.shape[at], length, inverse, onesided)
    require("C3", x.shape[at] > 0 and 0 < points <= MOST_POINTS, f"{points} points")
    real = inverse and onesided
    shape = [*x.shape[:-1], 1 if real else 2]
    shape[at] = points // 2 + 1 if onesided and not inverse else points
    return x.like(tuple(shape))


def dft_sums(x: F64, at: int, points: int, inverse: bool, onesided: bool) -> F64:
    """Return `dft` in float64, on axis `at` counted from the front."""
    z = x[..., 0] + (1j * x[..., 1] if x.shape[-1] == 2 else 0)
    if not inverse:
        y = np.fft.fft(z, points, at)
        if onesided:
            y = np.take(y, np.arange(points // 2 + 1), at)
        return np.stack([y.real, y.imag], -1)
    if onesided:
        return np.asarray(np.fft.irfft(z, points, at)[..., None])
    y = np.fft.ifft(z, points, at)
    return np.stack([y.real, y.imag], -1)


@op(infer=_infer_dft)
def dft(
    x: F32,
    *,
    axis: int = -2,
    length: int = 0,
    inverse: bool = False,
    onesided: bool = False,
) -> F32:
    r"""Transform along an axis: $y_k = \sum_j x_j\, e^{-2 \pi i jk / L}$, or its inverse, with + and divided by L.

    `x` is cut to L elements, or zeros are put behind it. `onesided` takes the first half of the result, L // 2 + 1
    elements; the inverse of that takes such a half, of which the imaginary parts of the first element and, for even L,
    of the one at L / 2 do not count, and gives real numbers. A line that holds something not finite becomes NaN.

    Inputs: `x` (..., parts), where the last axis holds the real part, or it and the imaginary one.
    Attributes: `axis`, not the last; `length` L (0: the size of the axis, or 2 (size - 1) where that is one half);
    `inverse`; `onesided`.
    Constraints: (C1) `x` has two axes at least, the last of one or two parts. (C2) The axis is another one. (C3) It is
    not empty, and L is from 1 to 2^24.

    >>> dft(np.float32([[1], [2], [3], [4]]), onesided=True).tolist()
    [[10.0, 0.0], [-2.0, 2.0], [-2.0, 0.0]]
    """
    at = axis % x.ndim
    points = transform_length(x.shape[at], length, inverse, onesided)
    used = points // 2 + 1 if inverse and onesided else points
    line = np.take(x, np.arange(min(used, x.shape[at])), at)
    finite = np.isfinite(line).all((at, -1), keepdims=True)
    with np.errstate(over="ignore"):
        y = dft_sums(np.where(finite, line, 0).astype(np.float64), at, points, inverse, onesided)
        return np.where(finite, y, np.nan).astype(x.dtype)


def _infer_cosine_window(
    size: TensorType, *, coefficients: tuple[float, ...] = (0.5, 0.5), periodic: bool = True
) -> TensorType:
    n = one_whole_number("C1", size)
    require("C1", 0 <= n <= MOST_POINTS, f"size {n}")
    require("C2", all(map(math.isfinite, coefficients)), f"coefficients {coefficients}")
    return size.like((n,), FORMATS["f32"])


@op(infer=_infer_cosine_window, dtypes=("s32", "s64"), static=("size",))
def cosine_window(
    size: Array, *, coefficients: tuple[float, ...] = (0.5, 0.5), periodic: bool = True
) -> F32:
    r"""Return a window made of cosines: $y_i = \sum_k (-1)^k c_k \cos(2 \pi k i / N)$.

    N is the size, or with both ends alike (not `periodic`) one less; a window of a single element is 1. Hann's has the
    coefficients 1/2, 1/2, Hamming's 25/46, 21/46, Blackman's 0.42, 0.5, 0.08.

    Inputs: `size` one whole number, s32 or s64.
    Attributes: `coefficients` c; `periodic`.
    Constraints: (C1) `size` is one number from 0 to 2^24. (C2) Coefficients are finite.

    >>> cosine_window(np.array(4)).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    n = one_whole_number("C1", size)
    if n == 1 and not periodic:
        return np.ones(1, np.float32)
    turn = np.arange(n) / max(n if periodic else n - 1, 1)
    y = np.zeros(n)
    for k, c in enumerate(coefficients):
        y += (-1) ** k * c * np.cos(2 * np.pi * (k * turn % 1))
    return y.astype(np.float32)


def mel_edges(bands: int, length: int, rate: float, low: float, high: float) -> list[int]:
    """Return the elements of the spectrum at which bands begin, peak and end: bands + 2 of them.

    They are evenly spaced in mel, 2595 log10(1 + f / 700), from `low` on, `high` being the one after the last.
    """
    first, last = (math.log1p(f / 700) for f in (low, high))
    step = (last - first) / (bands + 2)
    hertz = [low] + [700 * math.expm1(first + i * step) for i in range(1, bands + 2)]
    return [math.floor((length + 1) * f / rate) for f in hertz]


def _infer_mel_weight_matrix(
    bands: TensorType, length: TensorType, rate: TensorType, low: TensorType, high: TensorType
) -> TensorType:
    whole = [one_whole_number("C1", t) for t in (bands, length, rate)]
    limits = zip(whole, (MOST_BANDS, MOST_POINTS, MOST_POINTS), strict=True)
    require("C1", all(0 < n <= most for n, most in limits), f"bands, length, rate: {whole}")
    ends = [float(t.known().reshape(-1)[0]) if t.size == 1 else math.nan for t in (low, high)]
    require("C2", 0 <= ends[0] <= ends[1] < math.inf, f"from {ends[0]} to {ends[1]} Hz")
    inside = mel_edges(*whole, *ends)[-1] <= whole[1] // 2
    require("C3", inside, f"{ends[1]} Hz is beyond half of the rate {whole[2]}")
    return low.like((whole[1] // 2 + 1, whole[0]), FORMATS["f32"])


@op(
    infer=_infer_mel_weight_matrix,
    dtypes=("s32", "s64"),
    static=("bands", "length", "rate", "low", "high"),
)
def mel_weight_matrix(bands: Array, length: Array, rate: Array, low: Array, high: Array) -> F32:
    """Return the matrix that takes a spectrum to bands evenly spaced in mel, triangles which overlap by half.

    Band b rises from edge b to edge b + 1 and falls to edge b + 2; edges are elements of the spectrum, the highest not
    above their frequency times (length + 1) / rate (`mel_edges`). Where two edges meet there is no such side; a band
    that does not rise is 1 at its peak.

    Inputs: scalars: `bands`, `length` of the transform, `rate` of samples, s32 or s64; `low` and `high` in Hz, float32.
    Constraints: (C1) The whole numbers are from 1 to 2^24, bands to 2^16. (C2) 0 <= `low` <= `high`, which is finite.
    (C3) The last edge is inside of the spectrum, of length // 2 + 1 elements.

    >>> mel_weight_matrix(*np.array([2, 8, 1000]), *np.float32([0, 400])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    count, points, per_second = (one_whole_number("C1", v) for v in (bands, length, rate))
    edges = mel_edges(
        count, points, per_second, float(low.reshape(-1)[0]), float(high.reshape(-1)[0])
    )
    y = np.zeros((points // 2 + 1, count))
    for b in range(count):
        begin, peak, end = edges[b : b + 3]
        y[begin:peak, b] = (np.arange(begin, peak) - begin) / max(peak - begin, 1)
        y[peak:end, b] = (end - np.arange(peak, end)) / max(end - peak, 1)
        y[peak, b] = 1
    return y.astype(np.float32)
