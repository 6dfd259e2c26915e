"""Convolution on int8 and uint8 tensors by the tiles of AMX: activations are read where they are, of either sign."""

from __future__ import annotations

import math

import numpy as np

from ..ir import TensorType
from .conv_dot4 import Way, folded, in_rows, lower_conv2d, product_of_rows, product_of_windows
from .conv_int8 import ending
from .gemm_amx import (
    POSITIVE,
    SIDE,
    SIGNED,
    SPLIT,
    bounded_block,
    configuration,
    configure,
    release,
    steps_of,
)  # fmt: skip
from .isa import tiles_permitted
from .kernel import I64, OK, S64, kernel_for
from .lowering import Operand, Site, Step
from .strips import SLACK

AMX = frozenset({"amx-int8", "amx-tile", "avx512vnni"})
FEWEST = 12  # products of a sum for which tiles pay

rows_by_amx, windows_by_amx = (
    product_of_rows(bounded_block),
    product_of_windows(bounded_block),
)


@kernel_for(AMX)
def amx_rows(
    config: I64, x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, m: I64, n: I64,
    quads: I64, lda: I64, ldc: I64, rows: I64, room: I64, how: I64, copied: I64, flip: I64,
    low: I64, high: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = requantize(X W + bias) for rows of X."""
    configure(config)
    rows_by_amx(
        x, w, table, y, offsets, scratch, m, n, quads, lda, ldc, rows, room, how, copied, flip,
        low, high, 0, out, tid, threads,
    )  # fmt: skip
    release()
    return OK


@kernel_for(AMX)
def amx_windows(
    config: I64, x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, g: S64, channel: I64,
    n: I64, pieces: I64, quads: I64, pitch: I64, ldc: I64, lines: I64, room: I64, how: I64,
    flip: I64, pad: I64, low: I64, high: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same for windows over X, from channel number `channel` on."""
    configure(config)
    windows_by_amx(
        x, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc, lines, room, how,
        flip, pad, low, high, out, tid, threads,
    )  # fmt: skip
    release()
    return OK


class AmxWay(Way):
    """By tiles of 16 rows and 16 columns."""

    split = True
    rows, windows = amx_rows, amx_windows

    def code(self, t: TensorType) -> tuple[int, int, int]:
        """Return (flip, zero, least); nothing is flipped."""
        return 0, t.quant.zero_point[0] if t.quant else 0, -128 if t.dtype == np.int8 else 0

    def quads(self, size: int) -> int:
        """Return a number of fours that steps divide."""
        steps, each = steps_of(-(-size // 4))
        return steps * each

    def bits(self, site: Site, more: int) -> int:
        """Return whether bytes are signed, and weights split."""
        signed = site.inputs[0].type.dtype == np.int8  # type: ignore[union-attr]
        return SIGNED * signed + SPLIT * (more != 0)

    def how(self, site: Site, count: int, more: int) -> int:
        """Return these and whether results are not below the zero point."""
        low, _, zero = ending(site, site.attributes["activation"])
        return self.bits(site, more) + POSITIVE * (low >= zero)

    def slack(self, lda: int) -> int:
        """A tile has 16 rows, needed or not; a row's last step may reach beyond it, as far as into the next."""
        return SLACK + (SIDE + 1) * lda

    def fit(self, rows: int) -> bool:
        """Return whether rows are a tile at least: none behind them is read."""
        return rows >= SIDE

    def extra(self, site: Site, quads: int, more: int) -> tuple[Operand, ...]:
        """Return the configuration of the tiles."""
        return (site.constant(configuration(steps_of(quads)[1], more != 0)),)


AMX_WAY = AmxWay()


def takes_amx(site: Site) -> bool:
    """Whether weights and sums are small, and either sums long and rows many, or nothing else takes the weights."""
    if not tiles_permitted():
        return False
    fold = folded(site, AMX_WAY)
    if fold is None or fold.more:
        return fold is not None
    return math.prod(fold.w.shape[1:]) >= FEWEST and _many(site)


def _many(site: Site) -> bool:
    """Whether a line has rows enough: tiles are so fast that they pay when a quarter of one is used."""
    y = site.outputs[0].type
    return (y.size // y.shape[3] if in_rows(site) else y.shape[2]) >= SIDE // 4


def lower_amx_conv2d(site: Site) -> list[Step]:
    """By tiles."""
    return lower_conv2d(site, AMX_WAY)
