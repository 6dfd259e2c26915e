"""Powers and remainders of two float32 tensors: float64 vectors along rows, the C library for what is special."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import Op
from ..refimpl.binary import fmod
from ..refimpl.binary import pow as pow_op
from .broadcast import layout_operand
from .float_parts import bits_of, from_bits, magnitude, real, signed_as, whole
from .kernel import I64, OK, S64, Kernel, inlined, kernel, share
from .lowering import Site, Step, lowers
from .simd import Tile, Value, Vectors, tile
from .trigonometry import rounded, widened
from .wide_math import exp_wide, library_where, log_wide, marked

Pair = Callable[[Vectors, Value, Value], Value]
FEW = 2.0**31  # exponents beyond are left to the library
STEPS = 2.0**28  # quotients below are whole numbers whose products with a divisor are exact


def power(v: Vectors, a: Value, b: Value) -> Value:
    """e**(b ln |a|), negative for a negative base and an odd exponent, NaN for one that is not whole."""

    def near() -> Value:
        y = exp_wide(v, v.b.fmul(b, log_wide(v, magnitude(v, a))))
        n, nearest = marked(v, b, 1.0)
        negative = v.b.fcmp_ordered("<", a, real(v, a, 0))
        broken = v.b.and_(negative, v.b.fcmp_ordered("!=", nearest, b))
        sign = v.b.and_(v.b.shl(n, whole(v, a, 63)), bits_of(v, a))
        y = from_bits(v, v.b.xor(bits_of(v, y), v.b.and_(sign, whole(v, a, -(2**63)))))
        return v.b.select(broken, real(v, a, float("nan")), y)

    size, exponent = magnitude(v, a), magnitude(v, b)
    plain = v.b.and_(
        v.b.fcmp_ordered(">", size, real(v, a, 0)),
        v.b.and_(
            v.b.fcmp_ordered("<", size, real(v, a, float("inf"))),
            v.b.fcmp_ordered("<", exponent, real(v, a, FEW)),
        ),
    )
    return library_where(
        v, v.b.not_(plain), near, lambda: v.call(f"llvm.pow.v{a.type.count}f64", a.type, a, b)
    )


def remainder(v: Vectors, a: Value, b: Value) -> Value:
    """|a| less a whole multiple of |b|, with the sign of a; a quotient that was rounded up is one too large."""
    size, divisor = magnitude(v, a), magnitude(v, b)
    ratio = v.b.fdiv(size, divisor)

    def near() -> Value:
        times = v.call(f"llvm.trunc.v{a.type.count}f64", a.type, ratio)
        r = v.fma(v.b.fneg(times), divisor, size)
        below = v.b.fcmp_ordered("<", r, real(v, a, 0))
        return signed_as(v, v.b.select(below, v.b.fadd(r, divisor), r), a)

    plain = v.b.and_(
        v.b.fcmp_ordered("<", ratio, real(v, a, STEPS)),
        v.b.fcmp_ordered("<", divisor, real(v, a, float("inf"))),
    )
    return library_where(v, v.b.not_(plain), near, lambda: v.b.frem(a, b))


def pair_tile(name: str, of: Pair, first: bool, second: bool) -> Tile:
    """Make the tile of a row; `first` and `second` tell which operand is contiguous, and not one element."""

    def row(v: Vectors, x: I64, y: I64, z: I64, count: I64) -> None:
        lanes, vectors = v.lanes, v.b.sdiv(count, v.const(v.lanes))

        def result(a: Value, b: Value) -> Value:
            return rounded(v, of(v, widened(v, a), widened(v, b)))

        def step(i: Value) -> list[Value]:
            at = v.mul(i, 4 * lanes)
            loaded = [
                v.load("f32", place, at) if long else v.repeat("f32", place)
                for place, long in ((x, first), (y, second))
            ]
            v.store(result(*loaded), z, at)
            return []

        v.carry(vectors, [], step)
        done = v.mul(vectors, lanes)
        with v.when(v.b.icmp_signed("<", done, count)):
            some, at, one = v.mask(v.b.sub(count, done)), v.mul(done, 4), v.full("f32", 1.0)
            loaded = [
                v.b.select(some, v.load_some("f32", some, place, at), one)
                if long
                else v.repeat("f32", place)
                for place, long in ((x, first), (y, second))
            ]
            v.store_some(result(*loaded), some, z, at)

    row.__doc__ = of.__doc__
    return tile(name)(row)


pow_both = pair_tile("f32_pow_both", power, True, True)
pow_first = pair_tile("f32_pow_first", power, True, False)
pow_second = pair_tile("f32_pow_second", power, False, True)
fmod_both = pair_tile("f32_fmod_both", remainder, True, True)
fmod_first = pair_tile("f32_fmod_first", remainder, True, False)
fmod_second = pair_tile("f32_fmod_second", remainder, False, True)


@inlined
def place_of(layout, row):  # type: ignore[no-untyped-def]
    """Return where a row of the result starts in either operand."""
    i, j, rest = 0, 0, row
    for axis in range(layout[4]):
        size = layout[5 + 3 * axis]
        place = rest % size
        rest //= size
        i += place * layout[6 + 3 * axis]
        j += place * layout[7 + 3 * axis]
    return i, j


@kernel
def f32_pow(x: I64, y: I64, z: I64, layout: S64, tid: I64, threads: I64) -> I64:
    """Raise to a power, row by row."""
    columns, x_step, y_step = layout[1], layout[2], layout[3]
    at, stop = share(layout[0] * columns, tid, threads)
    while at < stop:
        row = at // columns
        first = at - row * columns
        count = min(columns - first, stop - at)
        i, j = place_of(layout, row)
        a, b = x + 4 * (i + first * x_step), y + 4 * (j + first * y_step)
        if x_step == 1 and y_step == 1:
            pow_both(a, b, z + 4 * at, count)
        elif y_step == 0:
            pow_first(a, b, z + 4 * at, count)
        else:
            pow_second(a, b, z + 4 * at, count)
        at += count
    return OK


@kernel
def f32_fmod(x: I64, y: I64, z: I64, layout: S64, tid: I64, threads: I64) -> I64:
    """Take remainders, row by row."""
    columns, x_step, y_step = layout[1], layout[2], layout[3]
    at, stop = share(layout[0] * columns, tid, threads)
    while at < stop:
        row = at // columns
        first = at - row * columns
        count = min(columns - first, stop - at)
        i, j = place_of(layout, row)
        a, b = x + 4 * (i + first * x_step), y + 4 * (j + first * y_step)
        if x_step == 1 and y_step == 1:
            fmod_both(a, b, z + 4 * at, count)
        elif y_step == 0:
            fmod_first(a, b, z + 4 * at, count)
        else:
            fmod_second(a, b, z + 4 * at, count)
        at += count
    return OK


KERNELS: dict[Op[..., Any], Kernel] = {pow_op: f32_pow, fmod: f32_fmod}


@lowers((pow_op, "f32"), (fmod, "f32"))
def lower_pair(site: Site) -> list[Step]:
    """Lower to one loop over rows."""
    (x, y), (z,) = site.inputs, site.outputs
    return [Step(KERNELS[site.node.op], (x, y, z, layout_operand(site)))]
