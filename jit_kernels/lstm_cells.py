"""The float32 LSTM in its plain form: four gates, tanh, no peepholes, projection or normalization.

What the inputs add to the gates is one product of matrices for all frames. Then, frame by frame, a vector of cells
keeps its four gates in registers while it adds what the last output adds; threads share the cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.recurrent import lstm
from .conv import IN_PLACE, f32_product, rows_of_a_block
from .exponential import sigmoid_of, tanh_of
from .gemm import pack, pad_columns
from .kernel import F64, I64, OK, kernel, share
from .lowering import CPU, Lowering, Site, Step
from .lstm import given_inputs, lower_f32_lstm, lstm_sizes
from .simd import LANES, Value, Vectors, tile

GATES = "ifco"  # their order in what is packed
PARTS = 2  # partial sums of a gate: for even and for odd elements of the last output
LONGEST = 256  # frames up to which threads meet after each; more are done by one thread


@tile("f32_lstm_cells")
def f32_lstm_cells(
    v: Vectors, z: I64, gate: I64, h: I64, width: I64, r: I64, c: I64, y: I64, count: I64, clip: F64
) -> None:
    """Update `count` cells of one sequence from z: what the inputs add to the gates, `gate` bytes apart.

    h is the last output, y the next one; r holds four rows of vectors for each element of h, vector by vector of cells.
    """
    size = 4 * v.lanes
    most = v.splat(v.narrow(clip, "f32"))

    def cells(p: Value) -> list[Value]:
        at = v.mul(p, size)
        panel = v.add(r, v.mul(v.mul(p, width), 4 * size))
        mask = v.mask(v.b.sub(count, v.mul(p, v.lanes)))
        starts = [v.load("f32", z, v.add(at, v.mul(gate, g))) for g in range(4)]

        def add(k: Value, sums: list[Value]) -> list[Value]:
            x, line = v.repeat("f32", h, v.mul(k, 4)), v.add(panel, v.mul(k, 4 * size))
            return [v.fma(x, v.load("f32", line, size * g), sums[g]) for g in range(4)]

        def pair(i: Value, *sums: Value) -> list[Value]:
            even = v.mul(i, PARTS)
            return [*add(even, list(sums[:4])), *add(v.add(even, 1), list(sums[4:]))]

        pairs = v.b.sdiv(width, v.const(PARTS))
        acc = v.carry(pairs, starts + [v.full("f32", 0.0)] * 4, pair)
        odd = v.b.srem(width, v.const(PARTS))
        last = v.b.sub(width, v.const(1))
        acc[:4] = v.carry(odd, acc[:4], lambda _, *sums: add(last, list(sums)))
        entry, forget, update, output = (
            v.b.fadd(a, b) for a, b in zip(acc[:4], acc[4:], strict=True)
        )
        kept = v.b.fmul(sigmoid_of(v, forget), v.load_some("f32", mask, c, at))
        cell = v.fma(sigmoid_of(v, entry), tanh_of(v, update), kept)
        cell = v.clamp(cell, v.b.fneg(most), most)
        v.store_some(cell, mask, c, at)
        v.store_some(v.b.fmul(sigmoid_of(v, output), tanh_of(v, cell)), mask, y, at)
        return []

    v.carry(v.b.sdiv(v.add(count, v.lanes - 1), v.const(v.lanes)), [], cells)


@tile("copy_floats", inline=True)
def copy_floats(v: Vectors, to: I64, source: I64, count: I64) -> None:
    """Copy float32 elements."""

    def some(i: Value) -> list[Value]:
        mask, at = v.mask(v.b.sub(count, v.mul(i, v.lanes))), v.mul(i, 4 * v.lanes)
        v.store_some(v.load_some("f32", mask, source, at), mask, to, at)
        return []

    v.carry(v.b.sdiv(v.add(count, v.lanes - 1), v.const(v.lanes)), [], some)


@kernel
def f32_lstm_frames(
    z: I64, r: I64, state: I64, cell: I64, y: I64, h: I64, c: I64, first: I64, last: I64,
    batch: I64, time: I64, cells: I64, time_major: I64, clip: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Frames first .. last - 1; where they are several, only one thread may come here."""
    padded = (cells + LANES - 1) // LANES * LANES
    start, stop = share(padded // LANES, tid, threads)
    begin = start * LANES
    count = min(stop * LANES, cells) - begin
    if count <= 0:
        return OK
    for i in range(batch):
        mine = (i * cells + begin) * 4
        if first == 0:
            copy_floats(c + mine, cell + mine, count)
        before = state + i * cells * 4
        for t in range(first, last):
            step = batch if time_major else 1
            frame = t * batch + i if time_major else i * time + t
            if t > 0:
                before = y + (frame - step) * cells * 4
            f32_lstm_cells(
                z + (frame * 4 * padded + begin) * 4, padded * 4, before, cells,
                r + begin * cells * 16, c + mine, y + (frame * cells + begin) * 4, count, clip,
            )  # fmt: skip
            if t == time - 1:
                copy_floats(h + mine, y + (frame * cells + begin) * 4, count)
    return OK


def _gates(given: dict[str, Any], kind: str, padded: int) -> Array:
    """Return the rows of all gates, zeros behind those of each."""
    parts = [given[kind + gate].value for gate in GATES]
    whole = np.zeros((4, padded, *parts[0].shape[1:]), np.float32)
    whole[:, : len(parts[0])] = parts
    return whole


def is_plain(site: Site) -> bool:
    """Whether this is the form that the tile has, with weights that are known."""
    named = {n: o for n, o in zip(site.node.op.inputs, site.inputs, strict=False) if o is not None}
    fixed = [o for n, o in named.items() if n not in ("x", "output_state", "cell_state")]
    wanted = {kind + gate for kind in "wrb" for gate in GATES}
    rest = {n for n in named if n not in wanted} - {"x", "output_state", "cell_state"}
    known = all(o.value is not None for o in fixed)
    return known and "wi" in named and not rest and site.attributes["activation"] == "tanh"


def lower_plain_lstm(site: Site) -> list[Step]:
    """The product for all frames, then the frames: a step each where threads share them."""
    given = given_inputs(site)
    batch, time, depth, cells, _ = lstm_sizes(site, given)
    padded = -(-cells // LANES) * LANES
    weights, again, bias = (_gates(given, kind, padded) for kind in "wrb")
    n, m = 4 * padded, batch * time
    z = site.scratch(4 * n * m)
    packed = (
        site.constant(pack(weights.reshape(n, depth).T)),
        site.constant(pad_columns(bias.ravel(), n)),
    )
    sizes = (0, IN_PLACE, m, 1, depth, n, depth, n, rows_of_a_block(m, depth, n, 4))
    product = (given["x"], *packed, None, z, None, None, None, *sizes, -np.inf, np.inf)
    # Vector by vector of cells, element of the last output, gate.
    vectors = again.reshape(4, padded // LANES, LANES, cells).transpose(1, 3, 0, 2)
    states = (given["output_state"], given["cell_state"])
    places = (z, site.constant(np.ascontiguousarray(vectors)), *states, *site.outputs)
    clip = float(site.attributes["cell_clip"]) or np.inf
    rest = (batch, time, cells, int(site.attributes["time_major"]), clip)

    def frames(first: int, last: int, serial: bool) -> Step:
        return Step(f32_lstm_frames, (*places, first, last, *rest), serial)

    steps = [Step(f32_product, product)]
    if site.threads == 1 or time > LONGEST:
        return [*steps, frames(0, time, True)]
    return [*steps, *(frames(t, t + 1, False) for t in range(time))]


CPU.of((lstm, "f32"))((Lowering(lower_plain_lstm, is_plain), Lowering(lower_f32_lstm)))
