"""8-bit convolution 3x3 of stride 1 by Winograd's F(2,3) on int16, bit for bit what the plain sums are.

B and A have entries 0 and +-1; with G doubled, the weights are whole and the results four times too large. Bytes less
their zero point are within +-255, so a transformed input is within 4 * 255 and a transformed weight within
9 * 255: both are int16. Sums are int32 and may wrap on their way, as sums and differences modulo 2**32 are exact;
only the last one is divided by four, which is right where it fits: `fits` makes sure of that, weight by weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..ir import Array
from .conv_int8 import byte_code, conv_table, ending, quantized, quants
from .gemm import PANEL, ROWS
from .gemm_int8 import Requantizer, pack_pairs
from .isa import HOST
from .kernel import I64, OK, S64, inlined, kernel, share
from .lowering import Lowering, Site, Step
from .patches import clear_halves, runs, widen_bytes
from .simd import LANES, Tile, Value, Vectors, tile
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
from .winograd_transforms import F, real

F2 = F[2]
CHANNELS_OF_A_VECTOR = 2 * LANES


def _combine(v: Vectors, matrix: Sequence[Sequence[Fraction]], x: Sequence[Value]) -> list[Value]:
    """Return a matrix of 0 and +-1 times vectors of integers; each row starts with a +1."""
    out = []
    for row in matrix:
        plus = [y for c, y in zip(row, x, strict=True) if c == 1]
        total = plus[0]
        for y in plus[1:]:
            total = v.b.add(total, y)
        for y in (y for c, y in zip(row, x, strict=True) if c == -1):
            total = v.b.sub(total, y)
        out.append(total)
    return out


def s16_input_tile(widened: bool) -> Tile:
    """Return the tile that transforms a patch of bytes, or of int16 that are `widened` already."""

    @tile(f"winograd_s16_input{'_widened' * widened}")
    def transform(
        v: Vectors, x: I64, row: I64, pixel: I64, to: I64, plane: I64, step: I64, vectors: I64,
        flip: I64, zero: I64,
    ) -> None:  # fmt: skip
        """Store B' x B by planes; a byte b of the image stands for (b ^ flip) - zero."""
        lanes = 2 * v.lanes
        mask, offset = v.splat(v.narrow(flip, "s8"), lanes), v.splat(v.narrow(zero, "s16"), lanes)

        def place(address: Value, offset_: Value) -> Value:
            if widened:
                return v.load("s16", address, offset_, lanes)
            byte = v.b.xor(v.load("s8", address, offset_, lanes), mask)
            return v.b.sub(v.widen(byte, "s16", signed=False), offset)

        def channels(i: Value) -> list[Value]:
            at = v.mul(i, lanes * (2 if widened else 1))
            lines = [v.pointer(x, v.add(at, v.mul(row, y))) for y in range(F2.t)]
            columns = [
                _combine(v, F2.bt, [place(line, v.mul(pixel, j)) for line in lines])
                for j in range(F2.t)
            ]
            there = v.pointer(to, v.mul(i, step))
            for y in range(F2.t):
                for value in _combine(v, F2.bt, [column[y] for column in columns]):
                    v.store(value, there)
                    there = v.pointer(there, plane)
            return []

        v.carry(vectors, [], channels)

    return transform


input_bytes, input_halves = (s16_input_tile(widened) for widened in (False, True))


def s16_product_tile(rows: int) -> Tile:
    """Return the tile that multiplies some patches with a panel of one plane."""

    @tile(f"winograd_s16_product_{rows}")
    def product(v: Vectors, a: I64, step: I64, vectors: I64, b: I64, c: I64) -> None:
        """Two vectors of int32 sums a patch; a round takes a pair of channels."""
        line = 4 * v.lanes

        def part(i: Value, *sums: Value) -> list[Value]:
            here, panel = v.pointer(a, v.mul(i, step)), v.pointer(b, v.mul(i, 2 * line * v.lanes))

            def pair(k: Value, *acc: Value) -> list[Value]:
                at = v.mul(k, 2 * line)
                weights = [v.load("s16", panel, v.add(at, line * j), 2 * v.lanes) for j in range(2)]
                new = list(acc)
                for r in range(rows):
                    x = v.repeat("s32", v.pointer(here, line * r), v.mul(k, 4))
                    x = v.b.bitcast(x, weights[0].type)
                    for j, w in enumerate(weights):
                        new[2 * r + j] = v.dot2_s16(new[2 * r + j], x, w)
                return new

            return v.carry(v.const(v.lanes), list(sums), pair)

        acc = v.carry(vectors, [v.full("s32", 0)] * (2 * rows), part)
        for j in range(2):
            for r in range(rows):
                v.store(acc[2 * r + j], v.pointer(c, v.mul(step, j)), line * r)

    return product


_PRODUCTS = {rows: s16_product_tile(rows) for rows in range(1, ROWS + 1)}


@tile("winograd_s16_product", inline=True)
def s16_product(v: Vectors, rows: I64, a: I64, step: I64, vectors: I64, b: I64, c: I64) -> None:
    """Multiply up to ROWS patches."""
    for count, each in _PRODUCTS.items():
        with v.when(v.b.icmp_signed("==", rows, v.const(count))):
            v.run(each, a, step, vectors, b, c)


multiply_planes = plane_product(s16_product)


@tile("winograd_s16_output")
def transform_output(
    v: Vectors, products: I64, plane: I64, step: I64, vectors: I64, table: I64, table_row: I64,
    y: I64, row: I64, pixel: I64, low: I64, high: I64, zero: I64,
) -> None:  # fmt: skip
    """Y = requantize(A' products A / 4 + bias)."""
    requantize = Requantizer(v, "twice", low, high, zero)
    two = v.full("s32", 2)

    def channels(i: Value) -> list[Value]:
        there = v.pointer(products, v.mul(i, step))
        planes = []
        for _ in range(F2.t**2):
            planes.append(v.load("s32", there))
            there = v.pointer(there, plane)
        columns = [_combine(v, F2.at, planes[x :: F2.t]) for x in range(F2.t)]
        at = v.mul(i, 4 * v.lanes)
        bias, constants = v.load("s32", table, at), requantize.constants(table, at, table_row)
        for k in range(F2.m):
            line = v.pointer(y, v.add(v.mul(i, v.lanes), v.mul(row, k)))
            for j, value in enumerate(_combine(v, F2.at, [column[k] for column in columns])):
                total = v.b.add(v.b.ashr(value, two), bias)
                v.store(requantize(total, constants), line, v.mul(pixel, j))
        return []

    v.carry(vectors, [], channels)


@tile("winograd_copy_bytes", inline=True)
def copy_bytes(v: Vectors, to: I64, source: I64, count: I64) -> None:
    """Copy bytes."""
    runs(v, count, (16,), lambda i, width: v.store(v.load("s8", source, i, width), to, i))


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
def transform_outputs(base, products, patch, table, y, first, used, s, low, high, zero):  # type: ignore[no-untyped-def]
    """Make the 2 x 2 outputs of a patch, `used` vectors of filters from panel `first` on."""
    n, padded = s[FILTERS], (s[FILTERS] + PANEL - 1) // PANEL * PANEL * 4
    image, y0, x0 = place_of(patch, s)
    rows, columns = min(2, s[OUT_HEIGHT] - y0), min(2, s[OUT_WIDTH] - x0)
    to = y + ((image * s[OUT_HEIGHT] + y0) * s[OUT_WIDTH] + x0) * n + first * PANEL
    row, step = s[OUT_WIDTH] * n, s[BLOCK] * LINE
    if rows == 2 and columns == 2 and n % LANES == 0:
        transform_output(
            products, s[PRODUCTS], step, used, table, padded, to, row, n, low, high, zero
        )
        return
    made, size = base + s[MADE], used * LANES
    transform_output(
        products, s[PRODUCTS], step, used, table, padded, made, 2 * size, size, low, high, zero
    )
    count = min(n - first * PANEL, size)
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
    used = min(2 * last, (n + LANES - 1) // LANES) - 2 * first  # vectors of filters
    for b in range(start, stop if used > 0 else start):
        patch = b * s[BLOCK]
        count = min(s[BLOCK], s[PATCHES] - patch)
        transform_inputs(x, base, base + s[COPIED], patch, count, vectors, s, flip, x_zero)
        multiply_planes(base, u, products, count, vectors, first, last, s)
        for i in range(count):
            source = products + (2 * first * s[BLOCK] + i) * LINE
            transform_outputs(
                base, source, patch + i, table + first * PANEL * 4, y, first, used, s,
                low, high, y_zero,
            )  # fmt: skip
    return OK


def pack_planes(w: Array) -> Array:
    """Return (2 G) w (2 G)' of filters (O, 3, 3, C) of int16: panels of pairs of channels, by planes."""
    g = (2 * real(F2.g)).astype(np.int64)
    made = np.einsum("ip,opqc,jq->ijco", g, w.astype(np.int64), g)
    c, n = made.shape[2:]
    rows = np.zeros((F2.t**2, -(-c // CHANNELS_OF_A_VECTOR) * CHANNELS_OF_A_VECTOR, n), np.int16)
    rows[:, :c] = made.reshape(-1, c, n)
    return np.stack([pack_pairs(plane) for plane in rows])


def _centred(site: Site) -> Array:
    """Return the weights less their zero point."""
    w = site.inputs[1]
    assert w is not None and w.value is not None
    return w.value.astype(np.int16) - np.int16(quants(site)[1].zero_point[0])


def fits(site: Site) -> bool:
    """Whether four times any sum of products is an int32: 4 * max |x - zero| * sum |w| < 2**31 for each filter."""
    x = site.inputs[0]
    assert x is not None
    info, zero = np.iinfo(x.type.dtype), quants(site)[0].zero_point[0]
    most = max(zero - int(info.min), int(info.max) - zero)
    sums = np.abs(_centred(site).astype(np.int64)).sum(axis=(1, 2, 3))
    return 4 * most * int(sums.max(initial=0)) < 2**31


def lower_q8_winograd(site: Site) -> list[Step]:
    """One kernel call; the weights are transformed here."""
    x, y = site.inputs[0], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None
    s = sizes(2, site, CHANNELS_OF_A_VECTOR)
    n = int(s[FILTERS])
    bias = np.zeros(n, np.int32) if b is None or b.value is None else b.value
    table = np.zeros((4, -(-n // PANEL) * PANEL), np.int32)
    table[:, :n] = conv_table(site, bias)
    scratch = site.scratch(site.threads * int(s[TOTAL]))
    u = site.constant(pack_planes(_centred(site)))
    places = (x, u, site.constant(table), y, site.constant(s), scratch)
    ends = ending(site, site.attributes["activation"])
    return [Step(q8_winograd, (*places, *byte_code(x.type), *ends))]


_twice = quantized("twice")


def can_winograd(site: Site) -> bool:
    """Whether the result is right."""
    return _twice(site) and is_dense_3x3(site) and fits(site)


# What a product of plain sums costs, in products of int16; on a Sapphire Rapids core, bytes by `vpdpbusd` cost 0.4,
# so that a saving of 9 / 4 in their number is none in time. Then an element of a transformed input, and of an output
# with its requantization, by t.
PLAIN = 0.4 if "avx512vnni" in HOST else 1.0
INPUT, OUTPUT = 0.3, 1.5


def cheaper(c: int, y: tuple[int, ...]) -> bool:
    """Whether the transforms cost less than the products that they save, for C channels and outputs of shape `y`."""
    whole = -(-c // CHANNELS_OF_A_VECTOR) * CHANNELS_OF_A_VECTOR
    products, inputs, outputs, _ = terms(2, whole, y)
    return products + INPUT * inputs + OUTPUT * outputs < PLAIN * terms(0, c, y)[0]


def _chosen(site: Site) -> bool:
    x = site.inputs[0]
    assert x is not None
    return cheaper(x.type.shape[3], site.outputs[0].type.shape) and can_winograd(site)


WINOGRAD_INT8 = Lowering(lower_q8_winograd, _chosen)
