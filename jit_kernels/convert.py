"""Conversions between element types, by value and by bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir import BITS_OF, FORMATS, NARROW_FLOATS, NARROW_INTS
from ..refimpl.cast import CASTABLE, bit_cast, cast
from .half import half_narrow, half_widen
from .kernel import (
    F32,
    F64,
    F64P,
    I64,
    OK,
    S32,
    S64,
    U8,
    U16,
    Kernel,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lookup import look_up, look_up_steps
from .lowering import Operand, Site, Step, lowers
from .narrow import bf16_widen, odd_doubles, to_narrow_float, to_narrow_int, to_power
from .storage import lower_by_float32
from .strided import View, copy, operand, width

# What a number becomes: this many bytes of an integer (9: unsigned, of eight), or one of these.
TO_FLOAT, TO_BOOL, TO_DOUBLE, TO_U64 = 0, -1, -2, 9


@inlined
def convert_value(x, y8, yf, yd, kind, start, stop):  # type: ignore[no-untyped-def]
    """Convert to float32, float64 or a truth value."""
    if kind == 0:
        for i in range(start, stop):
            yf[i] = np.float32(x[i])
    elif kind == -1:
        for i in range(start, stop):
            y8[i] = x[i] != 0
    elif kind == -2:
        for i in range(start, stop):
            yd[i] = np.float64(x[i])


@kernel_family("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64")
def cast_whole(
    x: T, y8: U8, y16: U16, y32: S32, y64: S64, yf: F32, yd: F64P, kind: I64, count: I64, tid: I64,
    threads: I64,
) -> I64:  # fmt: skip
    """Convert integers, bool as uint8; all the pointers after `x` are to the same output."""
    start, stop = share(count, tid, threads)
    if kind == 1:
        for i in range(start, stop):
            y8[i] = np.uint8(x[i])
    elif kind == 2:
        for i in range(start, stop):
            y16[i] = np.uint16(x[i])
    elif kind == 4:
        for i in range(start, stop):
            y32[i] = np.int32(x[i])
    elif kind >= 8:
        for i in range(start, stop):
            y64[i] = np.int64(x[i])
    else:
        convert_value(x, y8, yf, yd, kind, start, stop)
    return OK


@inlined
def cut(v, low, high):  # type: ignore[no-untyped-def]
    """Cut a float towards zero and clamp it; NaN becomes the largest."""
    w = np.float64(v)
    w = high if w != w else w
    w = low if w < low else w
    return np.int64(high if w > high else w)


@inlined
def cut_long(v, unsigned):  # type: ignore[no-untyped-def]
    """The same to 64 bits, whose range is not a matter of float64 numbers; unsigned ones as the bits that they have."""
    w = np.float64(v)
    if unsigned:
        upper = w >= 2.0**63
        inside = (w < 2.0**64) & (w > -1.0)
        low = np.int64(w - 2.0**63 if upper & inside else (w if inside else 0.0))
        whole = low ^ np.int64(-(2**63)) if upper else low
        return whole if inside else np.int64(0 if w < 0 else -1)
    inside = abs(w) < 2.0**63
    whole = np.int64(w if inside else 0.0)
    return whole if inside else np.int64(-(2**63) if w < 0 else 2**63 - 1)


@kernel_family("f32", "f64")
def cast_real(
    x: T, y8: U8, y16: U16, y32: S32, y64: S64, yf: F32, yd: F64P, kind: I64, low: F64, high: F64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Convert floats."""
    start, stop = share(count, tid, threads)
    if kind == 1:
        for i in range(start, stop):
            y8[i] = np.uint8(cut(x[i], low, high))
    elif kind == 2:
        for i in range(start, stop):
            y16[i] = np.uint16(cut(x[i], low, high))
    elif kind == 4:
        for i in range(start, stop):
            y32[i] = np.int32(cut(x[i], low, high))
    elif kind >= 8:
        for i in range(start, stop):
            y64[i] = cut_long(x[i], kind == 9)
    else:
        convert_value(x, y8, yf, yd, kind, start, stop)
    return OK


@kernel
def whole_bytes(x: U8, y: U8, count: I64, tid: I64, threads: I64) -> I64:
    """Make truth values of bytes."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] != 0
    return OK


# What needs nothing in between.
DIRECT = {("f16", "f32"): half_widen, ("f32", "f16"): half_narrow, ("bf16", "f32"): bf16_widen}
DIRECT_ARGUMENTS = {("f32", "f16"): (0, 0)}
CASTS: dict[str, Kernel] = {**cast_whole, "bool": cast_whole["u8"], **cast_real}
KINDS = {"f32": TO_FLOAT, "f64": TO_DOUBLE, "bool": TO_BOOL, "u64": TO_U64}


def _scratch(site: Site, like: Operand, form: str) -> Operand:
    room = site.scratch(FORMATS[form].itemsize * like.type.size)
    return Operand(room.name, replace(like.type, dtype=FORMATS[form], value=None))


def _number_steps(x: Operand, y: Operand) -> list[Step]:
    """Return the step between types of NumPy's, float16 aside."""
    kind = KINDS.get(y.type.format, y.type.dtype.itemsize)
    arguments: list[Operand | int | float] = [x, y, y, y, y, y, y, kind]
    if x.type.format in cast_real:
        info = np.iinfo(y.type.dtype) if y.type.dtype.kind in "iu" else np.iinfo(np.int8)
        arguments += [float(info.min), float(info.max)]
    return [Step(CASTS[x.type.format], (*arguments, y.type.size))]


def _narrow_steps(site: Site, x: Operand, y: Operand) -> list[Step]:
    """Return the steps from a type of NumPy's of 16 bits or more to a narrow one, or from float64 to float16."""
    form, before = y.type.format, list[Step]()
    if form in NARROW_INTS:
        return to_narrow_int(x, y)
    if x.type.format in ("s64", "u64"):
        wide = _scratch(site, x, "f64")
        before = [Step(odd_doubles, (x, wide, int(x.type.format == "s64"), x.type.size))]
        x = wide
    if form == "f8e8m0":
        return [*before, *to_power(site, x, y)]
    return [*before, *to_narrow_float(x, y, site.attributes["saturate"])]


def _looked_up(site: Site, x: Operand, y: Operand) -> bool:
    """Whether a table of all bytes is the shortest way."""
    narrow = (*NARROW_FLOATS, *NARROW_INTS)
    form = x.type.format
    return x.type.dtype.itemsize == 1 and (form in narrow or y.type.format in narrow)


@lowers(*((cast, form) for form in CASTABLE))
def lower_cast(site: Site) -> list[Step]:
    """Lower to a table of bytes, or to a loop for the input's type; 16-bit floats become float32 before."""
    x, y = operand(site.inputs[0]), site.outputs[0]
    types = x.type.format, y.type.format
    if types in DIRECT:
        return [Step(DIRECT[types], (x, y, y.type.size, *DIRECT_ARGUMENTS.get(types, ())))]
    if types[0] == types[1]:
        return copy(site, x, View.of((y.type.size,)), y, View.of((y.type.size,)))
    if _looked_up(site, x, y):
        every = np.arange(256, dtype=np.uint8).view(x.type.dtype)
        return look_up_steps(site, cast(every, **site.attributes))
    if types[0] == "bf16":
        wide = _scratch(site, x, "f32")
        return [Step(bf16_widen, (x, wide, x.type.size)), *_cast_steps(site, wide, y)]
    return _cast_steps(site, x, y)


def _cast_steps(site: Site, x: Operand, y: Operand) -> list[Step]:
    types = x.type.format, y.type.format
    if types in DIRECT:
        return [Step(DIRECT[types], (x, y, y.type.size, *DIRECT_ARGUMENTS.get(types, ())))]
    narrow = types[1] in (*NARROW_FLOATS, *NARROW_INTS) and types[0] != "f16"
    if narrow or types == ("f64", "f16"):
        return _narrow_steps(site, x, y)
    if "f16" in types:
        return lower_by_float32(site)
    return _number_steps(x, y)


def converted(site: Site, x: Operand, form: str) -> tuple[list[Step], Operand]:
    """Return a tensor as one of another type, which holds its numbers or rounds them, and the steps that make it."""
    if x.type.format == form:
        return [], x
    if x.value is not None:
        return [], site.constant(cast(x.value, to=form))
    y = _scratch(site, x, form)
    narrow = x.type.format in (*NARROW_FLOATS, *NARROW_INTS)
    if narrow and x.type.dtype.itemsize == 1:
        every = np.arange(256, dtype=np.uint8).view(x.type.dtype)
        table = site.constant(cast(every, to=form).view(BITS_OF[form]))
        return [Step(look_up[width(x), width(y)], (x, table, y, x.type.size))], y
    halves = x.type.format in ("f16", "bf16") and form != "f32"
    if halves or (form == "f16" and x.type.format not in ("f32", "f64")):
        before, wide = converted(site, x, "f32")
        return [*before, *convert_to(wide, y)], y
    return convert_to(x, y), y


def convert_to(x: Operand, y: Operand) -> list[Step]:
    """Return the step from a type of NumPy's or bfloat16 to another, in one go."""
    types = x.type.format, y.type.format
    if types in DIRECT:
        return [Step(DIRECT[types], (x, y, x.type.size, *DIRECT_ARGUMENTS.get(types, ())))]
    if types[1] in NARROW_FLOATS or types == ("f64", "f16"):
        return to_narrow_float(x, y, saturate=False)
    return _number_steps(x, y)


@lowers(*((bit_cast, form) for form in CASTABLE))
def lower_bit_cast(site: Site) -> list[Step]:
    """Lower to a copy; what becomes truth values is looked at."""
    x, y = operand(site.inputs[0]), site.outputs[0]
    if y.type.format == "bool":
        return [Step(whole_bytes, (x, y, y.type.size))]
    flat = View.of((y.type.size,))
    return copy(site, x, flat, y, flat)
