"""The part of the vector language that knows no arithmetic: types, addresses, memory, loops."""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable, Sequence
from typing import Any

from .isa import HOST

Value = Any  # an llvmlite value, or a Python number that becomes a constant

LANES = 16 if "avx512f" in HOST else 8 if "avx2" in HOST else 4
REGISTERS = 32 if HOST & {"avx512f", "neon"} else 16

_LETTER = {"f32": "f", "s32": "i"}
_BITS = {"s8": 8, "s16": 16, "s32": 32, "s64": 64}
_BASE = frozenset({"sse2"} if platform.machine() in ("x86_64", "AMD64") else ())


class Emitter:
    """Emits operations on vectors of `lanes` elements at the end of the function that is being written."""

    def __init__(self, builder: Any, lanes: int = LANES, isa: frozenset[str] = HOST) -> None:
        from llvmlite import ir

        self.b, self.lanes, self.isa, self.ir = builder, lanes, isa, ir

    def has(self, feature: str) -> bool:
        """Whether the target has an instruction set; what all of x86 has needs no name."""
        return feature in self.isa or (feature in _BASE and "neon" not in self.isa)

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

    def opaque(self, x: Value) -> Value:
        """Return an integer that the compiler knows nothing about: it cannot derive one address from the other.

        Left alone, it makes the rows of a tile a chain of additions that each load waits for.
        """
        kind = self.ir.FunctionType(x.type, [x.type])
        return self.b.asm(kind, "", "=r,0", [x], False)

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

    def mask(self, count: Value, lanes: int = 0) -> Value:
        """Return which of a vector's lanes are among the first `count`."""
        lanes = lanes or self.lanes
        order = self.ir.Constant(self.vector("s32", lanes), list(range(lanes)))
        few = self.b.trunc(self.const(count), self.element("s32"))
        return self.b.icmp_signed("<", order, self.splat(few, lanes))

    def load_some(self, name: str, mask: Value, address: Value, offset: Value = 0) -> Value:
        """Load the 32-bit elements that `mask` has, and zeros in place of the others, which are not touched."""
        kind = self.vector(name, mask.type.count)
        align, none = self.ir.Constant(self.element("s32"), 4), self.ir.Constant(kind, None)
        intrinsic = f"llvm.masked.load.v{kind.count}{_LETTER[name]}32.p0"
        return self.call(intrinsic, kind, self._at(address, offset, kind), align, mask, none)

    def store_some(self, x: Value, mask: Value, address: Value, offset: Value = 0) -> None:
        """Store the elements that `mask` has."""
        size = self.bytes(x.type.element)
        letter = "i" if hasattr(x.type.element, "width") else "f"
        align = self.ir.Constant(self.element("s32"), size)
        intrinsic = f"llvm.masked.store.v{x.type.count}{letter}{8 * size}.p0"
        at = self._at(address, offset, x.type)
        self.call(intrinsic, self.ir.VoidType(), x, at, align, mask)

    def prefetch(self, address: Value, offset: Value = 0) -> None:
        """Have a line brought to the second-level cache; an address that is not readable does no harm."""
        hints = [self.ir.Constant(self.element("s32"), hint) for hint in (0, 2, 1)]
        self.call("llvm.prefetch.p0", self.ir.VoidType(), self.pointer(address, offset), *hints)

    def bytes(self, element: Any) -> int:
        """Return the size of an element."""
        return int(getattr(element, "width", 64 if element == self.element("f64") else 32)) // 8

    # --- control

    def when(self, condition: Value) -> Any:
        """Write what is done only where `condition` holds: `with v.when(c): ...`."""
        return self.b.if_then(condition)

    def either(
        self, condition: Value, yes: Callable[[], list[Value]], no: Callable[[], list[Value]]
    ) -> list[Value]:
        """Return what `yes` makes where `condition` holds, or else what `no` makes."""
        with self.b.if_else(condition) as (then, otherwise):
            with then:
                first, from_first = yes(), self.b.block
            with otherwise:
                second, from_second = no(), self.b.block
        chosen = [self.b.phi(x.type) for x in first]
        for phi, x, y in zip(chosen, first, second, strict=True):
            phi.add_incoming(x, from_first)
            phi.add_incoming(y, from_second)
        return chosen

    def least(self, a: Value, b: Value) -> Value:
        """Return the smaller of two 64-bit integers."""
        return self.b.select(self.b.icmp_signed("<", a, b), a, b)

    def between(self, x: Value, low: Value, high: Value) -> Value:
        """Return whether low <= x < high, of 64-bit integers."""
        x = self.const(x)
        return self.b.and_(self.b.icmp_signed(">=", x, low), self.b.icmp_signed("<", x, high))

    def maybe(
        self, condition: Value, values: Sequence[Value], body: Callable[..., Sequence[Value]]
    ) -> list[Value]:
        """Run `values = body(*values)` where `condition` holds, and leave them as they are elsewhere."""
        return self.either(condition, lambda: list(body(*values)), lambda: list(values))

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

    def call(self, name: str, result: Any, *values: Value) -> Value:
        """Call an LLVM intrinsic."""
        kind = self.ir.FunctionType(result, [x.type for x in values])
        known = self.b.module.globals.get(name)
        return self.b.call(known or self.ir.Function(self.b.module, kind, name), values)
