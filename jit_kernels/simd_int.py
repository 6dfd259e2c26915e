"""Arithmetic of the vector language on integers: products of 8 and 16 bits, and the roundings of fixed-point scales."""

from __future__ import annotations

from collections.abc import Sequence

from .simd_base import Emitter, Value


def signed_bytes(isa: frozenset[str]) -> bool:
    """Whether the dot product of bytes shall have both operands signed: AArch64 before `usdot`."""
    return "dotprod" in isa and not isa & {"i8mm", "avx512vnni", "avxvnni"}


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
        if name and self.has(name[1]):
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

    def dot4(self, acc: Value, a: Value, b: Value) -> Value:
        """Return the dot product of fours that the target is best at: `a` is signed where `signed_bytes` says so."""
        return (self.dot4_s8s8 if signed_bytes(self.isa) else self.dot4_u8s8)(acc, a, b)

    def dot4_u8s8(self, acc: Value, a: Value, b: Value) -> Value:
        """Return acc[i] + sum over j < 4 of a[4i+j] b[4i+j]: unsigned times signed bytes, in int32 lanes, which wrap.

        `vpdpbusd`, or AArch64's `usdot`. `a` shall not be the XOR of a broadcast: LLVM hangs on that.
        """
        lanes = acc.type.count
        name = self._dot4(lanes, _DOT4_X86, "i8mm", "usdot")
        if name.startswith("llvm.x86"):
            return self.call(name, acc.type, acc, *(self.b.bitcast(x, acc.type) for x in (a, b)))
        return self._dot4_call(name, acc, a, b) if name else self._quads(acc, a, b, False)

    def dot4_s8s8(self, acc: Value, a: Value, b: Value) -> Value:
        """Return the same for signed times signed bytes: AArch64's `sdot`."""
        name = self._dot4(acc.type.count, {}, "dotprod", "sdot")
        return self._dot4_call(name, acc, a, b) if name else self._quads(acc, a, b, True)

    def _dot4(self, lanes: int, x86: dict[int, str], feature: str, arm: str) -> str:
        """Return the instruction for the dot product of as many lanes, "" where there is none."""
        if lanes in x86 and self.isa & _VNNI[lanes]:
            return x86[lanes]
        wanted = lanes % 4 == 0 and feature in self.isa
        return f"llvm.aarch64.neon.{arm}.v4i32.v16i8" if wanted else ""

    def _dot4_call(self, name: str, acc: Value, a: Value, b: Value) -> Value:
        """Call an instruction of four lanes on each four."""
        parts = []
        for first in range(0, acc.type.count, 4):
            x = self.shuffle(acc, acc, range(first, first + 4))
            quads = (self.shuffle(q, q, range(4 * first, 4 * first + 16)) for q in (a, b))
            parts.append(self.call(name, x.type, x, *quads))
        return self.concatenate(parts)

    def _quads(self, acc: Value, a: Value, b: Value, signed: bool) -> Value:
        """The dot product of fours as two of pairs, of the even bytes and of the odd ones."""
        half, eight = self.vector("s16", a.type.count // 2), self.full("s16", 8, a.type.count // 2)
        a, b = self.b.bitcast(a, half), self.b.bitcast(b, half)
        down = self.b.ashr if signed else self.b.lshr
        even = (down(self.b.shl(a, eight), eight), self.b.ashr(self.b.shl(b, eight), eight))
        acc = self.dot2_s16(acc, *even)
        return self.dot2_s16(acc, down(a, eight), self.b.ashr(b, eight))

    def concatenate(self, parts: Sequence[Value]) -> Value:
        """Return vectors of one type as a single one; their number is a power of two."""
        if len(parts) == 1:
            return parts[0]
        count = 2 * parts[0].type.count
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return self.concatenate([self.shuffle(x, y, range(count)) for x, y in pairs])

    def saturate_s8(self, vectors: Sequence[Value]) -> Value:
        """Return four vectors of int32 as one of int8, what is out of range at its end. Two `pack` of x86."""
        lanes = vectors[0].type.count
        if lanes not in _PACK or not self.has(_PACK[lanes][1]):
            low, high = (self.full("s32", end, lanes) for end in (-128, 127))
            return self.concatenate(
                [
                    self.b.trunc(self.clamp_int(x, low, high), self.vector("s8", lanes))
                    for x in vectors
                ]
            )
        kind = _PACK[lanes][0]
        words, quads = self.vector("s16", 2 * lanes), self.vector("s8", 4 * lanes)
        twos = zip(vectors[::2], vectors[1::2], strict=True)
        pairs = [self.call(kind.format("ssdw"), words, x, y) for x, y in twos]
        mixed = self.b.bitcast(self.call(kind.format("sswb"), quads, *pairs), vectors[0].type)
        # Each 128 bits hold four elements of every vector.
        order = [4 * i + j for j in range(4) for i in range(lanes // 4)]
        return self.b.bitcast(self.shuffle(mixed, mixed, order), quads)

    def high_mul_unsigned(self, x: Value, even: Value, odd: Value) -> Value:
        """Return the high halves of 64-bit products of uint32: x[i] with even[i], for odd i with odd[i - 1].

        `even` and `odd` are the factors of the even and of the odd elements, both in even places: what x86's
        `pmuludq` takes.
        """
        lanes = x.type.count
        if lanes == 1:
            wide = self.b.mul(*(self.widen(t, "s64", False) for t in (x, even)))
            return self.b.trunc(self.b.lshr(wide, self.full("s64", 32, 1)), x.type)
        kind, half = self.vector("s64", lanes // 2), self.full("s64", 32, lanes // 2)
        low = self.full("s64", 2**32 - 1, lanes // 2)
        x64, even, odd = (self.b.bitcast(t, kind) for t in (x, even, odd))
        first = self.b.mul(self.b.and_(x64, low), self.b.and_(even, low))
        second = self.b.mul(self.b.lshr(x64, half), self.b.and_(odd, low))
        evens, odds = (self.b.bitcast(t, x.type) for t in (first, second))
        return self.shuffle(evens, odds, [lanes + i if i % 2 else i + 1 for i in range(lanes)])

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

    def scale_real_inside(self, x: Value, real: Value) -> Value:
        """As `scale_real`, where the product is known to be inside of int32."""
        kind, count = real.type, x.type.count
        scaled = self.b.fmul(self.b.sitofp(x, kind), real)
        # The largest float64 below a half: with a half, what is just below would round up.
        half = self.full("f64", 0.5 - 2.0**-54, count)
        away = self.call(f"llvm.copysign.v{count}f64", kind, half, scaled)
        return self.b.fptosi(self.b.fadd(scaled, away), x.type)

    def round_half_away(self, x: Value) -> Value:
        """Return float32 below 2**22 in size as the nearest int32, halves away from zero."""
        count = x.type.count
        # The largest float32 below a half: with a half, what is just below would round up.
        half = self.full("f32", 0.5 - 2.0**-25, count)
        away = self.call(f"llvm.copysign.v{count}f32", x.type, half, x)
        return self.b.fptosi(self.b.fadd(x, away), self.vector("s32", count))


_PMADDWD = {  # lanes -> (intrinsic, the feature that it needs)
    4: ("llvm.x86.sse2.pmadd.wd", "sse2"),
    8: ("llvm.x86.avx2.pmadd.wd", "avx2"),
    16: ("llvm.x86.avx512.pmaddw.d.512", "avx512bw"),
}
_DOT4_X86 = {n: f"llvm.x86.avx512.vpdpbusd.{32 * n}" for n in (4, 8, 16)}
_VNNI = {n: frozenset({"avx512vnni"} if n == 16 else {"avx512vnni", "avxvnni"}) for n in _DOT4_X86}
_PACK = {  # lanes -> (intrinsics, the feature that they need)
    4: ("llvm.x86.sse2.pack{}.128", "sse2"),
    8: ("llvm.x86.avx2.pack{}", "avx2"),
    16: ("llvm.x86.avx512.pack{}.512", "avx512bw"),
}
