"""Quantization of float32 images to bytes while the plan runs: the ranges, then the bytes, in vectors.

The arithmetic is that of quant/dynamic.py, bit for bit: multiplied in float32 and rounded with halves away from zero.
A byte is stored as the operand of the dot product that it becomes: its `code` is added, 128 for unsigned ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .isa import HOST
from .kernel import F32, F64, I64, OK, S32, S64, inlined, kernel, share
from .lowering import Operand, Site, Step
from .patches import runs
from .simd import Value, Vectors, tile
from .simd_int import signed_bytes

ONE = np.float32(1)
CODE = 0 if signed_bytes(HOST) else 128  # what is added to a byte
FAR_OUT = (
    1024.0  # beyond every byte and zero point: there numbers are cut off before they become whole
)
ACCUMULATORS = 4


@tile("range_of_reals")
def range_of(v: Vectors, x: I64, count: I64, to: I64) -> None:
    """Store the least and the largest of zero and `count` float32; NaN is passed over."""
    none = v.full("f32", 0.0)

    def wider(ends: Sequence[Value], a: Value) -> list[Value]:
        return [v.at_most(ends[0], a), v.at_least(ends[1], a)]

    def several(parts: int, start: Value) -> Callable[..., list[Value]]:
        def body(i: Value, *state: Value) -> list[Value]:
            new = list(state)
            for j in range(parts):
                at = v.mul(v.add(start, v.mul(v.add(v.mul(i, parts), j), v.lanes)), 4)
                new[2 * j : 2 * j + 2] = wider(state[2 * j : 2 * j + 2], v.load("f32", x, at))
            return new

        return body

    def one(i: Value, *state: Value) -> list[Value]:
        a = v.repeat("f32", x, v.mul(v.add(i, done), 4))
        return [*wider(state[:2], a), *state[2:]]

    blocks = v.b.sdiv(count, v.const(ACCUMULATORS * v.lanes))
    ends = v.carry(blocks, [none] * (2 * ACCUMULATORS), several(ACCUMULATORS, v.const(0)))
    done = v.mul(blocks, ACCUMULATORS * v.lanes)
    more = v.b.sdiv(v.b.sub(count, done), v.const(v.lanes))
    ends = v.carry(more, ends, several(1, done))
    done = v.add(done, v.mul(more, v.lanes))
    ends = v.carry(v.b.sub(count, done), ends, one)
    lows, highs = list(ends[::2]), list(ends[1::2])
    for found, join, place in ((lows, v.at_most, 0), (highs, v.at_least, 4)):
        while len(found) > 1:
            found = [join(a, b) for a, b in zip(found[::2], found[1::2], strict=True)]
        v.store(v.fold(found[0], join), to, place)


@tile("quantize_reals")
def quantize_reals(
    v: Vectors, x: I64, to: I64, count: I64, inverse: F64, middle: I64, least: I64, code: I64
) -> None:
    """Store clamp(round(x inverse) + middle, least, 127) + code as bytes; NaN is zero before `middle`."""
    factor, middle, least, code = (
        v.narrow(a, kind)
        for a, kind in ((inverse, "f32"), (middle, "s32"), (least, "s8"), (code, "s8"))
    )

    def whole(at: Value, lanes: int) -> Value:
        y = v.b.fmul(v.load("f32", x, v.mul(at, 4), lanes), v.splat(factor, lanes))
        y = v.b.select(v.b.fcmp_ordered("ord", y, y), y, v.full("f32", 0.0, lanes))
        ends = (v.full("f32", end, lanes) for end in (-FAR_OUT, FAR_OUT))
        return v.b.add(v.round_half_away(v.clamp(y, *ends)), v.splat(middle, lanes))

    def do(i: Value, width: int) -> None:
        lanes = max(width // 4, 1)
        parts = [whole(v.add(i, lanes * j), lanes) for j in range(width // lanes)]
        if width == 1:
            low, high = (v.full("s32", end, 1) for end in (-128, 127))
            y = v.b.trunc(v.clamp_int(parts[0], low, high), v.vector("s8", 1))
        else:
            y = v.saturate_s8(parts)
        y = v.call(f"llvm.smax.v{width}i8", y.type, y, v.splat(least, width))
        v.store(v.b.xor(y, v.splat(code, width)), to, i)

    runs(v, count, (4 * v.lanes, 16) if v.lanes > 4 else (16,), do)


@tile("offsets_of_reals")
def shift_reals(v: Vectors, x: I64, to: I64, count: I64, inverse: F64, zero: I64) -> None:
    """Store the same less the zero point, as float32: clamp(round(x inverse), -128 - zero, 127 - zero)."""
    factor = v.narrow(inverse, "f32")
    low, high = (v.narrow(v.b.sub(v.const(end), zero), "s32") for end in (-128, 127))

    def do(i: Value, lanes: int) -> None:
        at = v.mul(i, 4)
        y = v.b.fmul(v.load("f32", x, at, lanes), v.splat(factor, lanes))
        y = v.b.select(v.b.fcmp_ordered("ord", y, y), y, v.full("f32", 0.0, lanes))
        ends = (v.full("f32", end, lanes) for end in (-FAR_OUT, FAR_OUT))
        whole = v.round_half_away(v.clamp(y, *ends))
        whole = v.clamp_int(whole, v.splat(low, lanes), v.splat(high, lanes))
        v.store(v.b.sitofp(whole, y.type), to, at)

    runs(v, count, (v.lanes, 4) if v.lanes > 4 else (4,), do)


@inlined
def half_away(x):  # type: ignore[no-untyped-def]
    """Round to the nearest whole number, halves away from zero."""
    whole = np.trunc(x)
    if abs(x - whole) >= 0.5:
        whole += 1.0 if x > 0 else -1.0
    return whole


@inlined
def asymmetric(low, high):  # type: ignore[no-untyped-def]
    """Return the scale and the zero point for values from `low` to `high`, as `quantize_asymmetric`."""
    if low == high:
        return ONE, np.int64(0)
    a, b = np.float64(low), np.float64(high)
    step = np.float64(high - low) / 255.0  # the difference is rounded to float32
    nearer_low = 128.0 + abs(a / step) < 127.0 + abs(b / step)
    zero = half_away(-128.0 - a / step if nearer_low else 127.0 - b / step)
    return np.float32(step), np.int64(min(max(zero, -128.0), 127.0))


@inlined
def symmetric(low, high):  # type: ignore[no-untyped-def]
    """Return the scale for values from `low` to `high` and its inverse, as `quantize_symmetric`."""
    spread = max(-low, high)
    if spread == 0:
        return ONE, ONE
    return np.float32(spread / np.float32(127)), np.float32(np.float32(127) / spread)


@inlined
def piece(size, tid, threads):  # type: ignore[no-untyped-def]
    """Return the elements (start, stop) of an image that are a thread's: whole lines of a cache."""
    start, stop = share((size + 63) // 64, tid, threads)
    return min(start * 64, size), min(stop * 64, size)


@kernel
def dynamic_range(
    x: I64, found: I64, shares: S64, images: I64, size: I64, most: I64, tid: I64, threads: I64
) -> I64:
    """Find the least and the largest value of each thread's part of every image; say how many parts there are."""
    start, stop = piece(size, tid, threads)
    if tid == 0:
        shares[0] = threads
    for image in range(images):
        range_of(x + 4 * (image * size + start), stop - start, found + 8 * (image * most + tid))
    return OK


@kernel
def dynamic_quantize(
    x: I64,
    q: I64,
    found: F32,
    shares: S64,
    scale: F32,
    zero: S32,
    images: I64,
    size: I64,
    most: I64,
    centred: I64,
    real: I64,
    code: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Quantize images of `size` elements: `centred` about zero, or from the least to the largest.

    The result is bytes, to which `code` is added as to `zero`, or `real`, float32 less the zero point.
    """
    start, stop = piece(size, tid, threads)
    for image in range(images):
        low = high = np.float32(0)
        for part in range(shares[0]):
            at = 2 * (image * most + part)
            low, high = min(low, found[at]), max(high, found[at + 1])
        if centred:
            factor, inverse = symmetric(low, high)
            middle, least = 0, -127
        else:
            factor, middle = asymmetric(low, high)
            inverse, least = ONE / factor, -128
        if tid == 0:
            scale[image], zero[image] = factor, middle + code
        at = image * size + start
        if real:
            shift_reals(x + 4 * at, q + 4 * at, stop - start, inverse, middle)
        else:
            quantize_reals(x + 4 * at, q + at, stop - start, inverse, middle, least, code)
    return OK


def quantize_steps(
    site: Site, images: int, centred: bool, slack: int = 0, real: bool = False
) -> tuple[list[Step], tuple[Operand, Operand, Operand]]:
    """Return the steps that quantize the first input, and what they make: numbers, scales, zero points.

    `slack` bytes behind the numbers may be read.
    """
    x = site.inputs[0]
    assert x is not None
    size, most = x.type.size // max(images, 1), site.threads
    q = site.scratch(x.type.size * (4 if real else 1) + slack)
    found, shares = site.scratch(8 * images * most), site.scratch(8)
    scale, zero = site.scratch(4 * images), site.scratch(4 * images)
    sizes = (images, size, most)
    made = (x, q, found, shares, scale, zero, *sizes, centred, real, 0 if real else CODE)
    steps = [
        Step(dynamic_range, (x, found, shares, *sizes)),
        Step(dynamic_quantize, made),
    ]
    return steps, (q, scale, zero)
