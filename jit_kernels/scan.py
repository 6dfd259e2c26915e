"""Running sums and products along one axis: every line is walked by one thread, floats in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.scan import cumprod, cumsum
from .kernel import I64, OK, Kernel, T, inlined, kernel_family, share
from .lowering import Site, Step, lowers


@inlined
def scan(x, y, lines, count, inner, product, exclusive, reverse, zero, tid, threads):  # type: ignore[no-untyped-def]
    """Walk this thread's lines, of which `inner` lie interleaved."""
    start, stop = share(lines, tid, threads)
    for line in range(start, stop):
        at = line // inner * count * inner + line % inner
        step = inner
        if reverse:
            at += (count - 1) * inner
            step = -inner
        total = zero + product
        for _ in range(count):
            v = x[at]
            new = total * v if product else total + v
            y[at] = total if exclusive else new
            total = new
            at += step


@kernel_family("f32", "f64")
def real_scan(
    x: T, y: T, lines: I64, count: I64, inner: I64, product: I64, exclusive: I64, reverse: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Scan floats."""
    zero = np.float64(0)
    scan(x, y, lines, count, inner, product, exclusive, reverse, zero, tid, threads)
    return OK


@kernel_family("s32", "s64")
def whole_scan(
    x: T, y: T, lines: I64, count: I64, inner: I64, product: I64, exclusive: I64, reverse: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Scan integers in 64 bits."""
    zero = np.int64(0)
    scan(x, y, lines, count, inner, product, exclusive, reverse, zero, tid, threads)
    return OK


KERNELS: dict[str, Kernel] = {**real_scan, **whole_scan}
OPERATORS: tuple[Op[..., Any], ...] = (cumsum, cumprod)


@lowers(*((op, form) for op in OPERATORS for form in KERNELS))
def lower_scan(site: Site) -> list[Step]:
    """Lower to one loop over lines."""
    (x, axis), (y,) = site.inputs, site.outputs
    assert x is not None and axis is not None
    shape = x.type.shape
    a = int(axis.type.known().reshape(())) % len(shape)
    inner, lines = math.prod(shape[a + 1 :]), math.prod(shape[:a]) * math.prod(shape[a + 1 :])
    how = (site.attributes["exclusive"], site.attributes["reverse"])
    arguments = (x, y, lines, shape[a], inner, site.node.op is cumprod, *how)
    return [
        Step(KERNELS[x.type.format], tuple(int(v) if isinstance(v, bool) else v for v in arguments))
    ]
