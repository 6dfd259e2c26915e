"""Recurrent layers whose weights are known and whose functions are sigmoid, tanh or relu.

What the inputs add to the gates is one product for all frames. Then, frame by frame, the last outputs of the sequences
of a thread are multiplied with the packed recurrent weights, and tiles update the cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.rnn import gru, lstm_layer, rnn
from .conv import IN_PLACE, f32_product, rows_of_a_block
from .exponential import sigmoid_of, tanh_of
from .gemm import PANEL, pack, pad_columns
from .gemm_block import f32_block, f32_rows_of_one
from .kernel import F64, I64, OK, S32, Kernel, inlined, kernel, share
from .lowering import CPU, Argument, Lowering, Site, Step
from .lstm_cells import copy_floats
from .rnn import lower_gru, lower_lstm_layer, lower_rnn
from .simd import Value, Vectors, tile

INFINITY = math.inf
CODES = {"sigmoid": 0, "tanh": 1, "relu": 2}
Cells = Callable[[Value, Value], None]  # (offset in bytes, mask)


def _each(v: Vectors, count: Value, body: Cells) -> None:
    """Run `body` over vectors of `count` floats."""

    def some(i: Value) -> list[Value]:
        first = v.mul(i, v.lanes)
        body(v.mul(first, 4), v.mask(v.b.sub(count, first)))
        return []

    v.carry(v.b.sdiv(v.add(count, v.lanes - 1), v.const(v.lanes)), [], some)


def _squashed(v: Vectors, x: Value, code: Value, most: Value) -> Value:
    """Clip, and apply the function of a code."""
    x = v.clamp(x, v.b.fneg(most), most)

    def rest() -> list[Value]:
        relu = lambda: [v.at_least(x, v.full("f32", 0.0))]  # noqa: E731
        return v.either(v.b.icmp_signed("==", code, v.const(1)), lambda: [tanh_of(v, x)], relu)

    is_sigmoid = v.b.icmp_signed("==", code, v.const(0))
    return v.either(is_sigmoid, lambda: [sigmoid_of(v, x)], rest)[0]


@tile("f32_rnn_gate")
def gate(v: Vectors, z: I64, u: I64, y: I64, count: I64, code: I64, clip: F64) -> None:
    """Y = f(z + u)."""
    most = v.splat(v.narrow(clip, "f32"))

    def cells(at: Value, mask: Value) -> None:
        a, b = (v.load_some("f32", mask, p, at) for p in (z, u))
        v.store_some(_squashed(v, v.b.fadd(a, b), code, most), mask, y, at)

    _each(v, count, cells)


@tile("f32_rnn_reset")
def reset_gate(
    v: Vectors, z: I64, r: I64, u: I64, y: I64, count: I64, code: I64, clip: F64
) -> None:
    """Y = f(z + r u)."""
    most = v.splat(v.narrow(clip, "f32"))

    def cells(at: Value, mask: Value) -> None:
        a, b, c = (v.load_some("f32", mask, p, at) for p in (z, r, u))
        v.store_some(_squashed(v, v.fma(b, c, a), code, most), mask, y, at)

    _each(v, count, cells)


@tile("multiply_floats")
def multiply_floats(v: Vectors, a: I64, b: I64, y: I64, count: I64) -> None:
    """Y = a b."""

    def cells(at: Value, mask: Value) -> None:
        x, z = (v.load_some("f32", mask, p, at) for p in (a, b))
        v.store_some(v.b.fmul(x, z), mask, y, at)

    _each(v, count, cells)


@tile("f32_gru_state")
def gru_state(v: Vectors, z: I64, n: I64, h: I64, y: I64, count: I64) -> None:
    """H = y = (1 - z) n + z h."""
    one = v.full("f32", 1.0)

    def cells(at: Value, mask: Value) -> None:
        a, b, c = (v.load_some("f32", mask, p, at) for p in (z, n, h))
        new = v.fma(v.b.fsub(one, a), b, v.b.fmul(a, c))
        for p in (h, y):
            v.store_some(new, mask, p, at)

    _each(v, count, cells)


@tile("f32_lstm_layer_cells")
def lstm_cells(
    v: Vectors, z: I64, u: I64, h: I64, c: I64, p: I64, y: I64, count: I64,
    f: I64, g: I64, k: I64, coupled: I64, peephole: I64, clip: F64,
) -> None:  # fmt: skip
    """Update `count` cells of one sequence: gates input, output, forget and update are `count` floats apart."""
    most, apart = v.splat(v.narrow(clip, "f32")), v.mul(count, 4)
    seen = v.b.icmp_signed("!=", peephole, v.const(0))

    def cells(at: Value, mask: Value) -> None:
        def before(which: int) -> Value:
            place = v.add(at, v.mul(apart, which))
            return v.b.fadd(*(v.load_some("f32", mask, q, place) for q in (z, u)))

        def look(x: Value, which: int, cell: Value) -> Value:
            place = v.add(at, v.mul(apart, which))
            more = lambda a: [v.fma(v.load_some("f32", mask, p, place), cell, a)]  # noqa: E731
            return v.maybe(seen, [x], more)[0]

        old = v.load_some("f32", mask, c, at)
        entry = _squashed(v, look(before(0), 0, old), f, most)
        forget = _squashed(v, look(before(2), 2, old), f, most)
        rest = v.b.fsub(v.full("f32", 1.0), entry)
        forget = v.b.select(v.b.icmp_signed("!=", coupled, v.const(0)), rest, forget)
        update = _squashed(v, before(3), g, most)
        new = v.fma(entry, update, v.b.fmul(forget, old))
        v.store_some(new, mask, c, at)
        output = _squashed(v, look(before(1), 1, new), f, most)
        out = v.b.fmul(output, _squashed(v, new, k, most))
        for q in (h, y):
            v.store_some(out, mask, q, at)

    _each(v, count, cells)


@tile("clear_floats")
def clear_floats(v: Vectors, y: I64, count: I64) -> None:
    """Write zeros."""
    _each(v, count, lambda at, mask: v.store_some(v.full("f32", 0.0), mask, y, at))


@inlined
def frames_of(lengths, limited, i, time):  # type: ignore[no-untyped-def]
    """Return how many frames sequence i has."""
    return min(max(np.int64(lengths[i]), 0), time) if limited else time


@inlined
def begin(h, state, given, first, rows, cells):  # type: ignore[no-untyped-def]
    """Take the first states of some sequences, or zeros."""
    at, count = first * cells * 4, rows * cells
    if given:
        copy_floats(h + at, state + at, count)
    else:
        clear_floats(h + at, count)


@inlined
def silence(y, lengths, limited, first, last, batch, time, cells):  # type: ignore[no-untyped-def]
    """Write zeros behind the ends of some sequences."""
    for i in range(first, last):
        for t in range(frames_of(lengths, limited, i, time), time):
            clear_floats(y + (t * batch + i) * cells * 4, cells)


@inlined
def multiply(h, r, bias, u, rows, batch, cells, n):  # type: ignore[no-untyped-def]
    """U = H R + bias: how a row adds up does not depend on how many there are, but on whether there is one in all."""
    panels = (n + PANEL - 1) // PANEL
    if batch == 1:
        f32_rows_of_one(h, r, cells, n, 0, panels, bias, u, -INFINITY, INFINITY)
    else:
        f32_block(h, cells, rows, r, cells, n, 0, panels, bias, u, n, -INFINITY, INFINITY)


@kernel
def f32_rnn_frames(
    z: I64, r: I64, bias: I64, lengths: S32, state: I64, y: I64, h: I64, u: I64,
    time: I64, batch: I64, cells: I64, limited: I64, given: I64, reverse: I64, f: I64, clip: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share the sequences."""
    first, last = share(batch, tid, threads)
    if first == last:
        return OK
    begin(h, state, given, first, last - first, cells)
    silence(y, lengths, limited, first, last, batch, time, cells)
    size = cells * 4
    for s in range(time):
        multiply(h + first * size, r, bias, u + first * size, last - first, batch, cells, cells)
        for i in range(first, last):
            end = frames_of(lengths, limited, i, time)
            if s < end:
                at = ((end - 1 - s if reverse else s) * batch + i) * size
                gate(z + at, u + i * size, h + i * size, cells, f, clip)
                copy_floats(y + at, h + i * size, cells)
    return OK


@kernel
def f32_gru_frames(
    z: I64, r: I64, bias: I64, again: I64, lengths: S32, state: I64, y: I64, h: I64, u: I64, kept: I64,
    time: I64, batch: I64, cells: I64, limited: I64, given: I64, reverse: I64, after: I64,
    f: I64, g: I64, clip: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """`r` are the weights of update and reset, and of the candidate if the reset comes after; `again` its own."""
    first, last = share(batch, tid, threads)
    if first == last:
        return OK
    begin(h, state, given, first, last - first, cells)
    silence(y, lengths, limited, first, last, batch, time, cells)
    size, n = cells * 4, (3 if after else 2) * cells
    for s in range(time):
        multiply(h + first * size, r, bias, u + first * n * 4, last - first, batch, cells, n)
        for i in range(first, last):
            end, gates = frames_of(lengths, limited, i, time), u + i * n * 4
            if s < end:
                at = ((end - 1 - s if reverse else s) * batch + i) * size
                gate(z + 3 * at, gates, gates, 2 * cells, f, clip)
                if after:
                    new, part = z + 3 * at + 2 * size, kept + i * size
                    reset_gate(new, gates + size, gates + 2 * size, part, cells, g, clip)
                    gru_state(gates, part, h + i * size, y + at, cells)
                else:
                    multiply_floats(gates + size, h + i * size, kept + i * size, cells)
        if not after:
            rest = kept + batch * size
            multiply(
                kept + first * size,
                again,
                bias,
                rest + first * size,
                last - first,
                batch,
                cells,
                cells,
            )
            for i in range(first, last):
                end, new = frames_of(lengths, limited, i, time), rest + i * size
                if s < end:
                    at = ((end - 1 - s if reverse else s) * batch + i) * size
                    gate(z + 3 * at + 2 * size, new, new, cells, g, clip)
                    gru_state(u + i * n * 4, new, h + i * size, y + at, cells)
    return OK


@kernel
def f32_lstm_layer_frames(
    z: I64, r: I64, bias: I64, p: I64, lengths: S32, state: I64, cell: I64, y: I64, h: I64, c: I64, u: I64,
    time: I64, batch: I64, cells: I64, limited: I64, given: I64, given_cell: I64, reverse: I64,
    coupled: I64, peephole: I64, f: I64, g: I64, k: I64, clip: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share the sequences."""
    first, last = share(batch, tid, threads)
    if first == last:
        return OK
    begin(h, state, given, first, last - first, cells)
    begin(c, cell, given_cell, first, last - first, cells)
    silence(y, lengths, limited, first, last, batch, time, cells)
    size, n = cells * 4, 4 * cells
    for s in range(time):
        multiply(h + first * size, r, bias, u + first * n * 4, last - first, batch, cells, n)
        for i in range(first, last):
            end = frames_of(lengths, limited, i, time)
            if s < end:
                at = ((end - 1 - s if reverse else s) * batch + i) * size
                lstm_cells(
                    z + 4 * at, u + i * n * 4, h + i * size, c + i * size, p, y + at, cells,
                    f, g, k, coupled, peephole, clip,
                )  # fmt: skip
    return OK


def _packed_turned(w: Array, first: int, last: int) -> Array:
    return pack(np.ascontiguousarray(w[first:last].T))


def _from_frames(site: Site, bias: Array) -> tuple[Step, Any]:
    """Return the step that multiplies all frames with the weights and adds `bias`, and where it writes."""
    x, w = site.inputs[:2]
    assert x is not None and w is not None and w.value is not None
    (time, batch, depth), n, m = x.type.shape, len(w.value), x.type.shape[0] * x.type.shape[1]
    z = site.scratch(4 * max(time * batch, 1) * n)
    given = (site.packed(_packed_turned, w.value, 0, n), site.constant(pad_columns(bias, n)))
    sizes = (0, IN_PLACE, m, 1, depth, n, depth, n, rows_of_a_block(m, depth, n, 4))
    product = (x, *given, None, z, None, None, None, *sizes, -np.inf, np.inf)
    return Step(f32_product, product), z


def is_quick(site: Site) -> bool:
    """Whether weights are known, there is something to do, and the functions are those that have tiles."""
    given = dict(zip(site.node.op.inputs, site.inputs, strict=False))
    known = all(o is None or o.value is not None for n, o in given.items() if n in "wrbp")
    x = given["x"]
    usual = all(name in CODES for name in site.attributes["functions"])
    return known and usual and x is not None and x.type.size > 0


def _lower(site: Site, run: Kernel, kind: str) -> list[Step]:
    """Return both steps of a layer."""
    given = (*site.inputs, *[None] * (len(site.node.op.inputs) - len(site.inputs)))
    x, r, b = given[0], given[2], given[3]
    assert x is not None and r is not None and r.value is not None
    (time, batch, _), (n, cells), a = x.type.shape, r.value.shape, site.attributes
    halves = np.zeros((2, n), np.float32) if b is None else np.asarray(b.value).reshape(2, n)
    # What is added once for all frames: all, but where the reset comes after, the candidate's own.
    late, after = np.zeros(n), kind == "gru" and a["reset_after"]
    late[2 * cells :] = halves[1, 2 * cells :] if after else 0
    early = halves.astype(np.float64).sum(axis=0) - late
    product, z = _from_frames(site, early.astype(np.float32))
    used = n if kind != "gru" or after else 2 * cells
    weights: list[Argument] = [site.packed(_packed_turned, r.value, 0, used)]
    weights.append(site.constant(pad_columns(late.astype(np.float32), n)))
    if kind == "gru":
        weights.append(None if after else site.packed(_packed_turned, r.value, used, n))
    if kind == "lstm":
        weights.append(given[7])
    rooms = [site.scratch(4 * batch * used)]
    rooms += [site.scratch(8 * batch * cells)] if kind == "gru" else []
    states = given[5:7] if kind == "lstm" else given[5:6]
    flags = {"rnn": (), "gru": (after,), "lstm": (a.get("coupled"), given[-1] is not None)}[kind]
    codes = [CODES[name] for name in a["functions"]]
    arguments: tuple[Argument, ...] = (
        *(z, *weights, given[4], *states, *site.outputs, *rooms, time, batch, cells),
        *(int(given[4] is not None), *(int(s is not None) for s in states), int(a["reverse"])),
        *(*(int(bool(flag)) for flag in flags), *codes, float(np.float32(a["clip"])) or np.inf),
    )
    return [product, Step(run, arguments)]


def lower_rnn_frames(site: Site) -> list[Step]:
    """One gate."""
    return _lower(site, f32_rnn_frames, "rnn")


def lower_gru_frames(site: Site) -> list[Step]:
    """Three gates."""
    return _lower(site, f32_gru_frames, "gru")


def lower_lstm_layer_frames(site: Site) -> list[Step]:
    """Four gates."""
    return _lower(site, f32_lstm_layer_frames, "lstm")


CPU.of((rnn, "f32"))((Lowering(lower_rnn_frames, is_quick), Lowering(lower_rnn)))
CPU.of((gru, "f32"))((Lowering(lower_gru_frames, is_quick), Lowering(lower_gru)))
CPU.of((lstm_layer, "f32"))(
    (Lowering(lower_lstm_layer_frames, is_quick), Lowering(lower_lstm_layer))
)
