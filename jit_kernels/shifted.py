"""uint8 in dialects whose kernels are for int8: the sign bits are flipped before and after (`quant.shifted`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ir import Op
from ..quant.rule import DIALECTS
from ..quant.shifted import U8 as UNSIGNED
from ..quant.shifted import flipped, type_as_int8
from .kernel import I64, OK, U8, kernel, share
from .lowering import CPU, Lowering, Operand, Site, Step
from .storage import Recast


@kernel
def flip_signs(x: U8, y: U8, count: I64, tid: I64, threads: I64) -> I64:
    """Turn the uppermost bit of every byte."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] ^ 128
    return OK


def _is_shifted(x: Operand) -> bool:
    return x.type.dtype == UNSIGNED and x.type.quant is not None


def _signed(site: Site, x: Operand | None, steps: list[Step]) -> Operand | None:
    """Return a tensor as int8, and add the step that makes it so, if it takes one."""
    if x is None or not _is_shifted(x):
        return x
    signed = type_as_int8(x.type)
    if x.value is not None:
        return Operand(site.packed(flipped, x.value).name, signed)
    room = _room(site, x)
    if x.type.size:
        steps.append(Step(flip_signs, (x, room, x.type.size)))
    return room


def _room(site: Site, like: Operand) -> Operand:
    return Operand(site.scratch(like.type.size).name, type_as_int8(like.type.without_value()))


def lower_as_int8(site: Site) -> list[Step]:
    """Shift, compute, shift back."""
    before: list[Step] = []
    inputs = tuple(_signed(site, x, before) for x in site.inputs)
    outputs = tuple(_room(site, y) if _is_shifted(y) else y for y in site.outputs)
    inner = Recast(site, inputs, outputs)
    steps = inner.best().build(inner)
    pairs = [(a, b) for a, b in zip(outputs, site.outputs, strict=True) if a is not b]
    after = [Step(flip_signs, (a, b, a.type.size)) for a, b in pairs if a.type.size]
    return [*before, *steps, *after]


@CPU.completed
def shifted_lowerings() -> Mapping[tuple[Op[..., Any], str], tuple[Lowering, ...]]:
    """Give every operator on int8 in these dialects a way to run on uint8, unless it has its own."""
    return {
        (op, f"u8-{dialect}"): (Lowering(lower_as_int8),)
        for dialect in DIALECTS
        for op, form in list(CPU)
        if form == f"s8-{dialect}" and (op, f"u8-{dialect}") not in CPU
    }
