"""Positions told to attention by turning vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require

F32 = NDArray[np.float32]


def _infer_rotary_embedding(
    x: TensorType, cos: TensorType, sin: TensorType, *, interleaved: bool = False
) -> TensorType:
    require("C1", len(x.shape) == 4, f"x has {len(x.shape)} axes, not 4")
    n, _, length, depth = x.shape
    given = len(cos.shape) == 3 and cos.shape[:2] == (n, length) and sin.shape == cos.shape
    require("C2", given and cos.dtype == sin.dtype == x.dtype, f"cos {cos}, sin {sin}, x {x}")
    require("C3", 2 * cos.shape[2] <= depth, f"{cos.shape[2]} pairs of {depth} elements")
    return x.like(x.shape)


def pairs_of(x: NDArray[np.float64], pairs: int, interleaved: bool) -> tuple[F32, F32]:
    """Return views of the first and the second element of each pair that is turned.

    >>> [a.tolist() for a in pairs_of(np.arange(5.0), 2, True)]
    [[0.0, 2.0], [1.0, 3.0]]
    """
    if interleaved:
        return x[..., 0 : 2 * pairs : 2], x[..., 1 : 2 * pairs : 2]  # type: ignore[return-value]
    return x[..., :pairs], x[..., pairs : 2 * pairs]  # type: ignore[return-value]


@op(infer=_infer_rotary_embedding)
def rotary_embedding(x: F32, cos: F32, sin: F32, *, interleaved: bool = False) -> F32:
    """Turn pairs of elements by angles that say their position: (a cos - b sin, a sin + b cos).

    Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021.

    Inputs: `x` (N, H, L, D); `cos` and `sin` (N, L, P), of the angles at each position.
    Attributes: `interleaved`: whether pairs are neighbours, 2p and 2p + 1, else p and P + p. What is behind the first
    2P elements stays as it is.
    Constraints: (C1) Four axes. (C2) Angles for each position, of the type of `x`. (C3) 2P is at most D.

    >>> one = np.ones((1, 1, 1), "f")
    >>> rotary_embedding(np.float32([[[[1, 2, 5]]]]), one * 0, one).tolist()
    [[[[-2.0, 1.0, 5.0]]]]
    """
    y, wide = x.astype(np.float64), x.astype(np.float64)
    c, s = (a.astype(np.float64)[:, None] for a in (cos, sin))
    (a, b), (to_a, to_b) = (pairs_of(v, cos.shape[2], interleaved) for v in (wide, y))
    with np.errstate(invalid="ignore", over="ignore"):
        to_a[...], to_b[...] = a * c - b * s, a * s + b * c
        return y.astype(x.dtype)
