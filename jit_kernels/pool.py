"""Pooling: the places of a window are met one after the other, and a vector is channels of one place.

Halves are widened and rounded in registers; what lies between is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..quant.activation import activation_range
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.pool import avg_pool2d, max_pool2d
from .kernel import F64, I64, OK, Inlined, Kernel, inlined, kernel, share
from .lowering import Operand, Site, Step, lowers
from .patches import inner, runs
from .simd import LANES, Tile, Value, Vectors, tile

MOST = (
    1 << 16
)  # places of a window of integers: up to here float32 divides their sums without error

Take = Callable[[Vectors, Value, Value], Value]  # (v, what is there, vector of the next place)
Finish = Callable[[Vectors, Value, Value, Sequence[Value]], Value]  # (v, all taken, places, bounds)


def _widths(size: int) -> tuple[int, ...]:
    """Return the numbers of elements of `size` bytes that are taken at a time."""
    if size == 1:
        return tuple(n for n in (4 * LANES, 16) if n <= 4 * LANES)
    return tuple(dict.fromkeys((4 * LANES, LANES, min(8, LANES), 4)))


def _tile(name: str, size: int, start: str, take: Take, finish: Finish) -> Tile:
    """Return the tile of `count` windows of the same size, `step` bytes apart; `start` is what is taken of no place."""
    kind = {4: "f32", 2: "f16", 1: "s8"}[size]

    def windows(v: Vectors, x: Value, y: Value, sizes: Sequence[Value], ends: list[Value]) -> None:
        channels, pitch, rows, columns, count, step = sizes
        place, taps = v.mul(channels, size), v.mul(rows, columns)

        def window(i: Value) -> list[Value]:
            source, target = v.pointer(x, v.mul(i, step)), v.pointer(y, v.mul(i, place))

            def do(c: Value, width: int) -> None:
                at = v.pointer(source, v.mul(c, size))
                first = v.load_real(kind, at, 0, width)
                acc = v.full(start, 0, width) if start else first

                def row(r: Value, acc: Value) -> list[Value]:
                    line = v.pointer(at, v.mul(r, pitch))

                    def column(q: Value, acc: Value) -> list[Value]:
                        return [take(v, acc, v.load_real(kind, line, v.mul(q, place), width))]

                    return v.carry(columns, [acc], column)

                (acc,) = v.carry(rows, [acc], row)
                v.store_real(kind, finish(v, acc, taps, ends), target, v.mul(c, size))

            runs(v, channels, _widths(size), do)
            return []

        v.carry(count, [], window)

    if size > 1:

        @tile(name)
        def floats(
            v: Vectors, x: I64, y: I64, channels: I64, pitch: I64, rows: I64, columns: I64,
            count: I64, step: I64, low: F64, high: F64,
        ) -> None:  # fmt: skip
            """Windows of float32, or of halves that are widened and rounded."""
            ends = [v.narrow(e, "f32") for e in (low, high)]
            windows(v, x, y, (channels, pitch, rows, columns, count, step), ends)

        return floats

    @tile(name)
    def bytes_(
        v: Vectors, x: I64, y: I64, channels: I64, pitch: I64, rows: I64, columns: I64,
        count: I64, step: I64, low: I64, high: I64,
    ) -> None:  # fmt: skip
        """Windows of stored bytes."""
        ends = [v.narrow(e, "s32") for e in (low, high)]
        windows(v, x, y, (channels, pitch, rows, columns, count, step), ends)

    return bytes_


def _larger_float(v: Vectors, old: Value, new: Value) -> Value:
    """The larger; a NaN wins."""
    larger = v.b.select(v.b.fcmp_ordered(">", old, new), old, new)
    return v.b.select(v.b.fcmp_unordered("uno", old, old), old, larger)


def _clamped(v: Vectors, x: Value, taps: Value, ends: Sequence[Value]) -> Value:
    least, most = (v.splat(e, x.type.count) for e in ends)
    return v.clamp(x, least, most)


def _mean(v: Vectors, x: Value, taps: Value, ends: Sequence[Value]) -> Value:
    count = v.b.sitofp(v.splat(taps, x.type.count), x.type)
    return _clamped(v, v.b.fdiv(x, count), taps, ends)


def _larger_byte(signed: bool) -> Take:
    name = "smax" if signed else "umax"
    return lambda v, old, new: v.call(f"llvm.{name}.v{old.type.count}i8", old.type, old, new)


def _clamped_byte(signed: bool) -> Finish:
    def finish(v: Vectors, x: Value, taps: Value, ends: Sequence[Value]) -> Value:
        for name, end in zip(("max", "min"), ends, strict=True):
            limit = v.splat(v.b.trunc(end, v.element("s8")), x.type.count)
            prefix = "s" if signed else "u"
            x = v.call(f"llvm.{prefix}{name}.v{x.type.count}i8", x.type, x, limit)
        return x

    return finish


def _more(signed: bool) -> Take:
    return lambda v, acc, new: v.b.add(acc, v.widen(new, "s32", signed))


def _mean_byte(v: Vectors, x: Value, taps: Value, ends: Sequence[Value]) -> Value:
    """Divide, halves away from zero: no quotient of these is rounded up to a whole number."""
    count = x.type.count
    places = v.splat(v.b.trunc(taps, v.element("s32")), count)
    sign = v.b.ashr(x, v.full("s32", 31, count))
    size = v.b.sub(v.b.xor(x, sign), sign)
    size = v.b.add(size, v.b.lshr(places, v.full("s32", 1, count)))

    def quotient(kind: str) -> Value:
        real = v.vector(kind, count)
        return v.b.fptosi(v.b.fdiv(v.b.sitofp(size, real), v.b.sitofp(places, real)), x.type)

    many = v.b.icmp_signed(">", taps, v.const(MOST))
    (whole,) = v.maybe(many, [quotient("f32")], lambda _: [quotient("f64")])
    whole = v.b.sub(v.b.xor(whole, sign), sign)
    least, most = (v.splat(e, count) for e in ends)
    return v.b.trunc(v.clamp_int(whole, least, most), v.vector("s8", count))


def _walk(size: int, run: Tile) -> Inlined:
    """Return the loop over places of the output, the windows inside of the image in runs."""

    def loop(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads):  # type: ignore[no-untyped-def]
        """Threads share the rows."""
        place = c * size
        first, last = inner(w, -left, t, q, columns)
        top_row, end_row = inner(h, -top, s, p, rows)
        row, stop = share(n * rows, tid, threads)
        while row < stop:
            i, together = row % rows, 1
            above = i * s - top
            u0, u1 = max(above, 0), min(above + p, h)
            source, target = x + (row // rows * h + u0) * w * place, y + row * columns * place
            j = 0
            while j < columns:
                v0, v1, count, step = max(j * t - left, 0), min(j * t - left + q, w), 1, t * place
                if columns == 1 and first < last and top_row <= i < end_row:
                    # A line has a single window: those below each other are a run.
                    together = count = min(end_row - i, stop - row)
                    step = s * w * place
                elif first <= j < last:
                    count = last - j
                run(
                    source + v0 * place, target + j * place, c, w * place, u1 - u0, v1 - v0, count,
                    step, low, high,
                )  # fmt: skip
                j += count
            row += together

    return inlined(loop)


f32_max = _walk(4, _tile("f32_max_pool", 4, "", _larger_float, _clamped))
f32_mean = _walk(4, _tile("f32_avg_pool", 4, "f32", lambda v, x, y: v.b.fadd(x, y), _mean))
f16_max = _walk(2, _tile("f16_max_pool", 2, "", _larger_float, _clamped))
f16_mean = _walk(2, _tile("f16_avg_pool", 2, "f32", lambda v, x, y: v.b.fadd(x, y), _mean))
s8_max = _walk(1, _tile("s8_max_pool", 1, "", _larger_byte(True), _clamped_byte(True)))
u8_max = _walk(1, _tile("u8_max_pool", 1, "", _larger_byte(False), _clamped_byte(False)))
s8_mean = _walk(1, _tile("s8_avg_pool", 1, "s32", _more(True), _mean_byte))
u8_mean = _walk(1, _tile("u8_avg_pool", 1, "s32", _more(False), _mean_byte))


@kernel
def f32_avg_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average float32 windows."""
    f32_mean(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def f16_avg_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average windows of halves in float32."""
    f16_mean(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def s8_avg_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average int8 windows."""
    s8_mean(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def u8_avg_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average uint8 windows."""
    u8_mean(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def f32_max_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of float32 windows."""
    f32_max(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def f16_max_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of windows of halves."""
    f16_max(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def s8_max_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of int8 windows."""
    s8_max(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


@kernel
def u8_max_pool(
    x: I64, y: I64, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of uint8 windows."""
    u8_max(x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads)
    return OK


AVERAGE: dict[str, Kernel] = {
    "f32": f32_avg_pool,
    "f16": f16_avg_pool,
    "s8": s8_avg_pool,
    "u8": u8_avg_pool,
}
LARGEST: dict[str, Kernel] = {
    "f32": f32_max_pool,
    "f16": f16_max_pool,
    "s8": s8_max_pool,
    "u8": u8_max_pool,
}


def _bounds(site: Site) -> tuple[float, float]:
    y, activation = site.outputs[0], site.attributes["activation"]
    if y.type.format in ("f32", "f16"):
        return ACTIVATIONS[activation]
    return activation_range(y.type, activation, site.node.dialect)


def pooling(
    site: Site,
    x: Operand | None,
    y: Operand,
    kernels: dict[str, Kernel],
    bounds: tuple[float, float],
) -> list[Step]:
    """One step: sizes, window and bounds."""
    a = site.attributes
    assert x is not None
    window: tuple[Any, ...] = (*a["kernel"], *a["stride"], a["pad"][0], a["pad"][2])
    sizes = (*x.type.shape, *y.type.shape[1:3], *window, *bounds)
    return [Step(kernels[y.type.format], (x, y, *sizes))]


@lowers((avg_pool2d, "f32"), (avg_pool2d, "f16"), (avg_pool2d, "s8"), (avg_pool2d, "u8"))
def lower_avg_pool(site: Site) -> list[Step]:
    """One step."""
    return pooling(site, site.inputs[0], site.outputs[0], AVERAGE, _bounds(site))


@lowers(
    (max_pool2d, "f32"),
    (max_pool2d, "f16"),
    (max_pool2d, "s8"),
    (max_pool2d, "u8"),
    (max_pool2d, "s8-nnacl"),
)
def lower_max_pool(site: Site) -> list[Step]:
    """One step."""
    return pooling(site, site.inputs[0], site.outputs[0], LARGEST, _bounds(site))
