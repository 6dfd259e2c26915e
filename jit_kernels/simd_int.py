"""Arithmetic of the vector language on integers: products of 8 and 16 bits, and the roundings of fixed-point scales."""

from __future__ import annotations

import platform

from .simd_base import Emitter, Value


class IntegerVectors(Emitter):
    """Emits operations on vectors of integers."""

    def clamp_int(self, x: Value, low: Value, high: Value) -> Value:
        """Return min(max(x, low), high) of int32."""
        x = self.call(f"llvm.smax.v{x.type.count}i32", x.type, x, low)
        return self.call(f"llvm.smin.v{x.type.count}i32", x.type, x, high)

    def widen(self, x: Value, name: str, signed: bool) -> Value:
        """Return integers in a wider type."""
        kind = self.vector(name, x.type.count)
        return self.b.sext(x, kind) if signed else self.b.zext(x, kind)

    def dot2_s16(self, acc: Value, a: Value, b: Value) -> Value:
        """Return acc[i] + a[2i] b[2i] + a[2i+1] b[2i+1]: int16 products in int32 lanes, which wrap.

        `vpdpwssd` or `pmaddwd` where there is such an instruction for as many lanes.
        """
        lanes = acc.type.count
        if lanes == 16 and "avx512vnni" in self.isa:
            quads = (self.b.bitcast(x, acc.type) for x in (a, b))
            return self.call("llvm.x86.avx512.vpdpwssd.512", acc.type, acc, *quads)
        name = _PMADDWD.get(lanes)
        if name and name[1] in (self.isa | _BASE):
            return self.b.add(acc, self.call(name[0], acc.type, a, b))
        return self.b.add(acc, self._pairs(a, b))

    def _pairs(self, a: Value, b: Value) -> Value:
        """Return a[2i] b[2i] + a[2i+1] b[2i+1] of int16 in int32, in plain IR."""
        count = a.type.count
        even, odd = (
            [self.widen(self.shuffle(x, x, range(first, count, 2)), "s32", True) for x in (a, b)]
            for first in (0, 1)
        )
        return self.b.add(self.b.mul(*even), self.b.mul(*odd))

    def high_mul(self, a: Value, b: Value) -> Value:
        """Return (a b + 2**30) >> 31 of int32, exact in 64 bits: gemmlowp's high product for b >= 0."""
        lanes = a.type.count
        if lanes == 1:
            wide = self.b.mul(*(self.widen(x, "s64", True) for x in (a, b)))
            wide = self.b.ashr(
                self.b.add(wide, self.full("s64", 1 << 30, 1)), self.full("s64", 31, 1)
            )
            return self.b.trunc(wide, a.type)
        # Even and odd elements as the halves of 64-bit ones: what x86 multiplies without a shuffle.
        kind, half = self.vector("s64", lanes // 2), self.full("s64", 32, lanes // 2)
        pairs = [self.b.bitcast(x, kind) for x in (a, b)]
        even = self.b.mul(*(self.b.ashr(self.b.shl(x, half), half) for x in pairs))
        odd = self.b.mul(*(self.b.ashr(x, half) for x in pairs))
        even, odd = (self.b.add(x, self.full("s64", 1 << 30, lanes // 2)) for x in (even, odd))
        low = self.b.bitcast(self.b.lshr(even, self.full("s64", 31, lanes // 2)), a.type)
        high = self.b.bitcast(self.b.shl(odd, self.full("s64", 1, lanes // 2)), a.type)
        return self.shuffle(low, high, [i + lanes * (i % 2) for i in range(lanes)])

    def shift_rounding(self, x: Value, places: Value) -> Value:
        """Return x / 2**places of int32, to nearest, halves away from zero: gemmlowp's RoundingDivideByPOT."""
        one, sign = self.full("s32", 1, x.type.count), self.full("s32", 31, x.type.count)
        mask = self.b.sub(self.b.shl(one, places), one)
        threshold = self.b.sub(self.b.ashr(mask, one), self.b.ashr(x, sign))
        up = self.b.icmp_signed(">", self.b.and_(x, mask), threshold)
        return self.b.sub(self.b.ashr(x, places), self.b.sext(up, x.type))

    def scale_real(self, x: Value, real: Value) -> Value:
        """Return x real, int32 times float64, rounded half away from zero; beyond int32 it is INT32_MIN."""
        count = x.type.count
        scaled = self.b.fmul(self.b.sitofp(x, real.type), real)
        limit = self.full("f64", 2.0**31, count)
        inside = self.b.and_(
            self.b.fcmp_ordered("<", scaled, limit),
            self.b.fcmp_ordered(">", scaled, self.b.fneg(limit)),
        )
        scaled = self.b.select(inside, scaled, self.full("f64", 0.0, count))
        whole = self.b.fptosi(scaled, x.type)
        rest = self.b.fsub(scaled, self.b.sitofp(whole, real.type))
        up = self.b.fcmp_ordered(">=", rest, self.full("f64", 0.5, count))
        down = self.b.fcmp_ordered("<=", rest, self.full("f64", -0.5, count))
        near = self.b.add(self.b.sub(whole, self.b.sext(up, x.type)), self.b.sext(down, x.type))
        return self.b.select(inside, near, self.full("s32", -(2**31), count))


_PMADDWD = {  # lanes -> (intrinsic, the feature that it needs)
    4: ("llvm.x86.sse2.pmadd.wd", "sse2"),
    8: ("llvm.x86.avx2.pmadd.wd", "avx2"),
    16: ("llvm.x86.avx512.pmaddw.d.512", "avx512bw"),
}
_BASE = frozenset({"sse2"} if platform.machine() in ("x86_64", "AMD64") else ())
