"""The vector language: Python that writes LLVM IR when a kernel is compiled, loops of it unrolled.

A tile is a function `name(v: Vectors, *arguments)` under `@tile("name(...)")`. It becomes a machine code function of
its own that kernels call; addresses and counts are 64-bit integers, reals are float64. What it says holds
for any processor: LLVM cuts vectors of `v.lanes` 32-bit elements into what the target has, and an instruction
that only some targets have is used where `v.isa` names it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .isa import HOST
from .kernel import F64, Emitted
from .simd_base import LANES, REGISTERS, Value
from .simd_groups import GroupVectors
from .simd_half import HalfVectors
from .simd_int import IntegerVectors
from .simd_math import MathVectors

__all__ = ["LANES", "REGISTERS", "Tile", "Value", "Vectors", "tile"]


class Vectors(IntegerVectors, HalfVectors, GroupVectors, MathVectors):
    """Emits operations on vectors of `lanes` elements at the end of the function that is being written."""

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Return a b + c of float32 or float64 vectors, in one rounding where the processor has that."""
        bits = 8 * self.bytes(a.type.element)
        return self.call(f"llvm.fmuladd.v{a.type.count}f{bits}", a.type, a, b, c)

    def clamp(self, x: Value, low: Value, high: Value) -> Value:
        """Return min(max(x, low), high) of float32; a NaN stays one."""
        return self.at_most(self.at_least(x, low), high)

    def run(self, each: Tile, *values: Value) -> None:
        """Call a tile from another: it is written for the same target."""
        each.call(self.b, *values, lanes=self.lanes, isa=self.isa)

    def at_least(self, x: Value, low: Value) -> Value:
        """Return max(x, low) of float32; a NaN stays one."""
        return self.b.select(self.b.fcmp_ordered("<", x, low), low, x)

    def at_most(self, x: Value, high: Value) -> Value:
        """Return min(x, high) of float32; a NaN stays one."""
        return self.b.select(self.b.fcmp_ordered(">", x, high), high, x)


class Tile(Emitted):
    """A function of machine code that kernels call, written in the vector language.

    `needs` names what a target must have where the tile has no plain form: only lowerings with that `isa` use it.
    """

    def __init__(
        self,
        write: Callable[..., None],
        name: str,
        inline: bool = False,
        needs: frozenset[str] = frozenset(),
    ) -> None:
        kinds = [p.annotation for p in list(inspect.signature(write).parameters.values())[1:]]
        self.kinds = ["F64" if kind in ("F64", F64) else "I64" for kind in kinds]
        super().__init__(f"NONE({', '.join(self.kinds)})", self.call)
        self.write, self.name, self.inline, self.needs = write, name, inline, needs
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

    def call(
        self, builder: Any, *values: Any, lanes: int = LANES, isa: frozenset[str] = HOST
    ) -> None:
        """Call the function, which is added to the module when it is first met."""
        function = builder.module.globals.get(f"tile_{self.name}")
        if function is None:
            function = self.define(builder.module, lanes, isa)
            # Code of its own, unless short: the registers are shared out for this loop alone.
            function.attributes.add("alwaysinline" if self.inline else "noinline")
            function.linkage = "internal"
        builder.call(function, values)


def tile(
    name: str, inline: bool = False, needs: frozenset[str] = frozenset()
) -> Callable[[Callable[..., None]], Tile]:
    """Declare a function over `Vectors` as a tile; `name` is unique."""
    return functools.partial(Tile, name=name, inline=inline, needs=needs)
