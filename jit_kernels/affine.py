"""Quantization by tensors of scales: an element's scale is found by its place along the axis."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ir import FLOAT8, FORMATS
from ..refimpl.affine import (
    INTEGERS,
    QUANTIZED,
    block_count,
    dequantize_linear,
    limits,
    quantize_linear,
)
from ..refimpl.narrow import MASKS
from .convert import convert_to, converted
from .kernel import (
    F32,
    F64P,
    I64,
    OK,
    S32,
    U8,
    U16,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lowering import Operand, Site, Step, lowers
from .narrow import to_narrow_float
from .strided import operand

FAR = 2.0**20  # beyond every stored integer and zero point together


@inlined
def scale_run(i, stop, inner, piece, d, block, per_o, per_a, per_k):  # type: ignore[no-untyped-def]
    """Return how many elements from `i` on make a run, and where the scale of the first lies.

    Rows of `inner` elements are (outer, d), with scales for `block` of d, per_a apart, or, where `piece` is shorter
    than a row, for each piece of it. In a run scales are one, or per_k apart.
    """
    row = i // inner
    k = i - row * inner
    at = k // piece
    run = min(min(piece - (k - at * piece), inner - k), stop - i)
    return run, row // d * per_o + row % d // block * per_a + (k * per_k if per_k else at)


@inlined
def stored(q, z, low, high):  # type: ignore[no-untyped-def]
    """Round to the nearest whole number, ties to even, add the zero point, saturate; no number is the least."""
    near = min(max(np.rint(q), np.float32(-FAR)), np.float32(FAR))
    whole = np.int32(near if q == q else np.float32(-FAR)) + z
    return min(max(whole, np.int32(low)), np.int32(high))


@inlined
def store_run(x, s, z, y, i, j, run, per_k, divided, low, high, mask):  # type: ignore[no-untyped-def]
    """Quantize elements from `i` on, whose scales lie from `j` on; those that are `divided` already are quotients."""
    if per_k:
        for k in range(run):
            q = x[i + k] if divided else x[i + k] / s[j + k]
            y[i + k] = stored(q, z[j + k], low, high) & mask
    elif divided:
        for k in range(run):
            y[i + k] = stored(x[i + k], z[j], low, high) & mask
    else:
        for k in range(run):
            y[i + k] = stored(x[i + k] / s[j], z[j], low, high) & mask


@kernel
def f32_quantize_linear(
    x: F32, s: F32, z: S32, y8: U8, y16: U16, wide: I64, divided: I64, low: I64, high: I64, mask: I64,
    inner: I64, piece: I64, d: I64, block: I64, per_o: I64, per_a: I64, per_k: I64, count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """To integers of 8 (or fewer), or, if `wide`, 16 bits."""
    i, stop = share(count, tid, threads)
    while i < stop:
        run, j = scale_run(i, stop, inner, piece, d, block, per_o, per_a, per_k)
        if wide:
            store_run(x, s, z, y16, i, j, run, per_k, divided, low, high, mask)
        else:
            store_run(x, s, z, y8, i, j, run, per_k, divided, low, high, mask)
        i += run
    return OK


@kernel
def f32_combine(
    x: F32, s: F32, y: F32, adds: I64, inner: I64, piece: I64, d: I64, block: I64, per_o: I64, per_a: I64, per_k: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Divide by the scale, or add the zero point."""
    i, stop = share(count, tid, threads)
    while i < stop:
        run, j = scale_run(i, stop, inner, piece, d, block, per_o, per_a, per_k)
        for n in range(run):
            v = s[j + n * per_k]
            y[i + n] = x[i + n] + v if adds else x[i + n] / v
        i += run
    return OK


@kernel_family("s8", "u8", "s16", "u16", "f32")
def dequantize_rows(
    x: T, s: F32, z: F32, y: F32, inner: I64, piece: I64, d: I64, block: I64, per_o: I64, per_a: I64, per_k: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """To float32: differences of 16-bit numbers are exact in it, and the product is rounded once."""
    i, stop = share(count, tid, threads)
    while i < stop:
        run, j = scale_run(i, stop, inner, piece, d, block, per_o, per_a, per_k)
        if per_k:
            for n in range(run):
                y[i + n] = (np.float32(x[i + n]) - z[j + n]) * s[j + n]
        else:
            for n in range(run):
                y[i + n] = (np.float32(x[i + n]) - z[j]) * s[j]
        i += run
    return OK


@kernel_family("s8", "u8", "s16", "u16", "s32", "f32")
def dequantize_wide(
    x: T, s: F32, z: F64P, y: F64P, inner: I64, piece: I64, d: I64, block: I64, per_o: I64, per_a: I64, per_k: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """To float64, in which the products of 16-bit numbers are exact."""
    i, stop = share(count, tid, threads)
    while i < stop:
        run, j = scale_run(i, stop, inner, piece, d, block, per_o, per_a, per_k)
        for n in range(run):
            y[i + n] = (np.float64(x[i + n]) - z[j + n * per_k]) * np.float64(s[j + n * per_k])
        i += run
    return OK


def _layout(site: Site, x: Operand, scale: Operand) -> tuple[int, ...]:
    """Return inner, piece, d, block, per_o, per_a, per_k and the number of elements: see `scale_run`."""
    shape, count = x.type.shape, x.type.size
    if scale.type.shape == ():
        return count, count, 1, 1, 0, 0, 0, count
    axis, block = site.attributes["axis"] % len(shape), site.attributes["block"]
    inner, n = math.prod(shape[axis + 1 :]), shape[axis]
    if inner == 1 and not block:
        return n, n, 1, 1, 0, 0, 1, count
    if inner == 1:
        return n, block, 1, 1, block_count(shape, axis, block), 0, 0, count
    if block:
        return inner, inner, n, block, block_count(shape, axis, block) * inner, inner, 1, count
    return inner, inner, n, 1, 0, 1, 0, count


def _room(site: Site, like: Operand, form: str) -> Operand:
    room = site.scratch(FORMATS[form].itemsize * like.type.size)
    return Operand(room.name, replace(like.type, dtype=FORMATS[form], value=None))


def _real(site: Site, x: Operand, precision: str) -> tuple[list[Step], Operand]:
    """Return a tensor rounded to `precision`, as float32."""
    before, rounded = converted(site, x, precision)
    after, wide = converted(site, rounded, "f32")
    return [*before, *after], wide


def _zero_points(site: Site, scale: Operand, form: str) -> tuple[list[Step], Operand]:
    zero = site.inputs[2] if len(site.inputs) > 2 else None
    if zero is None or zero.type.format in FLOAT8:
        return [], site.constant(np.zeros(scale.type.shape, FORMATS[form]))
    return converted(site, zero, form)


@lowers(*((quantize_linear, form) for form in ("f32", "f16", "bf16", "s32")))
def lower_quantize_linear(site: Site) -> list[Step]:
    """Quotients, rounded to their precision; then whole numbers, or narrow floats."""
    x, scale, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    to, precision = y.type.format, site.attributes["precision"]
    layout = _layout(site, x, scale)
    steps, wide = _real(site, x, precision)
    more, s = _real(site, scale, precision)
    steps += more
    if to in INTEGERS and precision == "f32":
        return [*steps, *_stored(site, scale, wide, s, y, layout, divided=False)]
    quotients = _room(site, x, "f32")
    steps.append(Step(f32_combine, (wide, s, quotients, 0, *layout)))
    more, q = _real(site, quotients, precision)
    steps += more
    if to in INTEGERS:
        return [*steps, *_stored(site, scale, q, s, y, layout, divided=True)]
    if to not in FLOAT8 and len(site.inputs) > 2 and site.inputs[2] is not None:
        more, z = _zero_points(site, scale, "f32")
        shifted = _room(site, x, "f32")
        steps += [*more, Step(f32_combine, (q, z, shifted, 1, *layout))]
        more, q = _real(site, shifted, precision)
        steps += more
    return [*steps, *to_narrow_float(q, y, site.attributes["saturate"])]


def _stored(
    site: Site, scale: Operand, x: Operand, s: Operand, y: Operand, layout: tuple[int, ...], divided: bool
) -> list[Step]:  # fmt: skip
    steps, z = _zero_points(site, scale, "s32")
    wide = int(y.type.dtype.itemsize == 2)
    mask = MASKS.get(y.type.format, 0xFFFF if wide else 0xFF)
    numbers = (wide, int(divided), *limits(y.type.format), mask)
    return [*steps, Step(f32_quantize_linear, (x, s, z, y, y, *numbers, *layout))]


@lowers(*((dequantize_linear, form) for form in (*QUANTIZED, "s32")))
def lower_dequantize_linear(site: Site) -> list[Step]:
    """Differences times scales: in float32, or in float64 and rounded."""
    x, scale, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    layout = _layout(site, x, scale)
    steps, s = converted(site, scale, "f32")
    form = x.type.format
    if form not in dequantize_wide:
        more, x = converted(site, x, "s8" if form in INTEGERS else "f32")
        steps += more
    if y.type.format == "f32" and form != "s32":
        more, z = _zero_points(site, scale, "f32")
        return [*steps, *more, Step(dequantize_rows[x.type.format], (x, s, z, y, *layout))]
    more, z = _zero_points(site, scale, "f64")
    exact = _room(site, x, "f64")
    steps += [*more, Step(dequantize_wide[x.type.format], (x, s, z, exact, *layout))]
    return [*steps, *convert_to(exact, y)]
