"""nnacl's transposed convolution of int8 with groups: int32 sums of a place of the output, then its bytes."""

from __future__ import annotations

import math

import numpy as np

from ..quant.dialects import conv_multipliers
from ..refimpl.conv_nd import conv_transpose
from .conv_int8 import quants
from .conv_nd import transposed_windows
from .kernel import I64, OK, S8, S32, S64, kernel, share
from .lowering import Site, Step, lowers
from .requant import scale_twice_wide
from .strided import operand
from .windows import meet


@kernel
def s8_conv_transpose(
    x: S8, w: S8, b: S32, y: S8, g: S64, shifts: S64, p: S64, scratch: S32, axes: I64, taps: I64,
    images: I64, windows: I64, places: I64, groups: I64, depth: I64, outputs: I64,
    zx: I64, zw: I64, zy: I64, biased: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """`w` is (O, taps, D); `p` has five numbers of a multiplier for each output channel."""
    start, stop = share(images * windows, tid, threads)
    all_outputs = groups * outputs
    mine = tid * all_outputs
    for row in range(start, stop):
        image = row // windows
        for o in range(all_outputs):
            scratch[mine + o] = b[o] if biased else np.int32(0)
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at < 0:
                continue
            source = (image * places + at) * groups * depth
            for o in range(all_outputs):
                first, of, total = (
                    source + o // outputs * depth,
                    (o * taps + tap) * depth,
                    np.int32(0),
                )
                for d in range(depth):
                    v = np.int32(x[first + d]) - np.int32(zx)
                    total += v * (np.int32(w[of + d]) - np.int32(zw))
                scratch[mine + o] += total
        for o in range(all_outputs):
            q = 5 * o
            v = scale_twice_wide(scratch[mine + o], p[q], p[q + 1], p[q + 2], p[q + 3], p[q + 4])
            y[row * all_outputs + o] = np.int8(min(max(v + zy, -128), 127))
    return OK


@lowers((conv_transpose, "s8-nnacl"))
def lower_conv_transpose(site: Site) -> list[Step]:
    """One step."""
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    b = site.inputs[3] if len(site.inputs) > 3 else None
    o, d, taps = w.type.shape[0], w.type.shape[-1], math.prod(w.type.shape[1:-1])
    groups = x.type.shape[-1] // d
    g, shifts = transposed_windows(site)
    own = quants(site)
    multiplier, shift = conv_multipliers(*own, o)
    right = np.maximum(-shift, 0).astype(np.int64)
    left = (np.int64(1) << np.maximum(shift, 0).astype(np.int64)).astype(np.int32)
    p = np.stack([multiplier, left, right, np.int64(1) << right >> 1, right > 0], 1)
    windows, places = math.prod(y.type.shape[1:-1]), math.prod(x.type.shape[1:-1])
    sizes = (len(g) // 4, taps, x.type.shape[0], windows, places, groups, d, o // groups)
    tables = (site.constant(g), site.constant(shifts), site.constant(p.astype(np.int64)))
    zeros = (q.zero_point[0] for q in own)
    room = site.scratch(4 * o * site.threads)
    return [Step(s8_conv_transpose, (x, w, b, y, *tables, room, *sizes, *zeros, b is not None))]
