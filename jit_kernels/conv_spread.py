"""Transposed convolutions as a product: elements of `x` times the whole filter, then each output takes its parts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ir import FORMATS, Array
from ..refimpl.conv_nd import conv_transpose
from .conv import limits, lower_f32_fully_connected
from .conv_nd import lower_conv_transpose, transposed_windows
from .kernel import F32, F64, I64, OK, S64, kernel, share
from .lowering import CPU, Lowering, Operand, Site, Step
from .storage import Recast
from .strided import operand
from .windows import meet

FEWEST = 8  # channels on both sides that a packed product is worth it for
MOST_BYTES = 1 << 28  # of the products


@kernel
def f32_take_parts(
    parts: F32, b: F32, y: F32, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64, places: I64,
    channels: I64, biased: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """An output is the bias and what each tap that it meets has for it: rows of `parts` are (place, tap)."""
    lo, hi = np.float32(low), np.float32(high)
    start, stop = share(images * windows, tid, threads)
    for row in range(start, stop):
        image, to = row // windows, row * channels
        for c in range(channels):
            y[to + c] = b[c] if biased else np.float32(0)
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at >= 0:
                of = ((image * places + at) * taps + tap) * channels
                for c in range(channels):
                    y[to + c] += parts[of + c]
        for c in range(channels):
            value = lo if y[to + c] < lo else y[to + c]
            y[to + c] = hi if value > hi else value
    return OK


def taps_first(w: Array) -> Array:
    """Return filters (O, *K, C) as the weights (taps O, C) of a fully connected layer.

    >>> taps_first(np.ones((2, 3, 4, 5), "f")).shape
    (24, 5)
    """
    o, c = w.shape[0], w.shape[-1]
    return np.ascontiguousarray(np.moveaxis(w.reshape(o, -1, c), 0, 1)).reshape(-1, c)


def spreads(site: Site) -> bool:
    """Whether there is one group of known filters, with channels enough."""
    x, w = operand(site.inputs[0]), operand(site.inputs[1])
    c = x.type.shape[-1]
    size = 4 * x.type.size // max(c, 1) * math.prod(w.type.shape[:-1])
    wide = w.value is not None and w.type.shape[-1] == c >= FEWEST and w.type.shape[0] >= FEWEST
    return wide and 0 < size <= MOST_BYTES


def lower_spread(site: Site) -> list[Step]:
    """A product into scratch memory, and the sums."""
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    assert w.value is not None
    if y.type.size == 0:
        return []
    (n, *size, c), o, taps = x.type.shape, w.type.shape[0], math.prod(w.type.shape[1:-1])
    b = site.inputs[3] if len(site.inputs) > 3 else None
    rows = n * math.prod(size)
    room = site.scratch(4 * rows * taps * o)
    kind = replace(y.type, shape=(rows, taps * o), dtype=FORMATS["f32"], value=None)
    parts = Operand(room.name, kind)
    flat_x = Operand(x.name, replace(x.type, shape=(rows, c)), x.offset)
    product = Recast(site, (flat_x, site.packed(taps_first, w.value)), (parts,))
    product.attributes = {"activation": "none", "keep_dims": False}
    g, shifts = transposed_windows(site)
    counts = (len(size), taps, n, math.prod(y.type.shape[1:-1]), math.prod(size), o)
    tables, end = map(site.constant, (g, shifts)), limits(site.attributes.get("activation", "none"))
    last = Step(f32_take_parts, (parts, b, y, *tables, *counts, int(b is not None), *end))
    return [*lower_f32_fully_connected(product), last]


CPU.of((conv_transpose, "f32"))((Lowering(lower_spread, spreads), Lowering(lower_conv_transpose)))
