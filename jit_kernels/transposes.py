"""Copies that exchange the contiguous axis for another: squares of elements are turned around in registers."""

from __future__ import annotations

from .kernel import I64, OK, S64, Inlined, inlined, kernel, share
from .simd import LANES, Tile, Value, Vectors, tile

SIDES = {1: 16, 2: 8, 4: LANES}  # bytes of an element -> elements of a side of a square
OUTER = 4  # axes around the squares


def _turned(v: Vectors, rows: list[Value]) -> list[Value]:
    """Return the columns of a square: its first half of rows and its second are interleaved log2(side) times."""
    side, half = len(rows), len(rows) // 2
    for _ in range(side.bit_length() - 1):
        order = [place for i in range(side) for place in (i, side + i)]
        pairs = zip(rows[:half], rows[half:], strict=True)
        rows = [v.shuffle(a, b, part) for a, b in pairs for part in (order[:side], order[side:])]
    return rows


def _strip(size: int) -> Tile:
    kind, side = f"s{8 * size}", SIDES[size]

    @tile(f"transpose_{kind}")
    def strip(v: Vectors, x: I64, y: I64, pitch: I64, pitch_y: I64, count: I64) -> None:
        """y[j, i] = x[i, j] for a strip of `side` rows i of `count` elements; squares at the end may overlap."""
        squares = v.b.sdiv(v.add(count, side - 1), v.const(side))
        last = v.b.sub(count, v.const(side))

        def square(s: Value) -> list[Value]:
            j = v.least(v.mul(s, side), last)
            source, target = v.pointer(x, v.mul(j, size)), v.pointer(y, v.mul(j, pitch_y))
            source, target = v.opaque(source), v.opaque(target)
            rows = [v.load(kind, source, v.mul(pitch, i), side) for i in range(side)]
            for i, column in enumerate(_turned(v, rows)):
                v.store(column, target, v.mul(pitch_y, i))
            return []

        v.carry(squares, [], square)

    return strip


def _walk(size: int) -> Inlined:
    strip, side = _strip(size), SIDES[size]

    def loop(x, y, t, tid, threads):  # type: ignore[no-untyped-def]
        """Threads share the strips of all planes. `t`: see `transpose_table`."""
        n, m, pitch, pitch_y = t[12], t[13], t[14] * size, t[15] * size
        strips = (n + side - 1) // side
        start, stop = share(t[0] * t[1] * t[2] * t[3] * strips, tid, threads)
        for item in range(start, stop):
            plane, s = item // strips, item % strips
            at, to, rest = t[16], t[17], plane
            for axis in range(3, -1, -1):
                place = rest % t[axis]
                rest //= t[axis]
                at += place * t[4 + axis]
                to += place * t[8 + axis]
            i = min(s * side, n - side)
            strip(x + (at + i * t[14]) * size, y + (to + i) * size, pitch, pitch_y, m)

    return inlined(loop)


bytes_loop, halves_loop, words_loop = (_walk(size) for size in SIDES)


@kernel
def u8_transpose(x: I64, y: I64, table: S64, tid: I64, threads: I64) -> I64:
    """Turn bytes around."""
    bytes_loop(x, y, table, tid, threads)
    return OK


@kernel
def u16_transpose(x: I64, y: I64, table: S64, tid: I64, threads: I64) -> I64:
    """Turn 16-bit elements around."""
    halves_loop(x, y, table, tid, threads)
    return OK


@kernel
def u32_transpose(x: I64, y: I64, table: S64, tid: I64, threads: I64) -> I64:
    """Turn 32-bit elements around."""
    words_loop(x, y, table, tid, threads)
    return OK


KERNELS = {1: u8_transpose, 2: u16_transpose, 4: u32_transpose}


def transpose_table(
    size: int,
    sizes: tuple[int, ...],
    x: tuple[int, ...],
    y: tuple[int, ...],
    offsets: tuple[int, int],
) -> list[int] | None:
    """Return what the kernels read, for axes with these steps in x and y; None where squares do not fit.

    Sizes of the outer axes, their steps in x, in y; the numbers of rows and of columns; from row to row in x, from
    column to column in y; both offsets. Columns are contiguous in x, rows in y.
    """
    if size not in SIDES or len(sizes) < 2 or y[-1] != 1 or x[-1] == 1 or 1 not in x:
        return None
    axis, side = x.index(1), SIDES[size]
    outer = [a for a in range(len(sizes) - 1) if a != axis]
    if min(sizes[-1], sizes[axis]) < side or len(outer) > OUTER:
        return None
    missing = OUTER - len(outer)
    table = []
    for values, default in ((sizes, 1), (x, 0), (y, 0)):
        table += [default] * missing + [values[a] for a in outer]
    return [*table, sizes[-1], sizes[axis], x[-1], y[axis], *offsets]
