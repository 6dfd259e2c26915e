"""Arithmetic of the vector language on halves, IEEE 754 binary16: a vector of them is one of int16, their bits.

Conversions are one instruction where the target has it (x86 F16C, any AArch64), and otherwise made of integer
operations. So is `fma_half`: one instruction with AVX512-FP16 and ARMv8.2 half arithmetic (`fmla v.8h`), and otherwise
the product and sum in float32, rounded to odd; why that is exact is said at `refimpl.half.odd_sum`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .simd_base import Emitter, Value

CONVERTS = {"f16c", "avx512f", "neon"}  # features that convert between half and float32
NATIVE = {"avx512fp16", "fullfp16"}  # features that compute with halves
LEAST_NORMAL = 0x38800000  # 2**-14 as float32
# Numbers of the roundings, as in `refimpl.half.ROUNDINGS`; 0 is to nearest, ties to even.
NEAREST_AWAY, TOWARD_ZERO, UPWARD, DOWNWARD = 1, 2, 3, 4


class HalfVectors(Emitter):
    """Emits operations on vectors of halves."""

    def load_half(self, address: Value, offset: Value = 0, lanes: int = 0) -> Value:
        """Load halves as float32."""
        return self.widen_half(self.load("s16", address, offset, lanes))

    def store_half(self, x: Value, address: Value, offset: Value = 0) -> None:
        """Round float32 to nearest and store halves."""
        self.store(self.narrow_half(x), address, offset)

    def load_real(self, name: str, address: Value, offset: Value = 0, lanes: int = 0) -> Value:
        """Load float32, or halves as float32, as `name` says."""
        if name == "f16":
            return self.load_half(address, offset, lanes)
        return self.load(name, address, offset, lanes)

    def store_real(self, name: str, x: Value, address: Value, offset: Value = 0) -> None:
        """Store float32, or round it to halves."""
        if name == "f16":
            self.store_half(x, address, offset)
        else:
            self.store(x, address, offset)

    def load_halves(self, count: Value, address: Value, offset: Value = 0) -> Value:
        """Load a vector of halves, of which the first `count` are there; the others are not touched."""
        mask, kind = self._first(count, self.lanes), self.vector("s16")
        align, none = self.ir.Constant(self.element("s32"), 2), self.ir.Constant(kind, None)
        at = self._at(address, offset, kind)
        return self.call(f"llvm.masked.load.v{kind.count}i16.p0", kind, at, align, mask, none)

    def store_halves(self, count: Value, vectors: Sequence[Value], address: Value) -> None:
        """Store the first `count` halves of some vectors in a row."""
        if "avx512bw" not in self.isa:  # masks of 16 bits are rare among processors
            self.store_first(count, vectors, address)
            return
        align, lanes = self.ir.Constant(self.element("s32"), 2), vectors[0].type.count
        for j, x in enumerate(vectors):
            mask = self._first(self.b.sub(count, self.const(j * lanes)), lanes)
            at = self._at(address, 2 * j * lanes, x.type)
            self.call(f"llvm.masked.store.v{lanes}i16.p0", self.ir.VoidType(), x, at, align, mask)

    def _first(self, count: Value, lanes: int) -> Value:
        """Return which lanes are among the first `count`."""
        order = self.ir.Constant(self.vector("s32", lanes), list(range(lanes)))
        few = self.b.trunc(self.const(count), self.element("s32"))
        return self.b.icmp_signed("<", order, self.splat(few, lanes))

    def _half_type(self, count: int) -> Value:
        return self.ir.VectorType(self.ir.HalfType(), count)

    def widen_half(self, x: Value) -> Value:
        """Return halves as float32, exact; a NaN keeps sign and payload and becomes quiet."""
        count = x.type.count
        if self.isa & CONVERTS:
            return self.b.fpext(
                self.b.bitcast(x, self._half_type(count)), self.vector("f32", count)
            )
        whole = self.b.zext(x, self.vector("s32", count))
        size = self._shl(self._and(whole, 0x7FFF), 13)
        normal = self._plus(size, 112 << 23)
        special = self.b.or_(
            self._plus(size, 224 << 23),
            self.b.select(
                self._above(size, 0x7C00 << 13), self._full(0x400000, x), self._full(0, x)
            ),
        )
        # a subnormal is 2**-14 (1 + fraction) less 2**-14
        floats, least = self.vector("f32", count), self.full("f32", 2.0**-14, count)
        tiny = self.b.fsub(self.b.bitcast(self._plus(size, 113 << 23), floats), least)
        tiny = self.b.bitcast(tiny, size.type)
        y = self.b.select(self._above(size, (0x7C00 << 13) - 1), special, normal)
        y = self.b.select(self._above(size, (0x400 << 13) - 1), y, tiny)
        return self.b.bitcast(self.b.or_(y, self._shl(self._and(whole, 0x8000), 16)), floats)

    def narrow_half(self, x: Value) -> Value:
        """Return float32 rounded to the nearest half, ties to even; a NaN keeps sign and upper payload, quiet."""
        count = x.type.count
        if self.isa & CONVERTS:
            return self.b.bitcast(
                self.b.fptrunc(x, self._half_type(count)), self.vector("s16", count)
            )
        none = self.ir.Constant(self.element("s64"), 0)
        return self.narrow_half_by(x, none, none)

    def narrow_half_by(self, x: Value, rounding: Value, flush: Value) -> Value:
        """The same with the rounding, by its number in `refimpl.half.ROUNDINGS`, and `flush` known at run time."""
        whole = self.b.bitcast(x, self.vector("s32", x.type.count))
        size = self._and(whole, 0x7FFFFFFF)
        exponent = self._shr(size, 23)
        fraction = self._and(size, 0x7FFFFF)
        units = self.b.select(self._above(exponent, 0), self._or(fraction, 1 << 23), fraction)
        # 24 bits, of which 13 are too many; more where the half is subnormal, all of them at 25
        low = self.b.sub(self._full(126, x), exponent)
        shift = self._least(self._most(low, 13), 25)
        kept = self.b.lshr(units, shift)
        rest = self.b.sub(units, self.b.shl(kept, shift))
        middle = self.b.lshr(self.b.shl(self._full(1, x), shift), self._full(1, x))
        negative = self.b.icmp_signed("<", whole, self._full(0, x))
        limit, odd, end = self._limits(rounding, middle, negative)
        up = self.b.icmp_signed(">", self.b.add(rest, self.b.and_(kept, odd)), limit)
        binade = self._shl(self._most(self._plus(exponent, -113), 0), 10)
        y = self.b.sub(self.b.add(kept, binade), self.b.sext(up, size.type))
        y = self.b.select(self._above(y, 0x7BFF), end, y)
        y = self.b.select(self._above(size, 0x7F7FFFFF), self._full(0x7C00, x), y)
        nan = self._or(self._and(self._shr(size, 13), 0x3FF), 0x7E00)
        y = self.b.select(self._above(size, 0x7F800000), nan, y)
        flushed = self.b.icmp_signed("<", size, self._splat_if(flush, LEAST_NORMAL, 0, x))
        y = self.b.select(flushed, self._full(0, x), y)
        y = self.b.or_(y, self._shl(self._shr(whole, 31), 15))
        return self.b.trunc(y, self.vector("s16", x.type.count))

    def _limits(
        self, rounding: Value, middle: Value, negative: Value
    ) -> tuple[Value, Value, Value]:
        """Return what a remainder must exceed to be rounded up, the weight of a last bit, and the end of all sizes."""

        def when(number: int, yes: int, no: int) -> Value:
            return self._splat_if(
                self.b.icmp_signed("==", rounding, self.const(number)), yes, no, middle
            )

        nearest = self.b.icmp_signed("<", rounding, self.const(TOWARD_ZERO))
        never = 0x7FFFFFFF
        directed = self.b.select(negative, when(DOWNWARD, 0, never), when(UPWARD, 0, never))
        near = self.b.sub(middle, when(NEAREST_AWAY, 1, 0))
        limit = self.b.select(nearest, near, directed)
        away = self.b.icmp_signed("==", limit, self._full(0, middle))
        end = self.b.select(away, self._full(0x7C00, middle), self._full(0x7BFF, middle))
        end = self.b.select(nearest, self._full(0x7C00, middle), end)
        return limit, when(0, 1, 0), end

    def flush_half(self, x: Value, flush: Value) -> Value:
        """Return float32 with what is below 2**-14 made a zero of its sign, where `flush` is not 0."""
        whole = self.b.bitcast(x, self.vector("s32", x.type.count))
        size = self._and(whole, 0x7FFFFFFF)
        small = self.b.icmp_signed("<", size, self._splat_if(flush, LEAST_NORMAL, 0, x))
        sign = self.b.and_(whole, self._full(-(2**31), x))
        return self.b.bitcast(self.b.select(small, sign, whole), x.type)

    def odd_sum(self, p: Value, c: Value) -> Value:
        """Return p + c of float32 rounded to odd: see `refimpl.half.odd_sum`."""
        s = self.b.fadd(p, c)
        part = self.b.fsub(s, p)
        lost = self.b.fadd(self.b.fsub(p, self.b.fsub(s, part)), self.b.fsub(c, part))
        kind = self.vector("s32", p.type.count)
        whole, other = self.b.bitcast(s, kind), self.b.bitcast(lost, kind)
        step = self._or(self.b.ashr(self.b.xor(whole, other), self._full(31, p)), 1)
        even = self.b.icmp_signed("==", self._and(whole, 1), self._full(0, p))
        inexact = self.b.fcmp_ordered("!=", lost, self.full("f32", 0.0, p.type.count))
        moved = self.b.select(self.b.and_(even, inexact), self.b.add(whole, step), whole)
        return self.b.bitcast(moved, p.type)

    def fma_half(self, a: Value, b: Value, c: Value) -> Value:
        """Return a b + c of halves, rounded once to nearest; of a NaN the payload is free."""
        if self.isa & NATIVE:
            kind = self._half_type(a.type.count)
            x, y, z = (self.b.bitcast(v, kind) for v in (a, b, c))
            return self.b.bitcast(self.call(f"llvm.fma.v{kind.count}f16", kind, x, y, z), a.type)
        x, y, z = (self.widen_half(v) for v in (a, b, c))
        return self.narrow_half(self.odd_sum(self.b.fmul(x, y), z))

    # --- int32 vectors and constants, as wide as the first

    def _full(self, value: int, like: Value) -> Value:
        return self.full("s32", value, like.type.count)

    def _splat_if(self, condition: Value, yes: int, no: int, like: Value) -> Value:
        if condition.type.width > 1:
            condition = self.b.icmp_signed("!=", condition, self.const(0))
        return self.b.select(condition, self._full(yes, like), self._full(no, like))

    def _and(self, x: Value, mask: int) -> Value:
        return self.b.and_(x, self._full(mask, x))

    def _or(self, x: Value, mask: int) -> Value:
        return self.b.or_(x, self._full(mask, x))

    def _plus(self, x: Value, y: int) -> Value:
        return self.b.add(x, self._full(y, x))

    def _shl(self, x: Value, places: int) -> Value:
        return self.b.shl(x, self._full(places, x))

    def _shr(self, x: Value, places: int) -> Value:
        return self.b.lshr(x, self._full(places, x))

    def _above(self, x: Value, limit: int) -> Value:
        return self.b.icmp_signed(">", x, self._full(limit, x))

    def _least(self, x: Value, limit: int) -> Value:
        return self.b.select(self._above(x, limit), self._full(limit, x), x)

    def _most(self, x: Value, limit: int) -> Value:
        return self.b.select(self._above(x, limit), x, self._full(limit, x))
