"""Functions of float32 vectors in the vector language: those of `exponential.py`, and what softmax needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from . import exponential as e
from .simd_base import Emitter, Value


class MathVectors(Emitter):
    """Emits functions of float32 vectors."""

    def polynomial(self, x: Value, coefficients: Sequence[Any]) -> Value:
        """Return c[0] + c[1] x + c[2] x x ..., by Horner's rule."""
        count = x.type.count
        terms = [self.full("f32", float(c), count) for c in reversed(coefficients)]
        name = f"llvm.fmuladd.v{count}f32"
        return reduce(lambda y, c: self.call(name, x.type, y, x, c), terms[1:], terms[0])

    def exp(self, x: Value) -> Value:
        """Return e**x within 2 units in the last place; NaN stays (`exponential.exp32`)."""
        b, count = self.b, x.type.count
        fused, whole = f"llvm.fmuladd.v{count}f32", self.vector("s32", count)

        def full(value: Any) -> Value:
            return self.full("f32", float(value), count)

        v = b.select(b.fcmp_ordered("<", x, full(-104)), full(-104), x)
        v = b.select(b.fcmp_ordered(">", v, full(89)), full(89), v)
        n = self.call(f"llvm.rint.v{count}f32", x.type, b.fmul(v, full(e.LOG2_E)))
        r = self.call(fused, x.type, n, full(-e.LN2_HIGH), v)
        r = self.call(fused, x.type, n, full(-e.LN2_LOW), r)
        q = self.polynomial(r, (e.E0, e.E1, e.E2, e.E3, e.E4))
        y = b.fadd(self.call(fused, x.type, b.fmul(r, r), q, r), full(1))
        if count == 16 and "avx512f" in self.isa:
            return self._scale(y, n)
        # 2**n is a product of two, as n may be beyond what one float32 can be.
        k = b.fptosi(n, whole)
        half = b.ashr(k, self.full("s32", 1, count))
        for part in (half, b.sub(k, half)):
            bits = b.shl(b.add(part, self.full("s32", 127, count)), self.full("s32", 23, count))
            y = b.fmul(y, b.bitcast(bits, x.type))
        return b.select(b.fcmp_unordered("uno", x, x), x, y)

    def _scale(self, x: Value, n: Value) -> Value:
        """Return x times 2**n for a whole n, by the instruction of AVX-512."""
        everything = self.ir.Constant(self.ir.IntType(16), 0xFFFF)
        as_set = self.ir.Constant(self.ir.IntType(32), 4)  # the current rounding
        return self.call("llvm.x86.avx512.mask.scalef.ps.512", x.type, x, n, x, everything, as_set)

    def tanh(self, x: Value) -> Value:
        """Return the hyperbolic tangent within 3 units in the last place (`exponential.tanh32`)."""
        b, count = self.b, x.type.count
        size = self.call(f"llvm.fabs.v{count}f32", x.type, x)
        z = b.fmul(x, x)
        near = self.polynomial(z, (e.T0, e.T1, e.T2, e.T3, e.T4))
        near = self.call(f"llvm.fmuladd.v{count}f32", x.type, b.fmul(x, z), near, x)
        one, two = (self.full("f32", n, count) for n in (1.0, 2.0))
        power = self.exp(b.fadd(size, size))
        far = b.fsub(one, b.fmul(two, self.reciprocal(b.fadd(power, one))))
        far = self.call(f"llvm.copysign.v{count}f32", x.type, far, x)
        return b.select(
            b.fcmp_ordered("<", size, self.full("f32", float(e.BEND), count)), near, far
        )

    def logistic(self, x: Value) -> Value:
        """Return 1 / (1 + e**-x)."""
        one = self.full("f32", 1.0, x.type.count)
        return self.reciprocal(self.b.fadd(one, self.exp(self.b.fneg(x))))

    def reciprocal(self, x: Value) -> Value:
        """Return 1 / x for x >= 1 within one unit in the last place, if that is no subnormal; NaN stays.

        AVX-512 has an estimate of 14 bits, which Newton's step makes one of 28: a division takes three times as long.
        """
        one = self.full("f32", 1.0, x.type.count)
        if x.type.count != 16 or "avx512f" not in self.isa:
            return self.b.fdiv(one, x)
        s16, fused = self.ir.IntType(16), "llvm.fmuladd.v16f32"
        everything = self.ir.Constant(s16, 0xFFFF)
        y = self.call("llvm.x86.avx512.rcp14.ps.512", x.type, x, one, everything)
        error = self.call(fused, x.type, self.b.fneg(x), y, one)
        better = self.call(fused, x.type, y, error, y)
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
