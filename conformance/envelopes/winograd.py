"""How far a convolution by Winograd's F(m x m, 3 x 3) may be off: through the absolute values of its matrices.

docs/arithmetic/winograd.md derives it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...jit_kernels.winograd_transforms import F, Winograd, real
from .matmul import TINY, gamma, magnitude, with_bias

F64 = NDArray[np.float64]
Pad = tuple[int, int, int, int]

TRANSFORMS = {f"winograd{m}": f for m, f in F.items()}


def roundings(f: Winograd, channels: int) -> int:
    """Return how many roundings a term passes through on its way from x and w to y, and the one of the expected value.

    One of the weight, two passes over the input, products and sums over the channels, two passes over the products,
    bias and residual.
    """
    before, after = f.depths
    return 1 + 2 * before + (channels + 1) + 2 * after + 2 + 1


def absolute_sums(
    x: F64, w: F64, pad: Pad, f: Winograd, floor: tuple[float, float, float, float] = (0, 0, 0, 0)
) -> F64:
    """Return |A'| [sum over channels of (|G| |w| |G'|) . (|B'| |x| |B|)] |A| for |x| and |w|.

    `floor` is added to each transformed weight, each transformed input, each sum of products and each output.
    """
    at, bt, g = (np.abs(real(matrix)) for matrix in (f.at, f.bt, f.g))
    (n, height, width, _), filters = x.shape, w.shape[0]
    rows, columns = height + pad[0] + pad[1] - 2, width + pad[2] + pad[3] - 2
    down, across = -(-rows // f.m), -(-columns // f.m)
    room = np.zeros((n, down * f.m + 2, across * f.m + 2, x.shape[3]))
    room[:, pad[0] : pad[0] + height, pad[2] : pad[2] + width] = x
    patches = np.lib.stride_tricks.sliding_window_view(room, (f.t, f.t), axis=(1, 2))
    patches = patches[:, :: f.m, :: f.m]  # (n, down, across, channels, t, t)
    inputs = bt @ patches @ bt.T + floor[1]
    weights = np.einsum("ip,opqc,jq->ijco", g, w, g) + floor[0]
    products = np.einsum("nyxcij,ijco->nyxoij", inputs, weights, optimize=True) + floor[2]
    outputs = at @ products @ at.T + floor[3]
    y = outputs.transpose(0, 1, 4, 2, 5, 3).reshape(n, down * f.m, across * f.m, filters)
    return y[:, :rows, :columns]


def winograd_bound(x: Array, w: Array, b: Array | None, pad: Pad, algorithm: str) -> F64:
    """Return the largest error of an output none of whose intermediate results overflows."""
    f = TRANSFORMS[algorithm]
    x, w = magnitude(x), magnitude(w)
    absolute = absolute_sums(x, w, pad, f)
    # Where results are subnormal, an operation adds half of the least float32 whatever its size.
    channels, (before, after) = x.shape[3], f.depths
    spread_in, spread_out = (np.abs(real(matrix)).sum(axis=1).max() for matrix in (f.bt, f.at))
    floor = (1.0, before * (1 + spread_in), channels + 1.0, after * (1 + spread_out) + 2)
    raised = absolute_sums(x, w, pad, f, tuple(TINY * v for v in floor))  # type: ignore[arg-type]
    n = gamma(roundings(f, channels))
    return n * with_bias(raised, b) + (raised - absolute)
