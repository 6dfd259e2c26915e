"""The integer LSTM, frame by frame on one thread, from the preparation of its quantized rule."""

from __future__ import annotations

import numpy as np

from ..ir import Array
from ..quant.gates import sigmoid_table, tanh_table
from ..quant.recurrent import Gate, prepare_lstm
from ..quant.rule import Quantized
from ..refimpl.recurrent import lstm
from .conv_plain import scale_twice
from .kernel import I64, OK, S8, S16, S32, S64, inlined, kernel
from .lowering import Argument, Site, Step, lowers
from .lstm import copied, given_inputs, limited, lstm_sizes
from .norm import inverse_sqrt

# Columns of the table of a gate.
SCALE, RECURRENT, PEEPHOLE, NORM, LEAST, COLUMNS = 0, 2, 4, 6, 8, 9


@inlined
def saturated(x):  # type: ignore[no-untyped-def]
    """Clamp to int16."""
    return min(max(x, -32768), 32767)


@inlined
def truncated(x, places):  # type: ignore[no-untyped-def]
    """Divide by a power of two, towards zero."""
    return x >> places if x >= 0 else -(-x >> places)


@inlined
def halved(x, places):  # type: ignore[no-untyped-def]
    """Divide by a power of two, halves away from zero."""
    mask = (np.int64(1) << places) - 1
    return (x >> places) + ((x & mask) > (mask >> 1) + (x < 0))


@inlined
def normalize16(z, n, b, first, cells, multiplier, shift, least):  # type: ignore[no-untyped-def]
    """Scalar twin of the integer rule's layer normalization."""
    total, squares = np.int64(0), np.int64(0)
    for j in range(cells):
        total += z[j]
        squares += np.int64(z[j]) * z[j]
    total *= 1024
    mean = total // cells if total >= 0 else -(-total // cells)
    variance = squares * ((1 << 20) // cells) - mean * mean
    variance = np.int64(np.int32(truncated(variance, 20)))
    inverse, places = inverse_sqrt(np.int64(np.int32(least)) if variance < 1 else variance)
    for j in range(cells):
        scaled = scale_twice(1024 * np.int64(z[j]) - mean, inverse, places)
        weighted = np.int64(np.int32(scaled * n[first + j] + b[first + j]))
        nudged = weighted + 512 if weighted > 0 else weighted - 512
        z[j] = saturated(scale_twice(truncated(nudged, 10), multiplier, shift + 12))


@inlined
def gate16(  # type: ignore[no-untyped-def]
    z,
    g,
    x,
    at,
    h,
    hb,
    c,
    cb,
    w,
    r,
    p,
    n,
    b,
    wb,
    rb,
    table,
    depth,
    cells,
    width,
    peephole,
    normalized,
):
    """Write a gate before its activation to z, in int16."""
    first, row = g * cells, g * COLUMNS
    for j in range(cells):
        acc = np.int32(0)
        for d in range(depth):
            acc += np.int32(x[at + d]) * np.int32(w[(first + j) * depth + d])
        acc = np.int32(acc + wb[first + j])
        v = saturated(scale_twice(np.int64(acc), table[row + SCALE], table[row + SCALE + 1]))
        acc = np.int32(0)
        for k in range(width):
            acc += np.int32(h[hb + k]) * np.int32(r[(first + j) * width + k])
        acc = np.int32(acc + rb[first + j])
        more = scale_twice(np.int64(acc), table[row + RECURRENT], table[row + RECURRENT + 1])
        v = saturated(v + more)
        if peephole:
            product = np.int64(c[cb + j]) * p[first + j]
            more = scale_twice(product, table[row + PEEPHOLE], table[row + PEEPHOLE + 1])
            v = saturated(v + more)
        z[j] = v
    if normalized:
        normalize16(
            z, n, b, first, cells, table[row + NORM], table[row + NORM + 1], table[row + LEAST]
        )


@inlined
def look_up(z, table, cells):  # type: ignore[no-untyped-def]
    """Replace int16 by what a table of all of them says."""
    for j in range(cells):
        z[j] = table[z[j] + 32768]


@inlined
def step16(  # type: ignore[no-untyped-def]
    x, at, h, hb, c, cb, w, r, p, n, b, wb, rb, table, sigmoid, tanh3, z, forget, update, depth, cells, width,
    coupled, peephole, normalized, bits, clip,
):  # fmt: skip
    """Update the cells from one frame, and leave the output gate in z."""
    f = 0 if coupled else 1
    gate16(
        forget, f, x, at, h, hb, c, cb, w, r, p, n, b, wb, rb, table, depth, cells, width, peephole, normalized
    )  # fmt: skip
    look_up(forget, sigmoid, cells)
    gate16(
        update, f + 1, x, at, h, hb, c, cb, w, r, p, n, b, wb, rb, table, depth, cells, width, 0, normalized
    )  # fmt: skip
    look_up(update, tanh3, cells)
    if coupled:
        for j in range(cells):
            z[j] = 32767 - forget[j]
    else:
        gate16(
            z, 0, x, at, h, hb, c, cb, w, r, p, n, b, wb, rb, table, depth, cells, width, peephole, normalized
        )  # fmt: skip
        look_up(z, sigmoid, cells)
    for j in range(cells):
        kept = halved(np.int64(forget[j]) * c[cb + j], 15)
        v = saturated(kept + halved(np.int64(z[j]) * update[j], 15 + bits))
        c[cb + j] = limited(v, clip)
    gate16(
        z, f + 2, x, at, h, hb, c, cb, w, r, p, n, b, wb, rb, table, depth, cells, width, peephole, normalized
    )  # fmt: skip
    look_up(z, sigmoid, cells)


@inlined
def project8(z, h, hb, projection, bias, width, cells, multiplier, shift, zero, bound):  # type: ignore[no-untyped-def]
    """Write the projection of z to the state."""
    for k in range(width):
        acc = bias[k]
        for j in range(cells):
            acc = np.int32(acc + np.int32(z[j]) * projection[k * cells + j])
        v = scale_twice(np.int64(acc), multiplier, shift) + zero
        h[hb + k] = limited(min(max(v, -128), 127), bound)


@kernel
def s8_lstm(
    x: S8, state: S8, cell: S16, y: S8, h: S8, c: S16,
    w: S8, r: S8, p: S16, n: S16, b: S32, wb: S32, rb: S32, table: S64, projection: S8, projection_bias: S32,
    sigmoid: S16, tanh3: S16, tanh: S16, z: S16, forget: S16, update: S16,
    batch: I64, time: I64, depth: I64, cells: I64, width: I64,
    time_major: I64, coupled: I64, peephole: I64, normalized: I64, projected: I64,
    bits: I64, cell_clip: I64, proj_clip: I64, hidden_multiplier: I64, hidden_shift: I64, hidden_zero: I64,
    proj_multiplier: I64, proj_shift: I64, state_zero: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The integer LSTM, in the order of `f32_lstm`; sigmoid and tanh are tables of all int16."""
    copied(h, state, batch * width)
    copied(c, cell, batch * cells)
    zero = -hidden_zero if projected else hidden_zero
    for i in range(batch):
        hb, cb = i * width, i * cells
        for t in range(time):
            frame = t * batch + i if time_major else i * time + t
            step16(
                x, frame * depth, h, hb, c, cb, w, r, p, n, b, wb, rb, table, sigmoid, tanh3, z, forget, update,
                depth, cells, width, coupled, peephole, normalized, bits, cell_clip,
            )  # fmt: skip
            for j in range(cells):
                product = np.int64(z[j]) * tanh[c[cb + j] + 32768]
                v = scale_twice(product, hidden_multiplier, hidden_shift) + zero
                z[j] = min(max(v, -128), 127)
            if projected:
                project8(
                    z, h, hb, projection, projection_bias, width, cells, proj_multiplier, proj_shift, state_zero,
                    proj_clip,
                )  # fmt: skip
            else:
                for k in range(width):
                    h[hb + k] = z[k]
            for k in range(width):
                y[frame * width + k] = h[hb + k]
    return OK


def _gate_row(gate: Gate) -> list[int]:
    scales = (gate.scale, gate.recurrent_scale, gate.peephole_scale, gate.norm_scale)
    return [*(v for scale in scales for v in scale), gate.least_variance]


def _stack(gates: list[Gate], name: str) -> Array | None:
    """Return an array of all gates, zeros for those that have none, None where none has."""
    found = [getattr(gate, name) for gate in gates]
    like = next((a for a in found if a is not None), None)
    return (
        None if like is None else np.stack([np.zeros_like(like) if a is None else a for a in found])
    )


@lowers((lstm, "s8"))
def lower_s8_lstm(site: Site) -> list[Step]:
    """Multipliers, folded biases and tables come from the quantized rule's own preparation."""
    given = given_inputs(site)
    a = {k: v for k, v in site.attributes.items() if k not in ("activation", "time_major")}
    quantized = {
        name: Quantized(
            np.zeros(o.type.shape, o.type.dtype) if o.value is None else o.value, o.type.quant
        )
        for name, o in given.items()
    }
    net = prepare_lstm(quantized, **a)
    gates = [gate for gate in net.gates if gate is not None]
    names = ("weights", "recurrent", "peephole", "norm", "norm_bias", "bias", "recurrent_bias")
    arrays = [_stack(gates, name) for name in names]
    table = np.array([_gate_row(gate) for gate in gates], np.int64)
    arrays += [table, net.projection, net.projection_bias]
    arrays += [sigmoid_table(), tanh_table(3), tanh_table(net.cell_bits)]
    sizes = lstm_sizes(site, given)
    flags = (len(gates) == 3, "po" in given, "no" in given, net.projection is not None)
    numbers = (net.cell_bits, net.cell_clip, net.proj_clip, *net.hidden_scale, net.hidden_zero)
    arguments: tuple[Argument, ...] = (
        *(given[name] for name in ("x", "output_state", "cell_state")),
        *site.outputs,
        *(None if v is None else site.constant(v) for v in arrays),
        *(site.scratch(2 * sizes[3]) for _ in range(3)),
        *sizes,
        *(int(flag) for flag in (site.attributes["time_major"], *flags)),
        *numbers,
        *net.projection_scale,
        net.state_zero,
    )
    return [Step(s8_lstm, arguments, serial=True)]
