"""How far sums of products over named axes, and determinants, of float32 may be off."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.einsum import det, einsum
from ..tables import ENVELOPE
from .reduce import LARGEST, SUBNORMAL, gamma

F64 = NDArray[np.float64]


@ENVELOPE.of(einsum)
def einsum_envelope(*xs: Array, equation: str = "...") -> F64:
    """Allow gamma(n + t) sum |products| for n products of t factors, in any order, and a subnormal for each.

    Factors may be joined in any order too: each product is rounded t - 1 times, the sum of n terms n - 1 times,
    whether partial sums are multiplied or products summed (Higham, 2002, section 3.1).
    """
    sizes = [np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64) for x in xs]
    total = np.asarray(einsum(*sizes, equation=equation))
    ones = [np.ones(x.shape) for x in xs]
    count = float(np.max(einsum(*ones, equation=equation), initial=0))
    most = math.prod(max(1.0, float(np.max(s, initial=0))) for s in sizes)
    bound = gamma(int(count) + len(xs)) * total + (count * most + 1) * SUBNORMAL
    return np.where(total + bound > LARGEST, np.inf, bound)


@ENVELOPE.of(det)
def det_envelope(x: Array) -> F64:
    """Allow what a backward error E of the elimination does, and n roundings of the product of the pivots.

    With multipliers of at most 1, |E| <= gamma(n) n 2^(n - 1) max |A| (Higham, 2002, theorem 9.3, section 9.3). Every
    term of det(A + E) - det(A) is a product with a factor of E, and is among those of prod_i r_i(|A| + E) - prod_i
    r_i(|A|), r_i being the sum of row i.
    """
    n = x.shape[-1]
    size = np.abs(x).astype(np.float64)
    largest = np.max(size, axis=(-2, -1), initial=0)
    error = gamma(n) * n * 2.0 ** max(n - 1, 0) * largest
    rows = size.sum(axis=-1)
    whole = np.prod(rows, axis=-1)
    moved = np.prod(rows + n * error[..., None], axis=-1)
    bound = (moved - whole) * (1 + gamma(n + 2)) + gamma(n + 2) * moved + n * SUBNORMAL
    return np.where(moved > LARGEST, np.inf, bound)
