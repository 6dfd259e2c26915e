"""SVDF, unit by unit on one thread."""

from __future__ import annotations

import numpy as np

from ..ir import UnsupportedError
from ..quant.recurrent import svdf_multipliers
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.recurrent import svdf
from .conv_plain import scale_twice
from .kernel import F32, F64, I64, OK, S8, S16, S32, kernel
from .lowering import Argument, Site, Step, lowers


@kernel
def f32_svdf(
    x: F32, feature: F32, time: F32, state: F32, bias: F32, y: F32, after: F32,
    batch: I64, depth: I64, filters: I64, memory: I64, rank: I64, biased: I64, low: F64, high: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Move each filter's memory on, and sum it over time."""
    least, most = np.float32(low), np.float32(high)
    for b in range(batch):
        for unit in range(filters // rank):
            total = bias[unit] if biased else np.float32(0)
            for f in range(unit * rank, (unit + 1) * rank):
                at = (b * filters + f) * memory
                newest = np.float32(0)
                for d in range(depth):
                    newest += x[b * depth + d] * feature[f * depth + d]
                for m in range(memory - 1):
                    after[at + m] = state[at + m + 1]
                after[at + memory - 1] = newest
                for m in range(memory):
                    total += after[at + m] * time[f * memory + m]
            total = least if total < least else total
            y[b * (filters // rank) + unit] = most if total > most else total
    return OK


@kernel
def s8_svdf(
    x: S8, feature: S8, time: S16, state: S16, bias: S32, y: S8, after: S16,
    batch: I64, depth: I64, filters: I64, memory: I64, rank: I64, biased: I64,
    zero: I64, multiplier1: I64, shift1: I64, multiplier2: I64, shift2: I64, y_zero: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same in integers; sums wrap in 32 bits."""
    for b in range(batch):
        for unit in range(filters // rank):
            total = np.int64(bias[unit]) if biased else np.int64(0)
            for f in range(unit * rank, (unit + 1) * rank):
                at = (b * filters + f) * memory
                newest = np.int64(0)
                for d in range(depth):
                    newest += (np.int64(x[b * depth + d]) - zero) * feature[f * depth + d]
                scaled = scale_twice(np.int64(np.int32(newest)), multiplier1, shift1)
                for m in range(memory - 1):
                    after[at + m] = state[at + m + 1]
                after[at + memory - 1] = min(max(scaled, -32768), 32767)
                for m in range(memory):
                    total += np.int64(after[at + m]) * time[f * memory + m]
            scaled = scale_twice(np.int64(np.int32(total)), multiplier2, shift2) + y_zero
            y[b * (filters // rank) + unit] = min(max(scaled, -128), 127)
    return OK


def _svdf_operands(site: Site) -> tuple[Argument, ...]:
    x, feature, time, state, bias = (*site.inputs, None)[:5]
    assert x is not None and time is not None
    sizes = (*x.type.shape, *time.type.shape, site.attributes["rank"], int(bias is not None))
    return (x, feature, time, state, bias, *site.outputs, *sizes)


@lowers((svdf, "f32"))
def lower_f32_svdf(site: Site) -> list[Step]:
    """Pass the range of the fused activation."""
    bounds = ACTIVATIONS[site.attributes["activation"]]
    return [Step(f32_svdf, (*_svdf_operands(site), *bounds), serial=True)]


@lowers((svdf, "s8"))
def lower_s8_svdf(site: Site) -> list[Step]:
    """Pass the two multipliers."""
    if site.attributes["activation"] != "relu":
        raise UnsupportedError(f"{site.node}: svdf in int8 runs with relu only")
    operands = (site.inputs[0], site.inputs[1], site.inputs[2], site.inputs[3], site.outputs[0])
    quants = [o.type.quant for o in operands if o is not None]
    assert all(quants) and len(quants) == 5
    first, second = svdf_multipliers(*quants)  # type: ignore[arg-type]
    zeros = quants[0].zero_point[0], quants[4].zero_point[0]  # type: ignore[union-attr]
    rest = (zeros[0], *first, *second, zeros[1])
    return [Step(s8_svdf, (*_svdf_operands(site), *rest), serial=True)]
