"""Convolution 3x3 of stride 1 by Winograd's F(2,3), F(4,3) or F(6,3), in float32 on images of float32 or of halves.

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
from .half import narrow_halves, widen_halves
from .kernel import F64, I64, OK, S64, Inlined, emitted, inlined, kernel, share
from .lowering import Lowering, Site, Step
from .patches import clear_words, copy_words
from .simd import LANES, Tile
from .winograd_cost import choice, patches_of_a_block
from .winograd_tiles import SIZES, any_input, any_output, plain_tile, product
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
def read_halves(to, source, count):  # type: ignore[no-untyped-def]
    """Widen halves to float32."""
    widen_halves(source, to, count)


@inlined
def write_halves(to, source, count):  # type: ignore[no-untyped-def]
    """Round float32 to halves."""
    narrow_halves(source, to, count)


READ: dict[str, Any] = {"f32": copy_words, "f16": read_halves}
WRITE: dict[str, Any] = {"f32": copy_words, "f16": write_halves}


@inlined
def place_of(patch, s):  # type: ignore[no-untyped-def]
    """Return a patch's image, and the row and column of its first output."""
    image, rest = patch // (s[DOWN] * s[ACROSS]), patch % (s[DOWN] * s[ACROSS])
    return image, rest // s[ACROSS] * s[M], rest % s[ACROSS] * s[M]


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


def inputs_of(form: str) -> Inlined:
    """Return the stage that transforms patches of images of float32, or of halves."""
    element, read = SIZES[form], READ[form]
    transform_here, transform_copy = any_input(form), any_input("f32")

    @inlined
    def copy_patch(to, room, x, y0, x0, t, s):  # type: ignore[no-untyped-def]
        """Copy t x t places of an image, from (y0, x0) on, to places of `room` bytes; zeros where there is none."""
        for i in range(t):
            for j in range(t):
                used = 0
                if 0 <= y0 + i < s[HEIGHT] and 0 <= x0 + j < s[WIDTH]:
                    at = ((y0 + i) * s[WIDTH] + x0 + j) * s[CHANNELS]
                    read(to, x + at * element, s[CHANNELS])
                    used = s[CHANNELS] * 4
                if used < room:
                    clear_words(to + used, (room - used) // 4)
                to += room

    @inlined
    def transform_inputs(x, planes, copied, first, count, s):  # type: ignore[no-untyped-def]
        """Write the planes of `count` patches."""
        t, c = s[M] + 2, s[CHANNELS]
        vectors, pixel = (c + LANES - 1) // LANES, c * element
        row = s[WIDTH] * pixel
        for i in range(count):
            image, y0, x0 = place_of(first + i, s)
            y0, x0 = y0 - s[TOP], x0 - s[LEFT]
            source = x + image * s[HEIGHT] * row
            inside = y0 >= 0 and x0 >= 0 and y0 + t <= s[HEIGHT] and x0 + t <= s[WIDTH]
            to, step = planes + i * LINE, s[BLOCK] * LINE
            if inside and c % LANES == 0:
                source += y0 * row + x0 * pixel
                transform_here(s[M], source, row, pixel, to, s[PLANE], step, vectors)
            else:
                wide = vectors * LINE
                copy_patch(copied, wide, source, y0, x0, t, s)
                transform_copy(s[M], copied, t * wide, wide, to, s[PLANE], step, vectors)

    return transform_inputs


def plain_of(form: str) -> Inlined:
    """Return what computes some outputs without transforms."""
    element, plain_sum = SIZES[form], plain_tile(form)

    @inlined
    def plain_outputs(x, w, bias, r, y, y0, x0, rows, columns, first, last, s, low, high):  # type: ignore[no-untyped-def]
        """Compute rows x columns outputs of the filters first .. last - 1 as plain sums.

        (y0, x0) is the first input.
        """
        c, n = s[CHANNELS], s[PITCH]
        pixel = c * element
        for i in range(rows):
            p, stop = max(0, -(y0 + i)), min(3, s[HEIGHT] - y0 - i)
            for j in range(columns):
                q, end = max(0, -(x0 + j)), min(3, s[WIDTH] - x0 - j)
                at = x + ((y0 + i + p) * s[WIDTH] + x0 + j + q) * pixel
                for o in range(first, last):
                    of = w + ((o * 3 + p) * 3 + q) * c * 4
                    here = ((i * s[OUT_WIDTH] + j) * n + o) * element
                    more = r + here if r != 0 else 0
                    plain_sum(
                        at, s[WIDTH] * pixel, of, 12 * c, max(0, stop - p), max(0, end - q) * c,
                        bias + o * 4, more, y + here, low, high,
                    )  # fmt: skip

    return plain_outputs


def outputs_of(form: str) -> Inlined:
    """Return the stage that makes the outputs of a patch."""
    element, read, write = SIZES[form], READ[form], WRITE[form]
    finish_here, finish_copy = any_output(form), any_output("f32")
    plain_outputs = plain_of(form)

    @inlined
    def finish_patch(x, w, base, products, bias, r, y, y0, x0, p, s, low, high):  # type: ignore[no-untyped-def]
        """Make the outputs of a patch for the filters of panel p; `y` and `r` are its first."""
        m, n, first = s[M], s[FILTERS], p * PANEL
        pixel, step, wrong = s[PITCH] * element, s[BLOCK] * LINE, base + s[WRONG]
        row = s[OUT_WIDTH] * pixel
        rows, columns = min(m, s[OUT_HEIGHT] - y0), min(m, s[OUT_WIDTH] - x0)
        used = min(2, (n - first + LANES - 1) // LANES)  # vectors
        begin, start, size = first * element, bias + first * 4, used * LINE
        if rows == m and columns == m and n % LANES == 0:
            more = r + begin if r != 0 else 0
            finish_here(
                m, products, s[PRODUCTS], step, used, start, more, row, pixel,
                y + begin, row, pixel, wrong, low, high,
            )  # fmt: skip
        else:
            made, added, count = base + s[MADE], 0, min(n - first, used * LANES)
            if r != 0:
                added = base + s[ADDED]
                for i in range(rows * columns):
                    h, k = i // columns, i % columns
                    read(added + (h * m + k) * size, r + begin + h * row + k * pixel, count)
            finish_copy(
                m, products, s[PRODUCTS], step, used, start, added, m * size, size,
                made, m * size, size, wrong, low, high,
            )  # fmt: skip
            for i in range(rows * columns):
                h, k = i // columns, i % columns
                write(y + begin + h * row + k * pixel, made + (h * m + k) * size, count)
        for k in range(used):
            if word(wrong + k * 8) != 0:
                o = first + k * LANES
                plain_outputs(
                    x, w, bias, r, y, y0 - s[TOP], x0 - s[LEFT], rows, columns,
                    o, min(o + LANES, n), s, low, high,
                )  # fmt: skip

    return finish_patch


def winograd_of(form: str) -> Inlined:
    """Return the body of the kernel for images of float32, or of halves, which only registers see as float32."""
    element, transform_inputs, finish_patch = SIZES[form], inputs_of(form), outputs_of(form)

    @inlined
    def body(x, u, bias, r, y, w, s, scratch, low, high, tid, threads):  # type: ignore[no-untyped-def]
        """Threads share the blocks, or else the panels."""
        n, size = s[FILTERS], s[HEIGHT] * s[WIDTH] * s[CHANNELS] * element
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
                    place = (image * s[OUT_HEIGHT] + y0) * s[OUT_WIDTH] + x0
                    offset = place * s[PITCH] * element
                    more = r + offset if r != 0 else 0
                    finish_patch(
                        x + image * size, w, base, products + i * LINE, bias, more, y + offset,
                        y0, x0, p, s, low, high,
                    )  # fmt: skip

    return body


f32_images, f16_images = winograd_of("f32"), winograd_of("f16")


@kernel
def f32_winograd(
    x: I64, u: I64, bias: I64, r: I64, y: I64, w: I64, s: S64, scratch: I64, low: F64, high: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(conv(X, W) + bias + R), m x m outputs a patch."""
    f32_images(x, u, bias, r, y, w, s, scratch, low, high, tid, threads)
    return OK


@kernel
def f16_winograd(
    x: I64, u: I64, bias: I64, r: I64, y: I64, w: I64, s: S64, scratch: I64, low: F64, high: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same where X, R and Y are halves."""
    f16_images(x, u, bias, r, y, w, s, scratch, low, high, tid, threads)
    return OK


KERNELS = {"f32": f32_winograd, "f16": f16_winograd}


def as_float32(w: Array) -> Array:
    """Return weights as float32."""
    return w.astype(np.float32)


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


def lower_winograd(m: int, site: Site) -> list[Step]:
    """One kernel call; the weights are transformed here, in float64, and rounded once."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None and w.value is not None
    s = sizes(m, site)
    bias = site.constant(pad_columns(None if b is None else b.value, int(s[FILTERS])))
    u, scratch = site.packed(pack_planes, m, w.value), site.scratch(site.threads * int(s[TOTAL]))
    filters = w if w.type.format == "f32" else site.packed(as_float32, w.value)
    places = (x, u, bias, site.residual, y, filters, site.constant(s), scratch)
    ends = limits(site.attributes["activation"])
    return [Step(KERNELS[x.type.format], (*places, *ends), algorithm=f"winograd{m}")]


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
        functools.partial(lower_winograd, m),
        functools.partial(_chosen, m),
        pitched=True,
    )
    for m in F
)
