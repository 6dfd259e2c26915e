"""The vector language on bytes in groups of 16, as the registers of x86 and AArch64 interleave and pack them."""

from __future__ import annotations

from collections.abc import Sequence

from .simd_base import Emitter, Value
from .simd_int import _PACK

GROUP = 16  # bytes


class GroupVectors(Emitter):
    """Emits what stays inside of groups of 16 bytes: `punpck`, `zip`, `pack`, one instruction a vector."""

    def interleave(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Return a0 b0 a1 b1 ...: the first halves of all groups, and the second halves."""
        count = a.type.count
        group = min(count, GROUP // self.bytes(a.type.element))
        half = group // 2
        both = (
            [
                place
                for first in range(start, count, group)
                for i in range(first, first + half)
                for place in (i, count + i)
            ]
            for start in (0, half)
        )
        low, high = (self.shuffle(a, b, order) for order in both)
        return low, high

    def quads(self, rows: Sequence[Value]) -> list[Value]:
        """Return the bytes of four vectors in fours, a0 b0 c0 d0 a1 ...: the quarters of all groups."""
        a, b, c, d = rows
        pairs = self.vector("s16", a.type.count // 2)
        halves = zip(self.interleave(a, b), self.interleave(c, d), strict=True)
        fours = (self.interleave(*(self.b.bitcast(x, pairs) for x in two)) for two in halves)
        return [self.b.bitcast(x, a.type) for two in fours for x in two]

    def pack_s8(self, vectors: Sequence[Value]) -> Value:
        """Return four vectors of int32 as one of int8, what is out of range at its end: `quads` undone."""
        lanes = vectors[0].type.count
        words, bytes_ = self.vector("s16", 2 * lanes), self.vector("s8", 4 * lanes)
        if lanes in _PACK and self.has(_PACK[lanes][1]):
            kind = _PACK[lanes][0]
            twos = zip(vectors[::2], vectors[1::2], strict=True)
            halves = [self.call(kind.format("ssdw"), words, x, y) for x, y in twos]
            return self.call(kind.format("sswb"), bytes_, *halves)
        narrow = []
        for x in vectors:
            for name, end in (("smax", -128), ("smin", 127)):
                x = self.call(f"llvm.{name}.v{lanes}i32", x.type, x, self.full("s32", end, lanes))
            narrow.append(self.b.trunc(x, self.vector("s8", lanes)))
        twos = zip(narrow[::2], narrow[1::2], strict=True)
        low, high = (self.shuffle(x, y, range(2 * lanes)) for x, y in twos)
        group = min(4, lanes)
        order = [
            lanes * j + first + i
            for first in range(0, lanes, group)
            for j in range(4)
            for i in range(group)
        ]
        return self.shuffle(low, high, order)

    def entries(self, index: Value, table: Sequence[Value]) -> Value:
        """Return the entries of a table of 256 bytes, four vectors of 64, at 64 places: AVX512-VBMI alone can."""
        name, kind = "llvm.x86.avx512.vpermi2var.qi.512", index.type
        low, high = (self.call(name, kind, table[i], index, table[i + 1]) for i in (0, 2))
        return self.b.select(self.b.icmp_signed("<", index, self.full("s8", 0, 64)), high, low)
