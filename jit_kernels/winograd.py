"""float32 convolution 3x3 of stride 1 by Winograd's F(2,3), F(4,3) or F(6,3).

A block of patches is transformed into t x t planes that stay in the second-level cache. Then, for one panel of filters
after the other, the planes are multiplied with its weights, which stream by, and the products transformed into outputs,
with bias, residual and activation. Planes are laid out [plane][vector of channels][patch][lane], so that rows of a
product lie one vector apart, whatever the shapes.

A result that is not finite is computed again as a plain sum: transforms mix a patch, so an infinity or a NaN in one
place of it would reach outputs that do not depend on that place, and so would an overflow (docs/adr/0008).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..ir import Array
from .conv import limits
from .gemm import PANEL, ROWS, pad_columns
from .kernel import F64, I64, OK, S64, Inlined, emitted, inlined, kernel, share
from .lowering import Lowering, Site, Step
from .patches import clear_words, copy_words
from .simd import LANES, Tile
from .winograd_cost import choice, patches_of_a_block
from .winograd_tiles import plain_sum, product, transform_input, transform_output
from .winograd_transforms import F

LINE = 4 * LANES  # bytes of a vector

# Words of the sizes that the kernel reads: the image, its outputs, the grid of patches, and bytes in scratch.
(HEIGHT, WIDTH, CHANNELS, TOP, LEFT, OUT_HEIGHT, OUT_WIDTH, FILTERS, M, DOWN, ACROSS, PATCHES, BLOCK, PLANE, PRODUCTS,
 COPIED, MADE, ADDED, WRONG, TOTAL, PITCH) = range(21)  # fmt: skip


@emitted("I64(I64)")
def word(builder: Any, address: Any) -> Any:
    """Return the 64-bit integer at an address."""
    return builder.load(builder.inttoptr(address, address.type.as_pointer()))


@inlined
def copy_patch(to, room, x, y0, x0, t, s):  # type: ignore[no-untyped-def]
    """Copy t x t places of an image, from (y0, x0) on, to places of `room` bytes; zeros where there is no image."""
    size = s[CHANNELS] * 4
    for i in range(t):
        for j in range(t):
            used = 0
            if 0 <= y0 + i < s[HEIGHT] and 0 <= x0 + j < s[WIDTH]:
                copy_words(to, x + ((y0 + i) * s[WIDTH] + x0 + j) * size, s[CHANNELS])
                used = size
            if used < room:
                clear_words(to + used, (room - used) // 4)
            to += room


@inlined
def copy_places(to, row, pixel, source, from_row, from_pixel, rows, columns, count):  # type: ignore[no-untyped-def]
    """Copy rows x columns runs of `count` elements."""
    for i in range(rows):
        for j in range(columns):
            copy_words(to + i * row + j * pixel, source + i * from_row + j * from_pixel, count)


@inlined
def place_of(patch, s):  # type: ignore[no-untyped-def]
    """Return a patch's image, and the row and column of its first output."""
    image, rest = patch // (s[DOWN] * s[ACROSS]), patch % (s[DOWN] * s[ACROSS])
    return image, rest // s[ACROSS] * s[M], rest % s[ACROSS] * s[M]


@inlined
def transform_inputs(x, planes, copied, first, count, s):  # type: ignore[no-untyped-def]
    """Write the planes of `count` patches."""
    t, c = s[M] + 2, s[CHANNELS]
    vectors, size = (c + LANES - 1) // LANES, c * 4
    for i in range(count):
        image, y0, x0 = place_of(first + i, s)
        y0, x0 = y0 - s[TOP], x0 - s[LEFT]
        source = x + image * s[HEIGHT] * s[WIDTH] * size
        row, pixel = s[WIDTH] * size, size
        inside = y0 >= 0 and x0 >= 0 and y0 + t <= s[HEIGHT] and x0 + t <= s[WIDTH]
        if inside and c % LANES == 0:
            source += y0 * row + x0 * pixel
        else:
            copy_patch(copied, vectors * LINE, source, y0, x0, t, s)
            source, row, pixel = copied, t * vectors * LINE, vectors * LINE
        to, step = planes + i * LINE, s[BLOCK] * LINE
        transform_input(s[M], source, row, pixel, to, s[PLANE], step, vectors)


def plane_product(product: Tile) -> Inlined:
    """Return the stage that multiplies planes by a tile, up to ROWS patches a time, four bytes of each a round."""

    @inlined
    def multiply(planes, u, products, count, vectors, p, fresh, s):  # type: ignore[no-untyped-def]
        """Multiply each plane of `count` patches with panel p of its weights.

        Weights that are `fresh`, met the first time, are fetched a panel ahead: they come from far, at the same
        time as the panel before is used.
        """
        step, size = s[BLOCK] * LINE, vectors * LANES * PANEL * 4
        groups = (count + ROWS - 1) // ROWS  # of about the same number of rows each
        b = u + p * (s[M] + 2) * (s[M] + 2) * size
        for k in range((s[M] + 2) * (s[M] + 2)):
            for j in range(groups):
                i, stop = share(count, j, groups)
                soon = b + size + 64 * j if fresh and j < 2 else b
                a, c = planes + k * s[PLANE] + i * LINE, products + k * s[PRODUCTS] + i * LINE
                product(stop - i, a, step, vectors, b, soon, c)
            b += size

    return multiply


multiply_planes = plane_product(product)


@inlined
def plain_outputs(x, w, bias, r, y, y0, x0, rows, columns, first, last, s, low, high):  # type: ignore[no-untyped-def]
    """Compute rows x columns outputs of the filters first .. last - 1 as plain sums; (y0, x0) is the first input."""
    c, n = s[CHANNELS], s[PITCH]
    for i in range(rows):
        p, stop = max(0, -(y0 + i)), min(3, s[HEIGHT] - y0 - i)
        for j in range(columns):
            q, end = max(0, -(x0 + j)), min(3, s[WIDTH] - x0 - j)
            at = x + ((y0 + i + p) * s[WIDTH] + x0 + j + q) * c * 4
            for o in range(first, last):
                of, here = w + ((o * 3 + p) * 3 + q) * c * 4, ((i * s[OUT_WIDTH] + j) * n + o) * 4
                more = r + here if r != 0 else 0
                plain_sum(
                    at, s[WIDTH] * c * 4, of, 12 * c, max(0, stop - p), max(0, end - q) * c,
                    bias + o * 4, more, y + here, low, high,
                )  # fmt: skip


@inlined
def finish_patch(x, w, base, products, bias, r, y, y0, x0, p, s, low, high):  # type: ignore[no-untyped-def]
    """Make the outputs of a patch for the filters of panel p; `y` and `r` are its first."""
    m, n, first = s[M], s[FILTERS], p * PANEL
    pixel, step, wrong = s[PITCH] * 4, s[BLOCK] * LINE, base + s[WRONG]
    row = s[OUT_WIDTH] * pixel
    rows, columns = min(m, s[OUT_HEIGHT] - y0), min(m, s[OUT_WIDTH] - x0)
    used = min(2, (n - first + LANES - 1) // LANES)  # vectors
    begin, size = first * 4, used * LINE
    if rows == m and columns == m and n % LANES == 0:
        more = r + begin if r != 0 else 0
        transform_output(
            m, products, s[PRODUCTS], step, used, bias + begin, more, row, pixel,
            y + begin, row, pixel, wrong, low, high,
        )  # fmt: skip
    else:
        made, added, count = base + s[MADE], 0, min(n - first, used * LANES)
        if r != 0:
            added = base + s[ADDED]
            copy_places(added, m * size, size, r + begin, row, pixel, rows, columns, count)
        transform_output(
            m, products, s[PRODUCTS], step, used, bias + begin, added, m * size, size,
            made, m * size, size, wrong, low, high,
        )  # fmt: skip
        copy_places(y + begin, row, pixel, made, m * size, size, rows, columns, count)
    for k in range(used):
        if word(wrong + k * 8) != 0:
            o = first + k * LANES
            plain_outputs(
                x, w, bias, r, y, y0 - s[TOP], x0 - s[LEFT], rows, columns,
                o, min(o + LANES, n), s, low, high,
            )  # fmt: skip


@kernel
def f32_winograd(
    x: I64, u: I64, bias: I64, r: I64, y: I64, w: I64, s: S64, scratch: I64, low: F64, high: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(conv(X, W) + bias + R), m x m outputs a patch; threads share the blocks, or else the panels."""
    n, size = s[FILTERS], s[HEIGHT] * s[WIDTH] * s[CHANNELS] * 4
    base = scratch + tid * s[TOTAL]
    products = base + s[PLANE] * (s[M] + 2) * (s[M] + 2)
    blocks, panels = (s[PATCHES] + s[BLOCK] - 1) // s[BLOCK], (n + PANEL - 1) // PANEL
    start, stop, first, last = 0, blocks, 0, panels
    if blocks >= threads:
        start, stop = share(blocks, tid, threads)
    else:
        first, last = share(panels, tid, threads)
    vectors = (s[CHANNELS] + LANES - 1) // LANES
    for b in range(start, stop if first < last else start):
        patch = b * s[BLOCK]
        count = min(s[BLOCK], s[PATCHES] - patch)
        transform_inputs(x, base, base + s[COPIED], patch, count, s)
        for p in range(first, last):
            multiply_planes(base, u, products, count, vectors, p, b == start, s)
            for i in range(count):
                image, y0, x0 = place_of(patch + i, s)
                offset = ((image * s[OUT_HEIGHT] + y0) * s[OUT_WIDTH] + x0) * s[PITCH] * 4
                more = r + offset if r != 0 else 0
                finish_patch(
                    x + image * size, w, base, products + i * LINE, bias, more, y + offset,
                    y0, x0, p, s, low, high,
                )  # fmt: skip
    return OK


def pack_planes(m: int, w: Array) -> Array:
    """Return G w G' of filters (O, 3, 3, C), rounded to float32: (panels, t t, C in whole vectors, PANEL)."""
    made = F[m].weights(w)
    t, _, n, c = made.shape
    padded = np.zeros((t * t, -(-c // LANES) * LANES, -(-n // PANEL) * PANEL), np.float32)
    with np.errstate(over="ignore"):
        padded[:, :c, :n] = made.reshape(t * t, n, c).swapaxes(1, 2)
    return np.ascontiguousarray(
        padded.reshape(t * t, padded.shape[1], -1, PANEL).transpose(2, 0, 1, 3)
    )


def sizes(m: int, site: Site, per_vector: int = LANES) -> Array:
    """Return the words that the kernel reads; a vector holds so many channels."""
    x, y, pad = site.inputs[0], site.outputs[0].type.shape, site.attributes["pad"]
    assert x is not None
    (_, height, width, c), (images, out_height, out_width, n) = x.type.shape, y
    down, across = -(-out_height // m), -(-out_width // m)
    block = patches_of_a_block(m, c, n, images * down * across, site.threads)
    vectors, planes = -(-c // per_vector), (m + 2) ** 2
    # The 64 bytes keep planes from meeting in the same sets of the cache.
    plane, products = vectors * block * LINE + 64, 2 * block * LINE + 64
    copied = planes * (plane + products)
    made = copied + planes * vectors * LINE
    added = made + m * m * 2 * LINE
    wrong = added + m * m * 2 * LINE
    total = wrong + 64
    words = (height, width, c, pad[0], pad[2], out_height, out_width, n, m, down, across)
    places = (plane, products, copied, made, added, wrong, total, site.pitch or n)
    return np.array([*words, images * down * across, block, *places], np.int64)


def lower_f32_winograd(m: int, site: Site) -> list[Step]:
    """One kernel call; the weights are transformed here, in float64, and rounded once."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None and w.value is not None
    s = sizes(m, site)
    bias = site.constant(pad_columns(None if b is None else b.value, int(s[FILTERS])))
    u, scratch = site.packed(pack_planes, m, w.value), site.scratch(site.threads * int(s[TOTAL]))
    places = (x, u, bias, site.residual, y, w, site.constant(s), scratch)
    ends = limits(site.attributes["activation"])
    return [Step(f32_winograd, (*places, *ends), algorithm=f"winograd{m}")]


def is_dense_3x3(site: Site) -> bool:
    """Whether a convolution is 3x3 of stride 1 in one group, and its weights are known."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    plain = site.attributes["stride"] == (1, 1) == site.attributes["dilation"]
    known = all(t is None or t.value is not None for t in site.inputs[1:])
    return plain and known and w.type.shape[1:] == (3, 3, x.type.shape[3])


def takes(site: Site) -> bool:
    """Whether the transforms can be used: the weights are finite, and not too large for them."""
    w = site.inputs[1]
    if not is_dense_3x3(site) or w is None or w.value is None:
        return False
    # No entry of |G| |w| |G'| exceeds 4 times the largest weight.
    return bool(np.abs(w.value).max(initial=0) < np.finfo(np.float32).max / 4)


def _chosen(m: int, site: Site) -> bool:
    x, y = site.inputs[0], site.outputs[0].type.shape
    assert x is not None
    return takes(site) and choice(x.type.shape[3], y) == m


WINOGRAD = tuple(
    Lowering(
        functools.partial(lower_f32_winograd, m),
        functools.partial(_chosen, m),
        pitched=True,
    )
    for m in F
)
