"""Operators on float16 by way of their other kernels: stored as half, computed in float32 (or only moved).

What an operator has on float32 it has on float16: `CPU` is completed with a lowering that widens the inputs to
scratch, runs the best float32 kernels there, and rounds the results. Constants are widened when the plan is made. What
moves elements without looking at them runs the kernels of 16-bit words in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..ir import BITS_OF, FORMATS, MOVED, Array, Node, Op, UnsupportedError
from ..quant.rule import number_format
from .half import half_narrow, half_widen
from .lowering import CPU, Lowering, Operand, Site, Step

F16, F32 = FORMATS["f16"], FORMATS["f32"]


@dataclass
class Recast:
    """A node seen with other element types: the site that a lowering for these is given."""

    inner: Site
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    residual: Operand | None = None
    pitch: int | None = None

    def __post_init__(self) -> None:
        self.node: Node = self.inner.node
        self.attributes: Mapping[str, Any] = self.inner.attributes
        self.threads = self.inner.threads

    def constant(self, value: Array) -> Operand:
        """Keep an array."""
        return self.inner.constant(value)

    def packed(self, make: Callable[..., Array], *args: Any) -> Operand:
        """Keep what is made of constants."""
        return self.inner.packed(make, *args)

    def scratch(self, nbytes: int) -> Operand:
        """Reserve memory."""
        return self.inner.scratch(nbytes)

    def best(self) -> Lowering:
        """Return the best way to run the node with these types."""
        types = tuple(None if x is None else x.type for x in self.inputs)
        form = number_format(self.node.op, types, self.node.dialect)
        fitting = (way for way in CPU[self.node.op, form] if way.fits(self))
        way = next(fitting, None)
        if way is None:
            raise UnsupportedError(f"no CPU kernel for {self.node.op.__name__} {form}")
        return way


def _is_half(x: Operand | None) -> bool:
    return x is not None and x.type.dtype == F16


def _float32_room(site: Site, like: Operand) -> Operand:
    room = site.scratch(4 * like.type.size)
    return Operand(room.name, replace(like.type, dtype=F32, value=None))


def _as_float32(value: Array) -> Array:
    return value.astype(F32)


def _widened(site: Site, x: Operand | None, steps: list[Step]) -> Operand | None:
    """Return an input as float32, and add the step that makes it so, if it takes one."""
    if x is None or not _is_half(x):
        return x
    if x.value is not None:
        kept = site.packed(_as_float32, x.value)
        return Operand(kept.name, replace(x.type, dtype=F32, value=kept.value))
    wide = _float32_room(site, x)
    if x.type.size:
        steps.append(Step(half_widen, (x, wide, x.type.size)))
    return wide


def lower_by_float32(site: Site) -> list[Step]:
    """Widen, compute, round."""
    before: list[Step] = []
    inputs = tuple(_widened(site, x, before) for x in site.inputs)
    outputs = tuple(_float32_room(site, y) if _is_half(y) else y for y in site.outputs)
    added: list[Step] = []
    wide = Recast(site, inputs, outputs, _widened(site, site.residual, added))
    steps = wide.best().build(wide)
    # What takes no residual must not seem to: then whoever set it does without.
    name = wide.residual.name if wide.residual else None
    reads = any(isinstance(a, Operand) and a.name == name for s in steps for a in s.arguments)
    before += added if reads else []
    pairs = [(a, b) for a, b in zip(outputs, site.outputs, strict=True) if a is not b]
    after = [Step(half_narrow, (a, b, a.type.size, 0, 0)) for a, b in pairs if a.type.size]
    return [*before, *steps, *after]


def _as_words(x: Operand | None, moved: np.dtype[Any]) -> Operand | None:
    """Return a tensor of the type that is moved as one of integers."""
    if x is None or x.type.dtype != moved:
        return x
    word = BITS_OF[x.type.format]
    value = None if x.value is None else x.value.view(word)
    return Operand(x.name, replace(x.type, dtype=word, value=value), x.offset)


def lower_as_words(site: Site) -> Sequence[Step]:
    """Move elements as the words that they are."""
    named = site.inputs[site.node.op.format_input]
    assert named is not None
    moved = named.type.dtype
    inputs = tuple(_as_words(x, moved) for x in site.inputs)
    outputs = tuple(y for y in (_as_words(y, moved) for y in site.outputs) if y is not None)
    words = Recast(site, inputs, outputs)
    return words.best().build(words)


def _moves(site: Site) -> bool:
    """Whether the operator does nothing with its halves but to place them."""
    return site.node.op.moves and all(_is_half(y) for y in site.outputs)


BY_FLOAT32 = Lowering(lower_by_float32)
AS_WORDS = Lowering(lower_as_words, _moves)


@CPU.completed
def half_lowerings() -> Mapping[tuple[Op[..., Any], str], tuple[Lowering, ...]]:
    """Give every operator on float32 a way to run on float16, unless it has its own."""
    return {
        (op, "f16"): (AS_WORDS, BY_FLOAT32)
        for op, form in list(CPU)
        if form == "f32" and "f16" in op.dtypes and (op, "f16") not in CPU
    }


@CPU.completed
def word_lowerings() -> Mapping[tuple[Op[..., Any], str], tuple[Lowering, ...]]:
    """Give every operator that moves elements a way to move those of any type."""
    return {
        (op, form): (Lowering(lower_as_words),)
        for op in {op for op, _ in CPU if op.moves}
        for form in MOVED
        if (op, form) not in CPU
    }
