"""Vectors of float32 or float64 and their bits, in operations that are spelled alike for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .simd_base import Value

if TYPE_CHECKING:  # simd.py has functions that take constants from modules like this one
    from .simd import Vectors

# The float, the integer of its size, and bits, by LLVM's name of either.
KINDS: Final = {
    "float": ("f32", "s32", 32),
    "i32": ("f32", "s32", 32),
    "double": ("f64", "s64", 64),
    "i64": ("f64", "s64", 64),
}


def _kind(x: Value) -> tuple[str, str, int]:
    return KINDS[str(x.type.element)]


def real(v: Vectors, like: Value, value: float) -> Value:
    """Return a vector of one float, of the size of the elements of `like`."""
    return v.full(_kind(like)[0], value, like.type.count)


def whole(v: Vectors, like: Value, value: int) -> Value:
    """Return a vector of one integer, of the size of the elements of `like`."""
    return v.full(_kind(like)[1], value, like.type.count)


def bits_of(v: Vectors, x: Value) -> Value:
    """Return the bits as integers."""
    return v.b.bitcast(x, v.vector(_kind(x)[1], x.type.count))


def from_bits(v: Vectors, x: Value) -> Value:
    """Return the floats with these bits."""
    return v.b.bitcast(x, v.vector(_kind(x)[0], x.type.count))


def polynomial(v: Vectors, x: Value, coefficients: Sequence[float]) -> Value:
    """Return c[0] + c[1] x + c[2] x x ..., by Horner's rule."""
    *rest, last = coefficients
    y = real(v, x, last)
    for c in reversed(rest):
        y = v.fma(y, x, real(v, x, c))
    return y


def magnitude(v: Vectors, x: Value) -> Value:
    """Return |x|."""
    return from_bits(v, v.b.and_(bits_of(v, x), whole(v, x, 2 ** (_kind(x)[2] - 1) - 1)))


def signed_as(v: Vectors, size: Value, sign: Value) -> Value:
    """Return the magnitude of the first with the sign of the second."""
    name = f"llvm.copysign.v{size.type.count}f{_kind(size)[2]}"
    return v.call(name, size.type, size, sign)


def root(v: Vectors, x: Value) -> Value:
    """Return the square root; of a negative number NaN."""
    return v.call(f"llvm.sqrt.v{x.type.count}f{_kind(x)[2]}", x.type, x)
