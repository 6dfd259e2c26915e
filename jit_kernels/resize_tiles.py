"""Bilinear resizing with many channels: rows of the source are weighed once for each row of the result.

The four terms of an element are those of TFLite, in its order and each rounded as there:
x00 (1 - f) (1 - g) + x10 f (1 - g) + x01 (1 - f) g + x11 f g. The first products depend on the row alone. Those of
int8 are whole numbers, so one sum is made of two rows.
"""

from __future__ import annotations

from collections.abc import Callable

from .kernel import F32, F64, I64, OK, S64, Inlined, inlined, kernel, share
from .lowering import Site
from .patches import runs
from .simd import LANES, Tile, Value, Vectors, tile
from .strided import operand


def _rows(name: str, load: Callable[[Vectors, Value, Value, int], Value]) -> Tile:
    @tile(name)
    def rows(v: Vectors, top: I64, bottom: I64, a: I64, b: I64, count: I64, f: F64) -> None:
        """A = top (1 - f), b = bottom f, in float32."""
        weight = v.narrow(f, "f32")
        rest = v.b.fsub(v.ir.Constant(v.element("f32"), 1.0), weight)

        def do(i: Value, width: int) -> None:
            for source, target, by in ((top, a, rest), (bottom, b, weight)):
                x = v.b.fmul(load(v, source, i, width), v.splat(by, width))
                v.store(x, target, v.mul(i, 4))

        runs(v, count, (LANES,), do, short=False)

    return rows


def _columns(name: str, size: int, stored: Callable[[Vectors, Value], Value]) -> Tile:
    @tile(name)
    def columns(
        v: Vectors, a: I64, b: I64, y: I64, left: I64, right: I64, g: I64, count: I64, channels: I64
    ) -> None:  # fmt: skip
        """`count` places of at least LANES channels, their neighbours at the columns `left` and `right`."""
        one = v.ir.Constant(v.element("f32"), 1.0)

        def place(j: Value) -> list[Value]:
            weight = v.scalar("f32", g, v.mul(j, 4))
            near, far = v.splat(v.b.fsub(one, weight)), v.splat(weight)
            c0, c1 = (
                v.mul(v.mul(v.scalar("s64", t, v.mul(j, 8)), channels), 4) for t in (left, right)
            )
            target = v.pointer(y, v.mul(v.mul(j, channels), size))
            terms = [(v.pointer(row, c), by) for c, by in ((c0, near), (c1, far)) for row in (a, b)]

            def do(k: Value, width: int) -> None:
                parts = [v.b.fmul(v.load("f32", at, v.mul(k, 4)), by) for at, by in terms]
                total = parts[0]
                for part in parts[1:]:
                    total = v.b.fadd(total, part)
                v.store(stored(v, total), target, v.mul(k, size))

            runs(v, channels, (LANES,), do, short=False)
            return []

        v.carry(count, [], place)

    return columns


def _byte(v: Vectors, source: Value, i: Value, width: int) -> Value:
    x = v.widen(v.load("s8", source, i, width), "s32", signed=False)
    return v.b.sitofp(x, v.vector("f32", width))


def _rounded(v: Vectors, x: Value) -> Value:
    """Add a half and cut; no mean of bytes is negative or above 255."""
    x = v.b.fptosi(v.b.fadd(x, v.full("f32", 0.5)), v.vector("s32"))
    return v.b.trunc(x, v.vector("s8"))


ONE = 1024  # the sum of two weights of int8


@tile("s8_resize_rows")
def whole_rows(v: Vectors, top: I64, bottom: I64, a: I64, count: I64, f: I64) -> None:
    """A = top (1024 - f) + bottom f, in int32: below 2**17 in size, as both rows are the same where f is outside."""
    weight = v.narrow(f, "s32")
    rest = v.narrow(v.b.sub(v.const(ONE), f), "s32")

    def do(i: Value, width: int) -> None:
        x, y = (v.widen(v.load("s8", p, i, width), "s32", signed=True) for p in (top, bottom))
        total = v.b.add(v.b.mul(x, v.splat(rest, width)), v.b.mul(y, v.splat(weight, width)))
        v.store(total, a, v.mul(i, 4))

    runs(v, count, (LANES,), do, short=False)


@tile("s8_resize_columns")
def whole_columns(
    v: Vectors, a: I64, y: I64, left: I64, right: I64, g: I64, count: I64, channels: I64
) -> None:
    """As `_columns` of one row of sums; halves are rounded away from zero."""

    def place(j: Value) -> list[Value]:
        weight = v.scalar("s64", g, v.mul(j, 8))
        near, far = (v.splat(v.narrow(w, "s32")) for w in (v.b.sub(v.const(ONE), weight), weight))
        c0, c1 = (
            v.pointer(a, v.mul(v.mul(v.scalar("s64", t, v.mul(j, 8)), channels), 4))
            for t in (left, right)
        )
        target = v.pointer(y, v.mul(j, channels))

        def do(k: Value, width: int) -> None:
            at = v.mul(k, 4)
            total = v.b.add(
                v.b.mul(v.load("s32", c0, at), near), v.b.mul(v.load("s32", c1, at), far)
            )
            sign = v.b.ashr(total, v.full("s32", 31))
            total = v.b.add(v.b.add(total, v.full("s32", 1 << 19)), sign)
            mean = v.b.ashr(total, v.full("s32", 20))
            v.store(v.b.trunc(mean, v.vector("s8")), target, k)

        runs(v, channels, (LANES,), do, short=False)
        return []

    v.carry(count, [], place)


@kernel
def s8_resize_tiles(
    x: I64, y: I64, top: S64, bottom: S64, f: S64, left: I64, right: I64, g: I64, scratch: I64,
    n: I64, h: I64, w: I64, c: I64, height: I64, width: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Resize int8 images. Threads share the rows of the result."""
    a = scratch + tid * 8 * w * c
    start, stop = share(n * height, tid, threads)
    for row in range(start, stop):
        i = row % height
        image = x + row // height * h * w * c
        whole_rows(image + top[i] * w * c, image + bottom[i] * w * c, a, w * c, f[i])
        whole_columns(a, y + row * width * c, left, right, g, width, c)
    return OK


def _walk(size: int, rows: Tile, columns: Tile) -> Inlined:
    def loop(  # type: ignore[no-untyped-def]
        x, y, top, bottom, f, left, right, g, scratch, n, h, w, c, height, width, tid, threads
    ):
        """Threads share the rows of the result; `scratch` has two rows of the source for each."""
        a = scratch + tid * 8 * w * c
        b = a + 4 * w * c
        start, stop = share(n * height, tid, threads)
        for row in range(start, stop):
            i = row % height
            image = x + row // height * h * w * c * size
            r0, r1 = image + top[i] * w * c * size, image + bottom[i] * w * c * size
            rows(r0, r1, a, b, w * c, f[i])
            columns(a, b, y + row * width * c * size, left, right, g, width, c)

    return inlined(loop)


f32_loop = _walk(
    4,
    _rows("f32_resize_rows", lambda v, x, i, width: v.load("f32", x, v.mul(i, 4), width)),
    _columns("f32_resize_columns", 4, lambda v, x: x),
)
u8_loop = _walk(1, _rows("u8_resize_rows", _byte), _columns("u8_resize_columns", 1, _rounded))


@kernel
def f32_resize_tiles(
    x: I64, y: I64, top: S64, bottom: S64, f: F32, left: I64, right: I64, g: I64, scratch: I64,
    n: I64, h: I64, w: I64, c: I64, height: I64, width: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Resize float32 images."""
    f32_loop(
        x, y, top, bottom, f, left, right, g, scratch, n, h, w, c, height, width, tid, threads
    )  # fmt: skip
    return OK


@kernel
def u8_resize_tiles(
    x: I64, y: I64, top: S64, bottom: S64, f: F32, left: I64, right: I64, g: I64, scratch: I64,
    n: I64, h: I64, w: I64, c: I64, height: I64, width: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Resize uint8 images."""
    u8_loop(
        x, y, top, bottom, f, left, right, g, scratch, n, h, w, c, height, width, tid, threads
    )  # fmt: skip
    return OK


def many_channels(site: Site) -> bool:
    """Whether vectors of channels fill, and rows of the source are no longer than some of the result."""
    x, y = operand(site.inputs[0]).type.shape, site.outputs[0].type.shape
    return x[3] >= LANES and x[2] <= 2 * y[2]
