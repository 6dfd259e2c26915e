"""Sums of products in half arithmetic, ARMv8.2's: every multiply-add rounds to half, so the order of them matters.

An error bound would be vacuous (a sum of 2048 terms may lose all digits), so such nodes are judged bit for bit: the
node's `dialect` names the order in which the products of a result are added, its kernels keep it, and the
reference follows. Other operators round once, as they do in float16 storage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Op
from .activation import activate
from .conv import Pad, Pair, conv2d, window_count
from .half import add, fma
from .matmul import fully_connected

F16 = NDArray[np.float16]


@dataclass(frozen=True)
class Order:
    """In which order the products of one result are added.

    Product t (of row-major places, channels innermost) goes to partial sum t mod `parts`, each a chain of
    `fma`. The first starts from the bias (or 0), the others from 0; at the end the others are added to the first, one
    after the other. One part is a vector of output channels; 8 are the lanes of a vector along the products.
    """

    parts: int = 1


# Dialects of nodes on float16 that compute in half.
ORDERS: dict[str, Order] = {"half": Order(), "half_lanes8": Order(8)}


def ordered_products(a: F16, b: F16, bias: F16 | None, order: Order) -> F16:
    """Return A B^T + bias for A (M, K) and B (N, K), in half, in that order."""
    sums = np.zeros((order.parts, len(a), len(b)), np.float16)
    if bias is not None:
        sums[0] = bias
    for t in range(a.shape[1]):
        part = sums[t % order.parts]
        x, w = np.broadcast_arrays(a[:, t, None], b[None, :, t])
        sums[t % order.parts] = fma(x, w, part)
    total: F16 = sums[0]
    for part in sums[1:]:
        total = add(total, part)
    return total


def native_fully_connected(
    x: F16, w: F16, b: F16 | None = None, *, activation: str, keep_dims: bool, order: Order
) -> F16:
    """`fully_connected` in half."""
    outputs, inputs = w.shape
    y = ordered_products(x.reshape(-1, inputs), w, b, order)
    shape = (*x.shape[:-1], outputs) if keep_dims else y.shape
    return np.asarray(activate(y.reshape(shape), activation))


def native_conv2d(
    x: F16,
    w: F16,
    b: F16 | None = None,
    *,
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    activation: str,
    order: Order,
) -> F16:
    """`conv2d` in half. Padding is zeros, which are multiplied like other elements."""
    o, p, q, d = w.shape
    n, h, wide, c = x.shape
    rows = window_count(h, p, stride[0], dilation[0], *pad[:2])
    columns = window_count(wide, q, stride[1], dilation[1], *pad[2:])
    padded = np.pad(x, ((0, 0), pad[:2], pad[2:], (0, 0)))
    i = stride[0] * np.arange(rows)[:, None, None, None] + dilation[0] * np.arange(p)[:, None]
    j = stride[1] * np.arange(columns)[:, None, None] + dilation[1] * np.arange(q)
    windows = padded[:, i, j]  # (n, rows, columns, p, q, c)
    groups = c // d
    y = np.empty((n * rows * columns, o), np.float16)
    for g in range(groups):
        a = windows[..., g * d : (g + 1) * d].reshape(len(y), -1)
        mine = slice(g * o // groups, (g + 1) * o // groups)
        bias = None if b is None else b[mine]
        y[:, mine] = ordered_products(a, w[mine].reshape(-1, p * q * d), bias, order)
    return np.asarray(activate(y.reshape(n, rows, columns, o), activation))


NATIVE: dict[Op[..., Any], Callable[..., F16]] = {
    conv2d: native_conv2d,
    fully_connected: native_fully_connected,
}


def is_native(op: Op[..., Any], form: str, dialect: str) -> bool:
    """Whether a node in this number format and dialect computes in half."""
    return form == "f16" and dialect in ORDERS and op in NATIVE
