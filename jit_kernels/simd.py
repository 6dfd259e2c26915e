"""The vector language: Python that writes LLVM IR when a kernel is compiled, loops of it unrolled.

A tile is a function `name(v: Vectors, *arguments)` under `@tile("name(...)")`. It becomes a machine code function of
its own that kernels call; addresses and counts are 64-bit integers, reals are float64. What it says holds
for any processor: LLVM cuts vectors of `v.lanes` 32-bit elements into what the target has, and an instruction
that only some targets have is used where `v.isa` names it.
"""

from __future__ import annotations

import functools
import inspect
import platform
from collections.abc import Callable, Sequence
from typing import Any

from .isa import HOST
from .kernel import F64, Emitted

Value = Any  # an llvmlite value, or a Python number that becomes a constant

LANES = 16 if "avx512f" in HOST else 8 if "avx2" in HOST else 4
REGISTERS = 32 if "avx512f" in HOST else 16

_BITS = {"s8": 8, "s16": 16, "s32": 32, "s64": 64}


class Vectors:
    """Emits operations on vectors of `lanes` elements at the end of the function that is being written."""

    def __init__(self, builder: Any, lanes: int = LANES, isa: frozenset[str] = HOST) -> None:
        from llvmlite import ir

        self.b, self.lanes, self.isa, self.ir = builder, lanes, isa, ir

    # --- types and constants

    def element(self, name: str) -> Any:
        """Return the LLVM type of one element: f32, f64, s8 ... s64."""
        if name in _BITS:
            return self.ir.IntType(_BITS[name])
        return self.ir.FloatType() if name == "f32" else self.ir.DoubleType()

    def vector(self, name: str, lanes: int = 0) -> Any:
        """Return the LLVM type of a vector."""
        return self.ir.VectorType(self.element(name), lanes or self.lanes)

    def const(self, value: int) -> Value:
        """Return a 64-bit integer."""
        return self.ir.Constant(self.element("s64"), value) if isinstance(value, int) else value

    def full(self, name: str, value: float, lanes: int = 0) -> Value:
        """Return a vector of one constant."""
        return self.ir.Constant(self.vector(name, lanes), [value] * (lanes or self.lanes))

    def narrow(self, x: Value, name: str) -> Value:
        """Return a 64-bit argument as one element."""
        kind = self.element(name)
        return self.b.fptrunc(x, kind) if name == "f32" else self.b.trunc(x, kind)

    def splat(self, x: Value, lanes: int = 0) -> Value:
        """Return a vector of one element, repeated."""
        kind = self.ir.VectorType(x.type, lanes or self.lanes)
        none = self.ir.Constant(kind, self.ir.Undefined)
        first = self.b.insert_element(none, x, self.ir.Constant(self.ir.IntType(32), 0))
        return self.shuffle(first, none, [0] * kind.count)

    def shuffle(self, a: Value, b: Value, order: Sequence[int]) -> Value:
        """Return the chosen elements of `a` followed by `b`."""
        kind = self.ir.VectorType(self.ir.IntType(32), len(order))
        return self.b.shuffle_vector(a, b, self.ir.Constant(kind, list(order)))

    # --- addresses and memory

    def add(self, *terms: Value) -> Value:
        """Return a sum of 64-bit integers."""
        return functools.reduce(self.b.add, (self.const(t) for t in terms))

    def mul(self, a: Value, b: Value) -> Value:
        """Return a product of 64-bit integers."""
        return self.b.mul(self.const(a), self.const(b))

    def pointer(self, address: Value, offset: Value = 0) -> Value:
        """Return the pointer to `offset` bytes behind an address (or behind a pointer)."""
        byte = self.element("s8").as_pointer()
        base = address if address.type == byte else self.b.inttoptr(address, byte)
        return (
            base
            if isinstance(offset, int) and offset == 0
            else self.b.gep(base, [self.const(offset)])
        )

    def _at(self, address: Value, offset: Value, kind: Any) -> Value:
        return self.b.bitcast(self.pointer(address, offset), kind.as_pointer())

    def scalar(self, name: str, address: Value, offset: Value = 0) -> Value:
        """Load one element."""
        return self.b.load(self._at(address, offset, self.element(name)), align=1)

    def load(self, name: str, address: Value, offset: Value = 0, lanes: int = 0) -> Value:
        """Load a vector."""
        return self.b.load(self._at(address, offset, self.vector(name, lanes)), align=1)

    def repeat(self, name: str, address: Value, offset: Value = 0) -> Value:
        """Load one element into all lanes."""
        return self.splat(self.scalar(name, address, offset))

    def store(self, x: Value, address: Value, offset: Value = 0) -> None:
        """Store a vector or an element."""
        self.b.store(x, self._at(address, offset, x.type), align=1)

    def store_first(self, count: Value, vectors: Sequence[Value], address: Value) -> None:
        """Store the first `count` elements of some vectors in a row."""
        kind = vectors[0].type
        size = self.bytes(kind.element)
        with self.b.goto_entry_block():
            spare = self.b.alloca(self.ir.ArrayType(kind, len(vectors)))
        spare = self.b.bitcast(spare, self.element("s8").as_pointer())
        for i, x in enumerate(vectors):
            self.store(x, spare, i * kind.count * size)

        def copy(i: Value) -> list[Value]:
            offset = self.mul(i, size)
            self.store(self.scalar(f"s{8 * size}", spare, offset), address, offset)
            return []

        self.carry(count, [], copy)

    def bytes(self, element: Any) -> int:
        """Return the size of an element."""
        return int(getattr(element, "width", 64 if element == self.element("f64") else 32)) // 8

    # --- control

    def when(self, condition: Value) -> Any:
        """Write what is done only where `condition` holds: `with v.when(c): ...`."""
        return self.b.if_then(condition)

    def carry(
        self, count: Value, values: Sequence[Value], body: Callable[..., Sequence[Value]]
    ) -> list[Value]:
        """Run `values = body(i, *values)` for i in 0 .. `count` - 1; none for a count of 0."""
        count = self.const(count)
        before = self.b.block
        again, after = self.b.append_basic_block("loop"), self.b.append_basic_block("done")
        some = self.b.icmp_signed(">", count, self.const(0))
        self.b.cbranch(some, again, after)
        self.b.position_at_end(again)
        index = self.b.phi(count.type)
        index.add_incoming(self.const(0), before)
        carried = [self.b.phi(x.type) for x in values]
        for phi, x in zip(carried, values, strict=True):
            phi.add_incoming(x, before)
        new = list(body(index, *carried))
        step = self.add(index, 1)
        end = self.b.block
        index.add_incoming(step, end)
        for phi, x in zip(carried, new, strict=True):
            phi.add_incoming(x, end)
        self.b.cbranch(self.b.icmp_signed("<", step, count), again, after)
        self.b.position_at_end(after)
        result = [self.b.phi(x.type) for x in values]
        for phi, x, y in zip(result, values, new, strict=True):
            phi.add_incoming(x, before)
            phi.add_incoming(y, end)
        return result

    # --- arithmetic

    def call(self, name: str, result: Any, *values: Value) -> Value:
        """Call an LLVM intrinsic."""
        kind = self.ir.FunctionType(result, [x.type for x in values])
        known = self.b.module.globals.get(name)
        return self.b.call(known or self.ir.Function(self.b.module, kind, name), values)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Return a b + c of float32 vectors, in one rounding where the processor has that."""
        return self.call(f"llvm.fmuladd.v{a.type.count}f32", a.type, a, b, c)

    def clamp(self, x: Value, low: Value, high: Value) -> Value:
        """Return min(max(x, low), high) of float32; a NaN stays one."""
        x = self.b.select(self.b.fcmp_ordered("<", x, low), low, x)
        return self.b.select(self.b.fcmp_ordered(">", x, high), high, x)

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


class Tile(Emitted):
    """A function of machine code that kernels call, written in the vector language."""

    def __init__(self, write: Callable[..., None], name: str, inline: bool = False) -> None:
        kinds = [p.annotation for p in list(inspect.signature(write).parameters.values())[1:]]
        self.kinds = ["F64" if kind in ("F64", F64) else "I64" for kind in kinds]
        super().__init__(f"NONE({', '.join(self.kinds)})", self._call)
        self.write, self.name, self.inline = write, name, inline
        self.__doc__ = write.__doc__

    def define(self, module: Any, lanes: int = LANES, isa: frozenset[str] = HOST) -> Any:
        """Add the function to an LLVM module; a test does this for other widths and processors."""
        from llvmlite import ir

        types = {"I64": ir.IntType(64), "F64": ir.DoubleType()}
        kind = ir.FunctionType(ir.VoidType(), [types[k] for k in self.kinds])
        function = ir.Function(module, kind, f"tile_{self.name}")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.write(Vectors(builder, lanes, isa), *function.args)
        builder.ret_void()
        return function

    def _call(self, builder: Any, *values: Any) -> None:
        function = builder.module.globals.get(f"tile_{self.name}")
        if function is None:
            function = self.define(builder.module)
            # Code of its own, unless short: the registers are shared out for this loop alone.
            function.attributes.add("alwaysinline" if self.inline else "noinline")
            function.linkage = "internal"
        builder.call(function, values)


def tile(name: str, inline: bool = False) -> Callable[[Callable[..., None]], Tile]:
    """Declare a function over `Vectors` as a tile; `name` is unique."""
    return functools.partial(Tile, name=name, inline=inline)
