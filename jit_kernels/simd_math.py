"""What the vector language has for functions of float32 vectors: powers of two, reciprocals, joining of elements."""

from __future__ import annotations

from collections.abc import Callable

from .simd_base import Emitter, Value


class MathVectors(Emitter):
    """Emits steps of functions of float32 vectors."""

    def times_power(self, x: Value, n: Value) -> Value:
        """Return x times 2**n for a whole n of float32, by the instruction of AVX-512 or by the bits of two powers.

        A NaN in n is one in the result; what underflows is rounded once, or twice by the bits.
        """
        b, count = self.b, x.type.count
        if count == 16 and "avx512f" in self.isa:
            everything = self.ir.Constant(self.ir.IntType(16), 0xFFFF)
            as_set = self.ir.Constant(self.ir.IntType(32), 4)  # the current rounding
            name = "llvm.x86.avx512.mask.scalef.ps.512"
            return self.call(name, x.type, x, n, x, everything, as_set)
        # A product of two, as n may be beyond what one float32 can be.
        k = b.fptosi(n, self.vector("s32", count))
        half = b.ashr(k, self.full("s32", 1, count))
        for part in (half, b.sub(k, half)):
            bits = b.shl(b.add(part, self.full("s32", 127, count)), self.full("s32", 23, count))
            x = b.fmul(x, b.bitcast(bits, x.type))
        return b.select(b.fcmp_unordered("uno", n, n), n, x)

    def reciprocal(self, x: Value, finite: bool = False) -> Value:
        """Return 1 / x for x >= 1 within one unit in the last place, if that is no subnormal; NaN stays.

        With `finite` there are no infinities.

        AVX-512 has an estimate of 14 bits, which Newton's step makes one of 28: a division takes three times as long.
        """
        one = self.full("f32", 1.0, x.type.count)
        if x.type.count != 16 or "avx512f" not in self.isa:
            return self.b.fdiv(one, x)
        everything, fused = self.ir.Constant(self.ir.IntType(16), 0xFFFF), "llvm.fmuladd.v16f32"
        y = self.call("llvm.x86.avx512.rcp14.ps.512", x.type, x, one, everything)
        error = self.call(fused, x.type, self.b.fneg(x), y, one)
        better = self.call(fused, x.type, y, error, y)
        if finite:
            return better
        # Where x is infinite, the error is 0 times infinity.
        return self.b.select(self.b.fcmp_unordered("uno", error, error), y, better)

    def fold(self, x: Value, join: Callable[[Value, Value], Value]) -> Value:
        """Return the elements of a vector joined, halves with halves, as an element."""
        count = x.type.count
        while count > 1:
            count //= 2
            low, high = (self.shuffle(x, x, range(i, i + count)) for i in (0, count))
            x = join(low, high)
        return self.b.extract_element(x, self.ir.Constant(self.ir.IntType(32), 0))
