"""Depthwise convolution of halves in float32: the tiles of `depthwise_f32`, converting in registers."""

from __future__ import annotations

from ..refimpl.conv import depthwise_conv2d
from .depthwise_f32 import fits, lower_tiles, walks
from .kernel import F64, I64, OK, S64, kernel
from .lowering import CPU, Lowering, Site, Step
from .storage import BY_FLOAT32

three_1, three_2 = walks(3, "f16")
five_1, five_2 = walks(5, "f16")


@kernel
def f16_depthwise_3x3(
    x: I64, w: I64, y: I64, g: S64, blocks: I64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Windows of 3 x 3, stride 1 or 2."""
    if g[6] == 1:
        three_1(x, w, y, g, 2, 40, blocks, (low, high), tid, threads)
    else:
        three_2(x, w, y, g, 2, 40, blocks, (low, high), tid, threads)
    return OK


@kernel
def f16_depthwise_5x5(
    x: I64, w: I64, y: I64, g: S64, blocks: I64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Windows of 5 x 5, stride 1 or 2."""
    if g[6] == 1:
        five_1(x, w, y, g, 2, 104, blocks, (low, high), tid, threads)
    else:
        five_2(x, w, y, g, 2, 104, blocks, (low, high), tid, threads)
    return OK


KERNELS = {3: f16_depthwise_3x3, 5: f16_depthwise_5x5}


def lower_half_depthwise(site: Site) -> list[Step]:
    """Weights are widened and packed with the plan."""
    return lower_tiles(site, KERNELS)


def _fits(site: Site) -> bool:
    """Whether there is one filter a channel, of a size that the tiles have."""
    return bool(site.attributes["multiplier"] == 1) and fits(site)


CPU.of((depthwise_conv2d, "f16"))((Lowering(lower_half_depthwise, _fits), BY_FLOAT32))
