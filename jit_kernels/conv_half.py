"""Pointwise convolutions and fully connected layers whose tensors are halves; other convolutions: `storage`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..ir import Array
from ..refimpl.conv import conv2d
from ..refimpl.matmul import fully_connected
from .conv import divide, limits, rows_of_a_block
from .gemm import PANEL, pack, pad_columns
from .gemm_half import half_block, half_rows, spaced
from .kernel import F64, I64, OK, kernel
from .lowering import CPU, Lowering, Operand, Site, Step
from .native_half import NATIVE
from .storage import BY_FLOAT32

FEW = 4  # rows up to which the weights stay half: they are read once or little more


@kernel
def half_product(
    x: I64, w: I64, bias: I64, plus: I64, y: I64, scratch: I64, m: I64, k: I64, n: I64, block: I64,
    few: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(X W + bias + R): rows one after the other, R at `plus` like Y, or nowhere (0)."""
    start, stop, first, last = divide(m, (n + PANEL - 1) // PANEL, n < m, tid, threads)
    a = scratch + tid * (block * spaced(k) * 4 + 64)
    while start < stop and first < last:
        rest = stop - start
        rows = (rest + (rest + block - 1) // block - 1) // ((rest + block - 1) // block)
        at, source = start * n * 2, x + start * k * 2
        r = plus + at if plus else 0
        if few:
            half_rows(source, rows, a, w, k, n, first, last, bias, r, y + at, n, low, high)
        else:
            half_block(source, rows, a, w, k, n, first, last, bias, r, y + at, n, low, high)
        start += rows
    return OK


def _packed(w: Array, few: bool) -> Array:
    """Pack weights (N, ...), as halves for few rows."""
    w = w.reshape(len(w), -1)
    return pack(w.T) if few else pack(w.T.astype(np.float32))


def _product(site: Site, w: Array, m: int) -> list[Step]:
    """Return the step of a product with known weights (N, ...)."""
    x, y, b = site.inputs[0], site.outputs[0], site.inputs[2] if len(site.inputs) > 2 else None
    n, k = len(w), w.size // max(len(w), 1)
    few = m <= FEW
    bias = pad_columns(None if b is None else b.value, n)
    block = m if few else rows_of_a_block(m, k, n, 4)
    scratch = site.scratch(site.threads * (block * spaced(k) * 4 + 64))
    places: tuple[Operand | None, ...] = (
        x, site.packed(_packed, w, few), site.constant(bias), site.residual, y, scratch,
    )  # fmt: skip
    sizes = (m, k, n, block, int(few), *limits(site.attributes["activation"]))
    return [Step(half_product, (*places, *sizes))] if m and n else []


def _known(site: Site) -> bool:
    """Whether weights and bias are known when the plan is made."""
    return all(t is None or t.value is not None for t in site.inputs[1:3])


def _pointwise(site: Site) -> bool:
    """Whether each window is one place, next to that of the window before."""
    x, w, a = site.inputs[0], site.inputs[1], site.attributes
    assert x is not None and w is not None
    same = w.type.shape[1:3] == a["stride"] == (1, 1) and w.type.shape[3] == x.type.shape[3]
    return same and not any(a["pad"]) and _known(site)


def lower_half_pointwise(site: Site) -> Sequence[Step]:
    """Rows are places."""
    w, y = site.inputs[1], site.outputs[0]
    assert w is not None and w.value is not None
    return _product(site, w.value, math.prod(y.type.shape[:3]))


def lower_half_fully_connected(site: Site) -> Sequence[Step]:
    """Rows are those of `x`."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None and w.value is not None
    return _product(site, w.value, x.type.size // w.type.shape[1])


CPU.of((conv2d, "f16"))((NATIVE, Lowering(lower_half_pointwise, _pointwise), BY_FLOAT32))
CPU.of((fully_connected, "f16"))((NATIVE, Lowering(lower_half_fully_connected, _known), BY_FLOAT32))
