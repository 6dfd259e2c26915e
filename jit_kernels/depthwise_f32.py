"""Depthwise convolution in float32 with windows of 3 x 3 and 5 x 5 at strides 1 and 2: register tiles of sums.

Images are float32, or halves that are widened and rounded in registers. Weights are float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..ir import Array
from .conv import limits
from .depthwise_walk import COLUMNS, ROWS, blocks_of, chunks, each_chunk, rows_of, walk
from .kernel import F64, I64, OK, S64, Inlined, Kernel, kernel
from .lowering import Site, Step
from .patches import geometry
from .simd import REGISTERS, Tile, Value, Vectors, tile


class _Window:
    """Emits the sums of some windows of k x k for one vector of channels."""

    def __init__(self, v: Vectors, form: str, k: int, stride: int, w: Value, width: int) -> None:
        self.v, self.form, self.k, self.stride, self.w, self.width = v, form, k, stride, w, width
        self.bias = v.load("f32", w, 0, width)
        # All taps at once where there are registers for them; else as operands from memory.
        kept = k * k + ROWS * COLUMNS < REGISTERS and width == v.lanes
        self.taps = [self._load(i) for i in range(k * k)] if kept else None

    def _load(self, i: int) -> Value:
        return self.v.load("f32", self.w, 4 * self.width * (1 + i), self.width)

    def tap(self, p: int, q: int) -> Value:
        """Return the weights of row p and column q."""
        return self.taps[p * self.k + q] if self.taps else self._load(p * self.k + q)

    def sums(
        self, x: Value, pitch: Value, step: Value, low: Value, high: Value, columns: int
    ) -> list[list[Value]]:
        """Return the sums of ROWS x `columns` windows; rows low .. high - 1 of the image are inside."""
        v, k, s = self.v, self.k, self.stride
        acc = [[self.bias] * columns for _ in range(ROWS)]
        for row in range((ROWS - 1) * s + k):
            users = rows_of(k, s, row)

            def add(
                *sums: Value, row: int = row, users: list[tuple[int, int]] = users
            ) -> list[Value]:
                new = [list(sums[columns * i : columns * (i + 1)]) for i in range(len(users))]
                line = v.pointer(x, v.mul(pitch, row))
                taps = [[self.tap(p, q) for q in range(k)] for _, p in users]
                for column in range((columns - 1) * s + k):
                    here = v.load_real(self.form, line, v.mul(step, column), self.width)
                    for o, q in rows_of(k, s, column, columns):
                        for mine, weights in zip(new, taps, strict=True):
                            mine[o] = v.fma(here, weights[q], mine[o])
                return [y for mine in new for y in mine]

            inside = v.between(row, low, high)
            new = v.maybe(inside, [y for o, _ in users for y in acc[o]], add)
            for i, (o, _) in enumerate(users):
                acc[o] = new[columns * i : columns * (i + 1)]
        return acc

    def column(
        self, x: Value, pitch: Value, step: Value, low: Value, high: Value, some: Value, most: Value
    ) -> list[list[Value]]:
        """Return the sums of a column of windows, of which the columns some .. most - 1 are inside."""
        v, k, s = self.v, self.k, self.stride
        acc = [self.bias] * ROWS

        def across(i: Value, *sums: Value) -> list[Value]:
            q, new = v.add(i, some), list(sums)
            weights = v.pointer(self.w, v.mul(v.add(q, 1), 4 * self.width))
            for row in range((ROWS - 1) * s + k):
                users = rows_of(k, s, row)

                def add(
                    *sums: Value, row: int = row, users: list[tuple[int, int]] = users
                ) -> list[Value]:
                    at = v.add(v.mul(pitch, row), v.mul(step, q))
                    here = v.load_real(self.form, x, at, self.width)
                    taps = (
                        v.load("f32", weights, 4 * self.width * k * p, self.width) for _, p in users
                    )
                    return [v.fma(here, t, y) for t, y in zip(taps, sums, strict=True)]

                added = v.maybe(v.between(row, low, high), [new[o] for o, _ in users], add)
                for (o, _), y in zip(users, added, strict=True):
                    new[o] = y
            return new

        return [[y] for y in v.carry(v.b.sub(most, some), acc, across)]


def _store(
    v: Vectors, form: str, acc: list[list[Value]], y: Value, pitch: Value, step: Value, rows: Value,
    ends: tuple[Value, Value],
) -> None:  # fmt: skip
    """Store the sums of the rows that there are, clamped."""
    width = acc[0][0].type.count
    least, most = (v.splat(end, width) for end in ends)
    for r, sums in enumerate(acc):

        def put(r: int = r, sums: list[Value] = sums) -> list[Value]:
            line = v.pointer(y, v.mul(pitch, r))
            for i, x in enumerate(sums):
                v.store_real(form, v.clamp(x, least, most), line, v.mul(step, i))
            return []

        put() if r == 0 else v.maybe(v.b.icmp_signed(">", rows, v.const(r)), [], put)


SIZES = {"f32": 4, "f16": 2}


def tiles(k: int, stride: int, form: str) -> tuple[Tile, Tile]:
    """Return the tiles of ROWS x COLUMNS windows and of one column of windows (see `walk`)."""
    words, size = 4 * (1 + k * k), SIZES[form]

    @tile(f"{form}_depthwise_{k}_{stride}")
    def whole(
        v: Vectors, x: I64, w: I64, y: I64, pitch: I64, pitch_y: I64, step: I64, channels: I64,
        first: I64, last: I64, rows: I64, count: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """Whole tiles side by side."""
        ends = v.narrow(low, "f32"), v.narrow(high, "f32")

        def some(i: Value) -> list[Value]:
            across = v.mul(v.mul(i, COLUMNS), step)
            source, target = v.pointer(x, v.mul(across, stride)), v.pointer(y, across)

            def do(c: Value, at: Value, width: int) -> None:
                window = _Window(v, form, k, stride, v.pointer(w, v.mul(at, words)), width)
                here = v.opaque(v.pointer(source, v.mul(c, size)))
                acc = window.sums(here, pitch, step, first, last, COLUMNS)
                there = v.opaque(v.pointer(target, v.mul(c, size)))
                _store(v, form, acc, there, pitch_y, step, rows, ends)

            each_chunk(v, channels, do)
            return []

        v.carry(count, [], some)

    @tile(f"{form}_depthwise_{k}_{stride}_column")
    def column(
        v: Vectors, x: I64, w: I64, y: I64, pitch: I64, pitch_y: I64, step: I64, channels: I64,
        first: I64, last: I64, rows: I64, some: I64, most: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """A column of windows, of which a part is inside."""
        ends = v.narrow(low, "f32"), v.narrow(high, "f32")

        def do(c: Value, at: Value, width: int) -> None:
            window = _Window(v, form, k, stride, v.pointer(w, v.mul(at, words)), width)
            acc = window.column(
                v.opaque(v.pointer(x, v.mul(c, size))), pitch, step, first, last, some, most
            )
            there = v.opaque(v.pointer(y, v.mul(c, size)))
            _store(v, form, acc, there, pitch_y, step, rows, ends)

        each_chunk(v, channels, do)

    return whole, column


def walks(k: int, form: str) -> tuple[Inlined, Inlined]:
    """Return the loops for both strides."""
    return walk(k, 1, *tiles(k, 1, form)), walk(k, 2, *tiles(k, 2, form))


three_1, three_2 = walks(3, "f32")
five_1, five_2 = walks(5, "f32")


@kernel
def f32_depthwise_3x3(
    x: I64, w: I64, y: I64, g: S64, blocks: I64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Windows of 3 x 3, stride 1 or 2."""
    if g[6] == 1:
        three_1(x, w, y, g, 4, 40, blocks, (low, high), tid, threads)
    else:
        three_2(x, w, y, g, 4, 40, blocks, (low, high), tid, threads)
    return OK


@kernel
def f32_depthwise_5x5(
    x: I64, w: I64, y: I64, g: S64, blocks: I64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Windows of 5 x 5, stride 1 or 2."""
    if g[6] == 1:
        five_1(x, w, y, g, 4, 104, blocks, (low, high), tid, threads)
    else:
        five_2(x, w, y, g, 4, 104, blocks, (low, high), tid, threads)
    return OK


KERNELS = {3: f32_depthwise_3x3, 5: f32_depthwise_5x5}


def fits(site: Site) -> bool:
    """Whether the tiles take the windows of this node: known weights, at least 4 channels."""
    x, w, a = site.inputs[0], site.inputs[1], site.attributes
    assert x is not None and w is not None
    (p, q), (sy, sx), (dy, dx) = w.type.shape[1:3], a["stride"], a["dilation"]
    known = all(t is None or t.value is not None for t in site.inputs[1:])
    square = p == q and p in KERNELS and sy == sx and sx in (1, 2)
    return known and square and x.type.shape[3] >= 4 and (sx == 1 or (dy, dx) == (1, 1))


def pack(w: Array, bias: Array) -> Array:
    """Pack filters (taps, C): for each vector of channels the bias, then the taps.

    >>> pack(np.ones((9, 6), "f"), np.zeros(6, "f")).shape
    (80,)
    """
    rows = np.concatenate([bias[None], w])
    parts = [rows[:, c : c + n].ravel() for c, n, _ in chunks(w.shape[1])]
    return np.concatenate(parts)


def lower_f32_depthwise_tiles(site: Site) -> list[Step]:
    """Weights are packed with the plan."""
    return lower_tiles(site, KERNELS)


def lower_tiles(site: Site, kernels: Mapping[int, Kernel]) -> list[Step]:
    """Return the step of the kernel for the node's windows."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None and w.value is not None
    k, channels = w.type.shape[1], x.type.shape[3]
    g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes)
    bias = np.zeros(channels, np.float32) if b is None or b.value is None else b.value
    packed = site.constant(pack(w.value.reshape(k * k, channels), bias).astype(np.float32))
    ends = limits(site.attributes["activation"])
    return [Step(kernels[k], (x, packed, y, site.constant(g), blocks_of(channels), *ends))]
