"""Arithmetic on two quantized tensors: element by element in the fixed-point arithmetic of its rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Op
from ..quant.activation import activation_range
from ..quant.binary import SQUARE_BITS, squared_scales, sum_bits, sum_scales
from ..quant.rule import Quantized
from ..refimpl.activation import prelu
from ..refimpl.binary import add, mul, squared_difference, sub
from .broadcast import layout_of, layout_operand, pairwise
from .integer import PLAIN
from .kernel import I64, OK, S8, S64, Kernel, KernelFamily, T, inlined, kernel, kernel_family
from .linear import lower_linear, takes_linear
from .lowering import CPU, Lowering, Operand, Site, Step, lowers
from .pairs_int8 import long_rows
from .quantized_bytes import lower_product_of_bytes, lower_sum_of_bytes
from .requant import factor, scale_twice

# Parameters: zero points of x, y and z, the range of z, unit of the fractional bits, a sign; then three multipliers of
# five numbers each (`requant.factor`).
LENGTH = 22


@inlined
def parameters(p):  # type: ignore[no-untyped-def]
    """Read all parameters before the loop."""
    first = (p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10])
    return (*first, p[11], p[12], p[13], p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21])


@inlined
def stored(v, p):  # type: ignore[no-untyped-def]
    """Move to the zero point of z and clamp."""
    w, low, high = np.int32(v + np.int32(p[2])), np.int32(p[3]), np.int32(p[4])
    w = low if w < low else w
    return high if w > high else w


@pairwise
def scaled_sum(a, b, p):  # type: ignore[no-untyped-def]
    """Bring both to one scale, add or subtract, rescale. `a` has the larger scale, half of the common one."""
    v = np.int32((np.int32(a) - p[0]) * p[5])
    w = scale_twice((np.int32(b) - p[1]) * p[7], p[12], p[13], p[14], p[15], p[16])
    total = np.int32(v + np.int32(w * np.int32(p[6])))
    return stored(scale_twice(total, p[17], p[18], p[19], p[20], p[21]), p)


@pairwise
def scaled_square(a, b, p):  # type: ignore[no-untyped-def]
    """Bring both to one scale, subtract, square, rescale."""
    v = scale_twice((np.int32(a) - p[0]) * p[5], p[7], p[8], p[9], p[10], p[11])
    w = scale_twice((np.int32(b) - p[1]) * p[5], p[12], p[13], p[14], p[15], p[16])
    square = np.int32(np.int32(v - w) * np.int32(v - w))
    return stored(scale_twice(square, p[17], p[18], p[19], p[20], p[21]), p)


@pairwise
def scaled_product(a, b, p):  # type: ignore[no-untyped-def]
    """Multiply, rescale."""
    product = np.int32(np.int32(a) - p[0]) * np.int32(np.int32(b) - p[1])
    return stored(scale_twice(product, p[17], p[18], p[19], p[20], p[21]), p)


@pairwise
def sloped(a, b, p):  # type: ignore[no-untyped-def]
    """Rescale, by the stored slope as well where x is negative."""
    v = np.int32(np.int32(a) - p[0])
    same = scale_twice(v, p[7], p[8], p[9], p[10], p[11])
    product = v * np.int32(np.int32(b) - p[1])
    slope = scale_twice(product, p[17], p[18], p[19], p[20], p[21])
    return stored(same if v >= 0 else slope, p)


@kernel_family("s8", "u8", "s16")
def fixed_add(x: T, y: T, z: T, layout: S64, p: S64, tid: I64, threads: I64) -> I64:
    """Add or subtract."""
    scaled_sum(x, y, z, layout, parameters(p), tid, threads)
    return OK


@kernel_family("s8", "u8", "s16")
def fixed_mul(x: T, y: T, z: T, layout: S64, p: S64, tid: I64, threads: I64) -> I64:
    """Multiply."""
    scaled_product(x, y, z, layout, parameters(p), tid, threads)
    return OK


@kernel
def s8_squared_difference(x: S8, y: S8, z: S8, layout: S64, p: S64, tid: I64, threads: I64) -> I64:
    """Subtract int8, square."""
    scaled_square(x, y, z, layout, parameters(p), tid, threads)
    return OK


@kernel_family("s8", "u8")
def fixed_prelu(x: T, y: T, z: T, layout: S64, p: S64, tid: I64, threads: I64) -> I64:
    """Slopes for what is negative."""
    sloped(x, y, z, layout, parameters(p), tid, threads)
    return OK


FAMILIES: dict[Op[..., Any], KernelFamily[str]] = {
    add: fixed_add,
    sub: fixed_add,
    mul: fixed_mul,
    prelu: fixed_prelu,
}
KERNELS: dict[tuple[Op[..., Any], str], Kernel] = {
    (squared_difference, "s8"): s8_squared_difference,
    **{(op, form): loop for op, family in FAMILIES.items() for form, loop in family.items()},
}
Scales = Callable[[np.float32, np.float32, np.float32, int], tuple[Any, Any, Any]]


def _product_scales(x: np.float32, y: np.float32, z: np.float32, _: int) -> tuple[Any, Any, Any]:
    return x / z, np.float32(0), x * y / z


SCALES: dict[Op[..., Any], Scales] = {
    squared_difference: squared_scales,
    mul: _product_scales,
    prelu: _product_scales,
}


def _quantized(operand: Operand | None) -> Quantized:
    assert operand is not None
    return Quantized(np.empty(0), operand.type.quant)


def lower_sum(site: Site) -> list[Step]:
    """Lower to one loop; the operand with the larger scale comes first, as it needs no multiplier."""
    (x, y), (z,) = site.inputs, site.outputs
    signs = (1, -1) if site.node.op is sub else (1, 1)
    swapped = _quantized(y).scale > _quantized(x).scale
    if swapped:
        x, y, signs = y, x, signs[::-1]
    assert x is not None and y is not None
    first, second, third = _quantized(x), _quantized(y), _quantized(z)
    bits = sum_bits(z.type.format)
    half, other, last = sum_scales(first.scale, second.scale, third.scale, bits)
    assert half == 0.5
    bounds = activation_range(z.type, site.attributes["activation"], site.node.dialect)
    numbers = [first.zero_point, second.zero_point, third.zero_point, *bounds]
    numbers += [signs[0] << (bits - 1), signs[1], 1 << bits, 0, 0, 0, 0]
    numbers += [*factor(other), *factor(last)]
    p = site.constant(np.array(numbers, np.int64))
    layout = site.constant(layout_of(x.type.shape, y.type.shape, z.type.shape))
    return [Step(KERNELS[site.node.op, z.type.format], (x, y, z, layout, p))]


CPU.of(*[(op, form) for op in (add, sub) for form in ("s8", "u8", "s8-nnacl")])(
    (
        PLAIN,
        Lowering(lower_linear, takes_linear),
        Lowering(lower_sum_of_bytes, long_rows),
        Lowering(lower_sum),
    )
)
CPU.of((add, "s16"), (sub, "s16"))((PLAIN, Lowering(lower_sum)))


def lower_quantized(site: Site) -> list[Step]:
    """Lower to one loop whose parameters are the zero points, the range and the multipliers."""
    (x, y), (z,), op = site.inputs, site.outputs, site.node.op
    first, second, third = _quantized(x), _quantized(y), _quantized(z)
    bounds = activation_range(z.type, site.attributes.get("activation", "none"), site.node.dialect)
    numbers = [first.zero_point, second.zero_point, third.zero_point, *bounds]
    numbers += [1 << SQUARE_BITS, 1]
    for real in SCALES[op](first.scale, second.scale, third.scale, SQUARE_BITS):
        numbers += factor(real)
    assert len(numbers) == LENGTH
    p = site.constant(np.array(numbers, np.int64))
    return [Step(KERNELS[op, z.type.format], (x, y, z, layout_operand(site), p))]


_BYTES = [(mul, form) for form in ("s8", "u8", "s8-nnacl")]
CPU.of(*_BYTES)((PLAIN, Lowering(lower_product_of_bytes, long_rows), Lowering(lower_quantized)))
CPU.of((mul, "s16"))((PLAIN, Lowering(lower_quantized)))
lowers(*[key for key in KERNELS if key[0] in SCALES and key[0] is not mul])(lower_quantized)
