"""The loop of operators on two 8-bit tensors: bytes side by side in one vector, a quarter of it at a time in int32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..quant.activation import activation_range
from .broadcast import layout_of
from .conv_int8 import byte_code
from .kernel import I64, Inlined, inlined, share
from .lowering import Argument, Operand, Site
from .patches import runs
from .simd import LANES, Tile, Value, Vectors, tile

UNIT, LEAST = 4 * LANES, 16  # bytes of a vector, and of the shortest row
PIECE = 4096  # bytes of a row that a thread takes at a time, about

# emit(v, pairs, words): `pairs` are int32 lanes of two unsigned bytes, the first one in bits 0 .. 15, the other above;
# `words` int32 numbers. It returns int32: stored results, those of uint8 less 128, perhaps out of range.
Emit = Callable[[Vectors, Value, list[Value]], Value]


def _tile(name: str, count_of_words: int, emit: Emit, single: int) -> Tile:
    """Return the tile for two rows of bytes, of which `single` (0, 1; else none) may be one byte."""

    @tile(f"{name}_{single}")
    def pairs(
        v: Vectors, x: I64, y: I64, z: I64, count: I64, rows: I64, x_row: I64, y_row: I64, p: I64,
        flip: I64, low: I64, high: I64, out: I64,
    ) -> None:  # fmt: skip
        """Rows of at least LEAST bytes, `x_row` and `y_row` bytes apart; the last ones may be made twice."""
        words = [v.scalar("s32", p, 4 * i) for i in range(count_of_words)]
        mask, least, most, turned = (v.narrow(e, "s8") for e in (flip, low, high, out))

        def do(i: Value, width: int, given: tuple[Value, Value], to: Value) -> None:
            a, b = (
                v.splat(v.scalar("s8", at), width) if k == single else v.load("s8", at, i, width)
                for k, at in enumerate(given)
            )
            a, b = (v.b.xor(t, v.splat(mask, width)) for t in (a, b))
            zero, quarters = v.full("s8", 0, width), list[Value]()
            for half in v.interleave(a, b):
                quarters += v.interleave(half, zero)
            lanes = v.vector("s32", width // 4)
            result = v.pack_s8([emit(v, v.b.bitcast(q, lanes), words) for q in quarters])
            for limit, end in (("smax", least), ("smin", most)):
                name = f"llvm.{limit}.v{width}i8"
                result = v.call(name, result.type, result, v.splat(end, width))
            v.store(v.b.xor(result, v.splat(turned, width)), to, i)

        def row(r: Value) -> list[Value]:
            given = v.pointer(x, v.mul(r, x_row)), v.pointer(y, v.mul(r, y_row))
            to = v.pointer(z, v.mul(r, count))
            some = lambda i, width: do(i, width, given, to)  # noqa: E731
            runs(v, count, (UNIT, LEAST) if UNIT > LEAST else (UNIT,), some, short=False)
            return []

        v.carry(rows, [], row)

    return pairs


def pairwise_bytes(name: str, count_of_words: int, emit: Emit) -> Inlined:
    """Make of `emit` the loop `(x, y, z, layout, p, flip, low, high, out, tid, threads)` over two tensors."""
    rows, first_single, second_single = (_tile(name, count_of_words, emit, k) for k in (2, 0, 1))

    def loop(x, y, z, layout, p, flip, low, high, out, tid, threads):  # type: ignore[no-untyped-def]
        """Threads share the rows (`broadcast.layout_of`), cut into pieces where they are long."""
        columns, x_step, y_step, axes = layout[1], layout[2], layout[3], layout[4]
        pieces = max(1, columns // PIECE)
        item, stop = share(layout[0] * pieces, tid, threads)
        while item < stop:
            row, piece, many, x_row, y_row = item // pieces, item % pieces, 1, 0, 0
            if pieces == 1 and axes > 0:  # rows along an axis together
                many = min(layout[5] - row % layout[5], stop - item)
                x_row, y_row = layout[6], layout[7]
            first = piece * PIECE
            n = (columns if piece == pieces - 1 else first + PIECE) - first
            i, j, rest = first * x_step, first * y_step, row
            for axis in range(axes):
                size = layout[5 + 3 * axis]
                place = rest % size
                rest //= size
                i += place * layout[6 + 3 * axis]
                j += place * layout[7 + 3 * axis]
            to = z + row * columns + first
            if x_step == 0:
                first_single(x + i, y + j, to, n, many, x_row, y_row, p, flip, low, high, out)
            elif y_step == 0:
                second_single(x + i, y + j, to, n, many, x_row, y_row, p, flip, low, high, out)
            else:
                rows(x + i, y + j, to, n, many, x_row, y_row, p, flip, low, high, out)
            item += many

    return inlined(loop)


def places_of(site: Site, x: Operand, y: Operand, numbers: list[int]) -> tuple[Argument, ...]:
    """Return the arguments of the loop."""
    z, words = site.outputs[0], np.array(numbers, np.int64).astype(np.uint32)
    layout = layout_of(x.type.shape, y.type.shape, z.type.shape)
    low, high = activation_range(z.type, site.attributes["activation"], site.node.dialect)
    off = less(z)
    return (
        x,
        y,
        z,
        site.constant(layout),
        site.constant(words),
        byte_code(x.type)[0],
        low - off,
        high - off,
        off,
    )


def less(z: Operand) -> int:
    """Return what is taken off a stored result to make it int8, and the bits to flip then."""
    return 0 if z.type.dtype == np.int8 else 128


def long_rows(site: Site) -> bool:
    """Whether the rows of a node on two tensors are long enough."""
    (x, y), (z,) = site.inputs, site.outputs
    assert x is not None and y is not None
    return bool(layout_of(x.type.shape, y.type.shape, z.type.shape)[1] >= LEAST)
