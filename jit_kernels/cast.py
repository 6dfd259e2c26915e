"""Changes of the element type: into, out of and between quantized integers."""

from __future__ import annotations

import numpy as np

from ..quant.rule import Quantized
from ..refimpl.cast import QUANTIZED_TO, dequantize, quantize
from .kernel import (
    F32,
    I64,
    OK,
    S8,
    S16,
    S32,
    U8,
    Kernel,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lookup import every, look_up_steps, lower_by_table
from .lowering import Operand, Site, Step, lowers
from .requant import factor, scale_twice_wide


@inlined
def quantized(v, scale, zero_point, low, high):  # type: ignore[no-untyped-def]
    """Divide, round half away from zero, move to the zero point, clamp; what int32 cannot hold is its least."""
    q = v / scale
    whole = np.trunc(q)
    whole += np.copysign(np.float32(1), q) if abs(q - whole) >= np.float32(0.5) else np.float32(0)
    fits = (whole >= np.float32(-(2.0**31))) & (whole < np.float32(2.0**31))
    steps = np.int32(np.int32(whole if fits else np.float32(-(2.0**31))) + zero_point)
    steps = np.int32(low) if steps < np.int32(low) else steps
    return np.int32(high) if steps > np.int32(high) else steps


@inlined
def quantize_all(x, scale, zero, y, channels, inner, low, high, count, tid, threads):  # type: ignore[no-untyped-def]
    """Quantize with one scale, or with that of the slice of each element."""
    start, stop = share(count, tid, threads)
    if channels == 1:
        s, z = scale[0], zero[0]
        for i in range(start, stop):
            y[i] = quantized(x[i], s, z, low, high)
    else:
        for i in range(start, stop):
            c = i // inner % channels
            y[i] = quantized(x[i], scale[c], zero[c], low, high)


@kernel
def f32_quantize_s8(
    x: F32, scale: F32, zero: S32, y: S8, channels: I64, inner: I64, count: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """To int8."""
    quantize_all(x, scale, zero, y, channels, inner, -128, 127, count, tid, threads)
    return OK


@kernel
def f32_quantize_u8(
    x: F32, scale: F32, zero: S32, y: U8, channels: I64, inner: I64, count: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """To uint8."""
    quantize_all(x, scale, zero, y, channels, inner, 0, 255, count, tid, threads)
    return OK


@kernel
def f32_quantize_s16(
    x: F32, scale: F32, zero: S32, y: S16, channels: I64, inner: I64, count: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """To int16."""
    quantize_all(x, scale, zero, y, channels, inner, -32768, 32767, count, tid, threads)
    return OK


@kernel_family("s8", "u8", "s16")
def dequantize_all(
    x: T, scale: F32, zero: S32, y: F32, channels: I64, inner: I64, count: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """Multiply by the scale; the difference is exact in float32, so the product is rounded once."""
    start, stop = share(count, tid, threads)
    if channels == 1:
        s, z = scale[0], np.float32(zero[0])
        for i in range(start, stop):
            y[i] = s * (np.float32(x[i]) - z)
    else:
        for i in range(start, stop):
            c = i // inner % channels
            y[i] = scale[c] * (np.float32(x[i]) - np.float32(zero[c]))
    return OK


AFFINE: dict[str, Kernel] = {
    "s8": f32_quantize_s8,
    "u8": f32_quantize_u8,
    "s16": f32_quantize_s16,
}


def _affine(site: Site, coded: Operand) -> tuple[Operand, Operand, int, int]:
    """Return the scales and zero points of an operand, their number, and the elements between two of them."""
    quant = coded.type.quant
    assert quant is not None
    scale = np.asarray(quant.scale, np.float32)
    zero = np.broadcast_to(np.asarray(quant.zero_point, np.int32), scale.shape)
    channels = scale.size if quant.per_channel else 1
    after = coded.type.shape[(quant.axis or 0) + 1 :] if channels > 1 else ()
    inner = int(np.prod(after, dtype=np.int64))
    return site.constant(scale), site.constant(np.ascontiguousarray(zero)), channels, inner


@lowers((quantize, "f32"))
def lower_quantize(site: Site) -> list[Step]:
    """Lower to one loop of the kernel for the output's type."""
    (x,), (y,) = site.inputs, site.outputs
    scale, zero, channels, inner = _affine(site, y)
    arguments = (x, scale, zero, y, channels, inner, y.type.size)
    return [Step(AFFINE[y.type.format], arguments)]


@lowers(*[(dequantize, form) for form in (*dequantize_all, "s8-nnacl")])
def lower_dequantize(site: Site) -> list[Step]:
    """Lower to one loop of the kernel for the input's type."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    scale, zero, channels, inner = _affine(site, x)
    arguments = (x, scale, zero, y, channels, inner, y.type.size)
    return [Step(dequantize_all[x.type.format], arguments)]


@lowers((dequantize, "f16"))
def lower_widen(site: Site) -> list[Step]:
    """Look the float32 of all 65536 halves up."""
    halves = every(np.dtype(np.uint16)).view(np.float16)
    return look_up_steps(site, halves.astype(np.float32))


lowers(*[(quantize, form) for form in QUANTIZED_TO if form in ("s8", "u8", "s16")])(lower_by_table)


@inlined
def requantize(x, y, zx, zy, mantissa, left, right, half, weight, low, high, count, tid, threads):  # type: ignore[no-untyped-def]
    """Rescale int32, as the rule does."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        steps = np.int64(np.int32(np.int64(x[i]) - zx))
        scaled = scale_twice_wide(steps, mantissa, left, right, half, weight)
        y[i] = min(max(np.int64(np.int32(scaled + zy)), low), high)


@kernel
def s32_quantize_s8(
    x: S32, y: S8, zx: I64, zy: I64, mantissa: I64, left: I64, right: I64, half: I64, weight: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """To int8."""
    requantize(x, y, zx, zy, mantissa, left, right, half, weight, -128, 127, count, tid, threads)
    return OK


@kernel
def s32_quantize_s16(
    x: S32, y: S16, zx: I64, zy: I64, mantissa: I64, left: I64, right: I64, half: I64, weight: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """To int16."""
    requantize(
        x, y, zx, zy, mantissa, left, right, half, weight, -32768, 32767, count, tid, threads
    )
    return OK


@lowers((quantize, "s32"))
def lower_requantize(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    first, second = (Quantized(np.empty(0), t.type.quant) for t in (x, y))
    numbers = factor(np.float64(first.scale) / np.float64(second.scale))
    loop = s32_quantize_s8 if y.type.format == "s8" else s32_quantize_s16
    return [Step(loop, (x, y, first.zero_point, second.zero_point, *numbers, y.type.size))]
