"""8-bit convolution 3x3 of stride 1 by Winograd's F(2,3) on int16, bit for bit what the plain sums are.

B and A have entries 0 and +-1; with G doubled, the weights are whole and the results four times too large. Bytes less
their zero point are within +-255, so a transformed input is within 4 * 255 and a transformed weight within
9 * 255: both are int16. Sums are int32 and may wrap on their way, as sums and differences modulo 2**32 are exact;
only the last one is divided by four, which is right where it fits: `fits` makes sure of that, weight by weight.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array
from .conv_int8 import byte_code, conv_table, ending, quantized, quants
from .gemm import PANEL
from .gemm_int8 import pack_pairs
from .kernel import I64, OK, S64, inlined, kernel, share
from .lowering import Lowering, Site, Step
from .patches import clear_halves, widen_bytes
from .simd import LANES
from .winograd import (
    BLOCK,
    CHANNELS,
    COPIED,
    FILTERS,
    HEIGHT,
    LEFT,
    LINE,
    MADE,
    OUT_HEIGHT,
    OUT_WIDTH,
    PATCHES,
    PLANE,
    PRODUCTS,
    TOP,
    TOTAL,
    WIDTH,
    is_dense_3x3,
    place_of,
    plane_product,
    sizes,
)
from .winograd_cost import terms
from .winograd_int8_tiles import (
    F2,
    copy_bytes,
    input_bytes,
    input_halves,
    s16_product,
    transform_output,
)
from .winograd_transforms import real

CHANNELS_OF_A_VECTOR = 2 * LANES


multiply_planes = plane_product(s16_product)


@inlined
def copy_patch(to, room, x, y0, x0, s, flip, zero):  # type: ignore[no-untyped-def]
    """Widen 4 x 4 places of an image to `room` bytes each; zeros where there is no image."""
    c = s[CHANNELS]
    for i in range(4):
        for j in range(4):
            used = 0
            if 0 <= y0 + i < s[HEIGHT] and 0 <= x0 + j < s[WIDTH]:
                at = x + ((y0 + i) * s[WIDTH] + x0 + j) * c
                widen_bytes(to, at, c, flip, zero)
                used = c * 2
            if used < room:
                clear_halves(to + used, (room - used) // 2)
            to += room


@inlined
def transform_inputs(x, planes, copied, first, count, vectors, s, flip, zero):  # type: ignore[no-untyped-def]
    """Write the planes of `count` patches."""
    c = s[CHANNELS]
    for i in range(count):
        image, y0, x0 = place_of(first + i, s)
        y0, x0 = y0 - s[TOP], x0 - s[LEFT]
        source, row = x + image * s[HEIGHT] * s[WIDTH] * c, s[WIDTH] * c
        inside = y0 >= 0 and x0 >= 0 and y0 + 4 <= s[HEIGHT] and x0 + 4 <= s[WIDTH]
        to, step = planes + i * LINE, s[BLOCK] * LINE
        if inside and c % CHANNELS_OF_A_VECTOR == 0:
            source += y0 * row + x0 * c
            input_bytes(source, row, c, to, s[PLANE], step, vectors, flip, zero)
        else:
            room = vectors * LINE
            copy_patch(copied, room, source, y0, x0, s, flip, zero)
            input_halves(copied, 4 * room, room, to, s[PLANE], step, vectors, flip, zero)


@inlined
def finish_patch(base, products, table, y, patch, p, s, low, high, zero):  # type: ignore[no-untyped-def]
    """Make the 2 x 2 outputs of a patch for the filters of panel p."""
    n, padded = s[FILTERS], (s[FILTERS] + PANEL - 1) // PANEL * PANEL * 4
    image, y0, x0 = place_of(patch, s)
    rows, columns = min(2, s[OUT_HEIGHT] - y0), min(2, s[OUT_WIDTH] - x0)
    to = y + ((image * s[OUT_HEIGHT] + y0) * s[OUT_WIDTH] + x0) * n + p * PANEL
    row, step, t = s[OUT_WIDTH] * n, s[BLOCK] * LINE, table + p * PANEL * 4
    used = min(2, (n - p * PANEL + LANES - 1) // LANES)  # vectors
    if rows == 2 and columns == 2 and n % LANES == 0:
        transform_output(products, s[PRODUCTS], step, used, t, padded, to, row, n, low, high, zero)
        return
    made, size = base + s[MADE], used * LANES
    transform_output(
        products, s[PRODUCTS], step, used, t, padded, made, 2 * size, size, low, high, zero
    )
    count = min(n - p * PANEL, size)
    for i in range(rows):
        for j in range(columns):
            copy_bytes(to + i * row + j * n, made + (2 * i + j) * size, count)


@kernel
def q8_winograd(
    x: I64, u: I64, table: I64, y: I64, s: S64, scratch: I64, flip: I64, x_zero: I64,
    low: I64, high: I64, y_zero: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = requantize(conv(X, W) + bias), 2 x 2 outputs a patch; threads share the blocks, or else the panels."""
    n, base = s[FILTERS], scratch + tid * s[TOTAL]
    products = base + s[PLANE] * 16
    vectors = (s[CHANNELS] + CHANNELS_OF_A_VECTOR - 1) // CHANNELS_OF_A_VECTOR
    blocks, panels = (s[PATCHES] + s[BLOCK] - 1) // s[BLOCK], (n + PANEL - 1) // PANEL
    start, stop, first, last = 0, blocks, 0, panels
    if blocks >= threads:
        start, stop = share(blocks, tid, threads)
    else:
        first, last = share(panels, tid, threads)
    for b in range(start, stop if first < last else start):
        patch = b * s[BLOCK]
        count = min(s[BLOCK], s[PATCHES] - patch)
        transform_inputs(x, base, base + s[COPIED], patch, count, vectors, s, flip, x_zero)
        for p in range(first, last):
            multiply_planes(base, u, products, count, vectors, p, b == start, s)
            for i in range(count):
                source = products + i * LINE
                finish_patch(base, source, table, y, patch + i, p, s, low, high, y_zero)
    return OK


def pack_planes(w: Array, zero: int) -> Array:
    """Return (2 G) w (2 G)' of filters (O, 3, 3, C) less their zero point, as int16.

    In each panel come the planes, in each plane the pairs of channels.
    """
    g = (2 * real(F2.g)).astype(np.int64)
    made = np.einsum("ip,opqc,jq->ijco", g, w.astype(np.int64) - zero, g)
    c, n = made.shape[2:]
    rows = np.zeros((F2.t**2, -(-c // CHANNELS_OF_A_VECTOR) * CHANNELS_OF_A_VECTOR, n), np.int16)
    rows[:, :c] = made.reshape(-1, c, n)
    return np.ascontiguousarray(np.stack([pack_pairs(plane) for plane in rows], axis=1))


def fits(site: Site) -> bool:
    """Whether four times any sum of products is an int32: 4 * max |x - zero| * sum |w| < 2**31 for each filter."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None and w.value is not None
    info, zero = np.iinfo(x.type.dtype), quants(site)[0].zero_point[0]
    most = max(zero - int(info.min), int(info.max) - zero)
    centred = w.value.astype(np.int64) - quants(site)[1].zero_point[0]
    sums = np.abs(centred).sum(axis=(1, 2, 3))
    return 4 * most * int(sums.max(initial=0)) < 2**31


def lower_q8_winograd(site: Site) -> list[Step]:
    """One kernel call; the weights are transformed here."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None and w.value is not None
    s = sizes(2, site, CHANNELS_OF_A_VECTOR)
    n = int(s[FILTERS])
    bias = np.zeros(n, np.int32) if b is None or b.value is None else b.value
    table = np.zeros((4, -(-n // PANEL) * PANEL), np.int32)
    table[:, :n] = conv_table(site, bias)
    scratch = site.scratch(site.threads * int(s[TOTAL]))
    u = site.packed(pack_planes, w.value, quants(site)[1].zero_point[0])
    places = (x, u, site.constant(table), y, site.constant(s), scratch)
    ends = ending(site, site.attributes["activation"])
    return [Step(q8_winograd, (*places, *byte_code(x.type), *ends))]


_twice = quantized("twice")


def can_winograd(site: Site) -> bool:
    """Whether the result is right."""
    return _twice(site) and is_dense_3x3(site) and fits(site)


# An element of a transformed input, and of an output with its requantization, by t, in products of int16. Where there
# is a dot product of bytes, plain sums are made of products that cost 0.4: it comes first in the table.
INPUT, OUTPUT = 0.3, 1.5


def cheaper(c: int, y: tuple[int, ...]) -> bool:
    """Whether the transforms cost less than the products of int16 that they save: C channels, outputs of shape `y`."""
    whole = -(-c // CHANNELS_OF_A_VECTOR) * CHANNELS_OF_A_VECTOR
    products, inputs, outputs, _ = terms(2, whole, y)
    return products + INPUT * inputs + OUTPUT * outputs < terms(0, c, y)[0]


def _chosen(site: Site) -> bool:
    x = site.inputs[0]
    assert x is not None
    return cheaper(x.type.shape[3], site.outputs[0].type.shape) and can_winograd(site)


WINOGRAD_INT8 = Lowering(lower_q8_winograd, _chosen)
