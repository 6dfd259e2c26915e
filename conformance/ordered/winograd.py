"""Convolutions by Winograd's transforms: pairs of points share their even and their odd parts, as kernels do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...jit_kernels.winograd_transforms import F, Winograd, real
from ...refimpl.conv import conv2d
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, dense


def _line(row: Sequence[Any], x: Sequence[F32]) -> F32:
    """Return the sum of row[i] x[i], from the first to the last."""
    parts = [np.float32(float(c)) * v for c, v in zip(row, x, strict=True) if c]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _into(f: Winograd, x: Sequence[F32]) -> list[F32]:
    """Return B' x of t arrays."""
    out = [_line(f.bt[0], x)]
    for k in range(1, f.t - 1, 2):
        even = _line(f.bt[k][::2], x[::2])
        odd = _line(f.bt[k][1::2], x[1::2])
        out += [even + odd, even - odd]
    return [*out, _line(f.bt[-1], x)]


def _out_of(f: Winograd, x: Sequence[F32]) -> list[F32]:
    """Return A' x of t arrays."""
    sums = [x[k] + x[k + 1] for k in range(1, f.t - 1, 2)]
    differences = [x[k] - x[k + 1] for k in range(1, f.t - 1, 2)]
    out = []
    for i, row in enumerate(f.at):
        each = [x[0], *(differences if i % 2 else sums), x[-1]]
        out.append(_line([row[0], *row[1:-1:2], row[-1]], each))
    return out


def _both(pass_of: Callable[..., list[F32]], f: Winograd, x: F32) -> F32:
    """Apply a pass along both last axes."""
    x = np.stack(pass_of(f, list(np.moveaxis(x, -1, 0))), -1)
    return np.stack(pass_of(f, list(np.moveaxis(x, -2, 0))), -2)


def _draw(m: int) -> Callable[..., Drawn]:
    f = F[m]

    def of_patches(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
        """Patches side by side, sums over as many channels as there are terms, four filters and a bias.

        What overflows on the way is computed again as plain sums (ADR 0008).
        """
        across, depth = rows // (4 * m * m) + 1, min(terms, 64)
        x, w, b = (
            draw(rng, 1, m + 2, across * m + 2, depth),
            draw(rng, 4, 3, 3, depth),
            draw(rng, 4),
        )

        def plain(add: InOrder) -> F32:
            places = sliding_window_view(x[0], (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
            each = np.ascontiguousarray(places).reshape(-1, 9 * depth)
            return dense(add, each, w.reshape(4, -1)).reshape(1, m, across * m, 4)

        def compute(add: InOrder) -> F32:
            patches = sliding_window_view(x[0], (f.t, f.t), axis=(0, 1))[0, ::m]
            inputs = _both(_into, f, np.ascontiguousarray(patches))  # (across, channels, t, t)
            g = real(f.g)
            weights = np.einsum("ip,opqc,jq->ijoc", g, w.astype(np.float64), g, optimize=True)
            products = np.zeros((across, 4, f.t, f.t), np.float32)
            for i, j in np.ndindex(f.t, f.t):
                of = np.ascontiguousarray(inputs[:, :, i, j]), weights[i, j].astype(np.float32)
                products[:, :, i, j] = dense(add, *of)
            y = _both(_out_of, f, products)  # (across, filters, m, m)
            y = y.transpose(2, 0, 3, 1).reshape(1, m, across * m, 4)
            if not np.isfinite(y).all():
                y = np.where(np.isfinite(y), y, plain(add))
            return y + b

        return Drawn(Case(conv2d, (x, w, b)), compute, f"winograd{m}")

    return of_patches


for _m in F:
    ORDERED.of((conv2d, f"winograd{_m}"))(_draw(_m))
