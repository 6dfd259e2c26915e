"""What is done to each channel for itself, in float32: channels at the end are the vector, others a row each."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..refimpl.activation import ACTIVATIONS
from ..refimpl.channel import batch_norm, instance_norm, scale
from .kernel import F32, F64, I64, OK, kernel, share
from .layer_norm import summed
from .lowering import Argument, Operand, Site, Step, lowers
from .simd import LANES, Value, Vectors, tile

Given = Callable[[Value, Value, int], Value]  # (address, offset, lanes) -> what a channel has


def _across(v: Vectors, count: Value, write: Callable[[Value, int], None]) -> None:
    """Run `write(offset, lanes)` over `count` float32 elements: vectors, then one at a time."""

    def some(lanes: int, first: Value) -> Callable[[Value], list[Value]]:
        def body(i: Value) -> list[Value]:
            write(v.mul(v.add(first, v.mul(i, lanes)), 4), lanes)
            return []

        return body

    whole = v.b.sdiv(count, v.const(v.lanes))
    v.carry(whole, [], some(v.lanes, v.const(0)))
    done = v.mul(whole, v.lanes)
    v.carry(v.b.sub(count, done), [], some(1, done))


def _scaled(
    v: Vectors, x: Value, given: tuple[Value, ...], y: Value, ends: tuple[Value, ...], each: Given
) -> Callable[[Value, int], None]:
    """Return what writes (x - mean) factor + offset, clamped."""
    low, high = (v.narrow(end, "f32") for end in ends)

    def write(at: Value, lanes: int) -> None:
        mean, factor, offset = (each(p, at, lanes) for p in given)
        d = v.b.fsub(v.load("f32", x, at, lanes=lanes), mean)
        z = v.fma(d, factor, offset)
        v.store(v.clamp(z, v.splat(low, lanes), v.splat(high, lanes)), y, at)

    return write


@tile("f32_channels_last")
def channels_last(
    v: Vectors, x: I64, m: I64, f: I64, b: I64, y: I64, count: I64, low: F64, high: F64
) -> None:
    """One pixel: each element has its own mean, factor and offset."""
    load: Given = lambda p, at, lanes: v.load("f32", p, at, lanes=lanes)  # noqa: E731
    _across(v, count, _scaled(v, x, (m, f, b), y, (low, high), load))


@tile("f32_channel_row")
def channel_row(
    v: Vectors, x: I64, m: I64, f: I64, b: I64, y: I64, count: I64, low: F64, high: F64
) -> None:
    """One row: all its elements have the same mean, factor and offset."""
    numbers = {id(p): v.scalar("f32", p) for p in (m, f, b)}
    same: Given = lambda p, at, lanes: v.splat(numbers[id(p)], lanes)  # noqa: E731
    _across(v, count, _scaled(v, x, (m, f, b), y, (low, high), same))


@kernel
def f32_channels(
    x: I64, m: I64, f: I64, b: I64, y: I64, outer: I64, channels: I64, inner: I64,
    low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share pixels, or rows."""
    if inner == 1:
        start, stop = share(outer, tid, threads)
        for row in range(start, stop):
            at = row * channels * 4
            channels_last(x + at, m, f, b, y + at, channels, low, high)
        return OK
    start, stop = share(outer * channels, tid, threads)
    for row in range(start, stop):
        at, c = row * inner * 4, row % channels * 4
        channel_row(x + at, m + c, f + c, b + c, y + at, inner, low, high)
    return OK


@kernel
def f32_batch_factors(
    variance: F32, factor: F32, y: F32, channels: I64, epsilon: F64, tid: I64, threads: I64
) -> I64:
    """Divide by the deviation, in float64."""
    start, stop = share(channels, tid, threads)
    for c in range(start, stop):
        y[c] = np.float32(factor[c] / math.sqrt(variance[c] + epsilon))
    return OK


def _or_constant(site: Site, position: int, value: float, count: int) -> Operand:
    """Return an input, or as many of a number where it is absent."""
    given = site.inputs[position] if position < len(site.inputs) else None
    return given or site.constant(np.full(count, value, np.float32))


def _channels(
    site: Site, given: tuple[Argument, ...], axis: int, reach: int, activation: str
) -> Step:
    """Return the step for channels along `reach` axes from `axis` on."""
    (x, y), shape = (site.inputs[0], site.outputs[0]), site.outputs[0].type.shape
    first = axis % len(shape)
    parts = (shape[:first], shape[first : first + reach], shape[first + reach :])
    sizes = (math.prod(part) for part in parts)
    return Step(f32_channels, (x, *given, y, *sizes, *ACTIVATIONS[activation]))


@lowers((batch_norm, "f32"))
def lower_batch_norm(site: Site) -> list[Step]:
    """Factors first, in scratch."""
    mean, variance = site.inputs[1:3]
    assert mean is not None
    count, axis = mean.type.size, site.attributes["axis"]
    factor = site.scratch(4 * max(count, 1))
    given = _or_constant(site, 3, 1.0, count)
    epsilon = float(np.float32(site.attributes["epsilon"]))
    return [
        Step(f32_batch_factors, (variance, given, factor, count, epsilon)),
        _channels(site, (mean, factor, _or_constant(site, 4, 0.0, count)), axis, 1, "none"),
    ]


@lowers((scale, "f32"))
def lower_scale(site: Site) -> list[Step]:
    """There is a mean of 0."""
    factor = site.inputs[1]
    assert factor is not None
    count, zeros = factor.type.size, np.zeros(max(factor.type.size, 1), np.float32)
    given = (site.constant(zeros), factor, _or_constant(site, 2, 0.0, count))
    a = site.attributes
    return [_channels(site, given, a["axis"], len(factor.type.shape), a["activation"])]


@tile("f32_instance_last")
def instance_last(
    v: Vectors, x: I64, scale: I64, offset: I64, y: I64, pixels: I64, step: I64,
    inverse: F64, epsilon: F64, lanes: I64,
) -> None:  # fmt: skip
    """Some channels of one image, `step` bytes from pixel to pixel: mean, variance, and the result."""
    mask = v.mask(lanes)
    part, little = v.splat(v.narrow(inverse, "f32")), v.splat(v.narrow(epsilon, "f32"))
    zero = v.full("f32", 0.0)

    def pixel(i: Value) -> Value:
        return v.load_some("f32", mask, x, v.mul(i, step))

    (total,) = v.carry(pixels, [zero], lambda i, acc: [v.b.fadd(acc, pixel(i))])
    mean = v.b.fmul(total, part)

    def square(i: Value, acc: Value) -> list[Value]:
        d = v.b.fsub(pixel(i), mean)
        return [v.fma(d, d, acc)]

    (total,) = v.carry(pixels, [zero], square)
    variance = v.b.fadd(v.b.fmul(total, part), little)
    root = v.call(f"llvm.sqrt.v{v.lanes}f32", variance.type, variance)
    factor = v.b.fdiv(v.full("f32", 1.0), root)
    factor = v.b.fmul(factor, v.load_some("f32", mask, scale))
    shift = v.load_some("f32", mask, offset)

    def write(i: Value) -> list[Value]:
        z = v.fma(v.b.fsub(pixel(i), mean), factor, shift)
        v.store_some(z, mask, y, v.mul(i, step))
        return []

    v.carry(pixels, [], write)


@tile("f32_instance_rows")
def instance_rows(
    v: Vectors, x: I64, scale: I64, offset: I64, y: I64, rows: I64, step: I64, count: I64,
    inverse: F64, epsilon: F64,
) -> None:  # fmt: skip
    """One channel of one image: `rows` rows of `count` elements, `step` bytes apart."""
    part, little = v.narrow(inverse, "f32"), v.narrow(epsilon, "f32")

    def added(term: Callable[[Value], Value]) -> Value:
        def row(i: Value, acc: Value) -> list[Value]:
            return [v.b.fadd(acc, summed(v, v.add(x, v.mul(i, step)), count, term))]

        (acc,) = v.carry(rows, [v.element("f32")(0.0)], row)
        return v.b.fmul(acc, part)

    mean = added(lambda a: a)

    def squared(a: Value) -> Value:
        d = v.b.fsub(a, v.splat(mean, a.type.count))
        return v.b.fmul(d, d)

    variance = v.b.fadd(added(squared), little)
    root = v.call("llvm.sqrt.f32", variance.type, variance)
    factor = v.b.fmul(v.b.fdiv(v.element("f32")(1.0), root), v.scalar("f32", scale))
    shift = v.scalar("f32", offset)

    def write(i: Value) -> list[Value]:
        source, target = (v.add(p, v.mul(i, step)) for p in (x, y))

        def some(at: Value, lanes: int) -> None:
            d = v.b.fsub(v.load("f32", source, at, lanes=lanes), v.splat(mean, lanes))
            v.store(v.fma(d, v.splat(factor, lanes), v.splat(shift, lanes)), target, at)

        _across(v, count, some)
        return []

    v.carry(rows, [], write)


@kernel
def f32_instance_norm(
    x: I64, scale: I64, offset: I64, y: I64, batch: I64, before: I64, channels: I64, after: I64,
    inverse: F64, epsilon: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share images and channels, of which the last ones make a vector."""
    if after == 1:
        groups = (channels + LANES - 1) // LANES
        start, stop = share(batch * groups, tid, threads)
        for k in range(start, stop):
            c = k % groups * LANES
            at, few = (k // groups * before * channels + c) * 4, min(LANES, channels - c)
            instance_last(
                x + at, scale + 4 * c, offset + 4 * c, y + at, before, 4 * channels, inverse, epsilon, few
            )  # fmt: skip
        return OK
    start, stop = share(batch * channels, tid, threads)
    for k in range(start, stop):
        c = k % channels
        at, step = (k // channels * before * channels + c) * after * 4, channels * after * 4
        instance_rows(
            x + at, scale + 4 * c, offset + 4 * c, y + at, before, step, after, inverse, epsilon
        )
    return OK


@lowers((instance_norm, "f32"))
def lower_instance_norm(site: Site) -> list[Step]:
    """Images (N, before, C, after)."""
    shape = site.outputs[0].type.shape
    axis = site.attributes["axis"] % len(shape)
    before, after = math.prod(shape[1:axis]), math.prod(shape[axis + 1 :])
    reals = (1 / max(before * after, 1), float(np.float32(site.attributes["epsilon"])))
    sizes = (shape[0], before, shape[axis], after)
    return [Step(f32_instance_norm, (*site.inputs, site.outputs[0], *sizes, *reals))]
