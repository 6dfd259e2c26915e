"""nnacl's products of int8 matrices: computed ones a row of int32 sums at a time, layers as convolutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..quant.nnacl_matmul import product_scale
from ..quant.rule import Quantized
from ..refimpl.conv import conv2d
from ..refimpl.matmul import fully_connected, matmul
from .kernel import I64, OK, S8, S32, S64, inlined, kernel, share
from .lowering import Operand, Site, Step, lowers
from .matmul import matrix_places
from .requant import factor, scale_twice_wide
from .storage import Recast


@inlined
def add_rows(sums, first, x, y, at, to, k, n, x_step, zx, zy):  # type: ignore[no-untyped-def]
    """Add the rows of Y (K, N), each times an element of x."""
    for j in range(n):
        sums[first + j] = np.int32(0)
    for i in range(k):
        a = np.int32(x[at + i * x_step]) - np.int32(zx)
        for j in range(n):
            sums[first + j] += a * (np.int32(y[to + i * n + j]) - np.int32(zy))


@inlined
def dot_rows(sums, first, x, y, at, to, k, n, x_step, zx, zy):  # type: ignore[no-untyped-def]
    """Take the products of x with the rows of Y (N, K)."""
    for j in range(n):
        total = np.int32(0)
        for i in range(k):
            a = np.int32(x[at + i * x_step]) - np.int32(zx)
            total += a * (np.int32(y[to + j * k + i]) - np.int32(zy))
        sums[first + j] = total


@kernel
def s8_matmul(
    x: S8, y: S8, z: S8, places: S64, p: S64, scratch: S32, batches: I64, m: I64, k: I64, n: I64,
    x_turned: I64, y_turned: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Z = requantize(X Y). In `p` are the zero points of x, y and z, and the multiplier."""
    zx, zy, zz = p[0], p[1], p[2]
    start, stop = share(batches * m, tid, threads)
    for item in range(start, stop):
        batch, row = item // m, item % m
        at = places[2 * batch] * m * k + (row if x_turned else row * k)
        to, step, first = places[2 * batch + 1] * k * n, m if x_turned else 1, tid * n
        if y_turned:
            dot_rows(scratch, first, x, y, at, to, k, n, step, zx, zy)
        else:
            add_rows(scratch, first, x, y, at, to, k, n, step, zx, zy)
        for j in range(n):
            v = scale_twice_wide(scratch[first + j], p[3], p[4], p[5], p[6], p[7]) + zz
            z[item * n + j] = np.int8(min(max(v, -128), 127))
    return OK


@lowers((matmul, "s8-nnacl"))
def lower_matmul(site: Site) -> list[Step]:
    """One loop over all rows of the result."""
    x, y, z = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and y is not None
    a = site.attributes
    m, n = z.type.shape[-2:]
    k = x.type.shape[-2 if a["transpose_x"] else -1]
    ends = [Quantized(np.empty(0), place.type.quant) for place in (x, y, z)]
    real = product_scale(*ends)
    p = site.constant(np.array([*(e.zero_point for e in ends), *factor(real)], np.int64))
    places = site.constant(matrix_places(x.type.shape, y.type.shape, z.type.shape))
    scratch = site.scratch(4 * max(n, 1) * site.threads)
    sizes = (z.type.size // max(m * n, 1), m, k, n, a["transpose_x"], a["transpose_y"])
    return [Step(s8_matmul, (x, y, z, places, p, scratch, *sizes))]


@lowers((fully_connected, "s8-nnacl"))
def lower_fully_connected(site: Site) -> list[Step]:
    """The convolution of images of one pixel: it rounds twice, as nnacl does here."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    n, k = w.type.shape
    m = x.type.size // k
    pixels, filters = _as_image(x, (m, 1, 1, k)), _as_image(w, (n, 1, 1, k))
    inner = Recast(site, (pixels, filters, *site.inputs[2:]), (_as_image(y, (m, 1, 1, n)),))
    inner.node = replace(site.node, op=conv2d)
    inner.attributes = {**conv2d.attributes, "activation": site.attributes["activation"]}
    return list(inner.best().build(inner))


def _as_image(place: Operand, shape: tuple[int, ...]) -> Operand:
    """Return the same elements as four axes; scales of rows stay those of the first one."""
    value = place.type.value
    known = None if value is None else value.reshape(shape)
    return replace(place, type=replace(place.type, shape=shape, value=known))
