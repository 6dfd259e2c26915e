"""Recurrent layers of any activations, a sequence a thread; matrices are turned, so that cells are the vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.rnn import FUNCTIONS
from .exponential import exp32
from .kernel import F32, F64P, I64, OK, S32, S64, inlined, kernel, share
from .lowering import Argument, Operand, Site, Step
from .matmul import f32_turn

CODES = {name: code for code, name in enumerate(FUNCTIONS)}
SIGMOID, TANH, RELU, AFFINE, LEAKY, THRESHOLDED, SCALED, HARD, ELU, SOFTSIGN, SOFTPLUS = (
    CODES[name]
    for name in (
        *("sigmoid", "tanh", "relu", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh"),
        *("hard_sigmoid", "elu", "softsign", "softplus"),
    )
)


@inlined
def one_value(x, code, a, b):  # type: ignore[no-untyped-def]
    """Apply one of the functions that are seldom used, in float64."""
    y = x
    if code == AFFINE:
        y = a * x + b
    elif code == LEAKY:
        y = a * x if x < 0 else x
    elif code == THRESHOLDED:
        y = 0.0 if x <= a else x
    elif code == SCALED:
        y = a * math.tanh(b * x)
    elif code == HARD:
        y = a * x + b
        y = 0.0 if y < 0 else y
        y = 1.0 if y > 1 else y
    elif code == ELU:
        y = a * math.expm1(x) if x < 0 else x
    elif code == SOFTSIGN:
        y = x / (1.0 + abs(x))
    elif code == SOFTPLUS:
        y = math.log1p(math.exp(-abs(x))) + (x if x > 0 else 0.0)
    return y


@inlined
def apply(z, at, count, which, codes, numbers):  # type: ignore[no-untyped-def]
    """Clip a gate, and apply function number `which`; `numbers` are the clip, then alpha and beta of each."""
    clip, code = np.float32(numbers[0]), codes[which]
    a, b, one = numbers[1 + 2 * which], numbers[2 + 2 * which], np.float32(1)
    if clip > 0:
        for j in range(at, at + count):
            z[j] = -clip if z[j] < -clip else z[j]
            z[j] = clip if z[j] > clip else z[j]
    if code == SIGMOID:
        for j in range(at, at + count):
            z[j] = one / (one + exp32(-z[j]))
    elif code == TANH:
        for j in range(at, at + count):
            z[j] = np.float32(math.tanh(z[j]))
    elif code == RELU:
        for j in range(at, at + count):
            z[j] = np.float32(0) if z[j] < 0 else z[j]
    else:
        for j in range(at, at + count):
            z[j] = np.float32(one_value(np.float64(z[j]), code, a, b))


@inlined
def begin(z, at, b, biased, first, count):  # type: ignore[no-untyped-def]
    """Start from a bias, or zeros."""
    for j in range(count):
        z[at + j] = b[first + j] if biased else np.float32(0)


@inlined
def all_gates(z, at, b, biased, count):  # type: ignore[no-untyped-def]
    """Start from both biases, or zeros."""
    begin(z, at, b, biased, 0, count)
    if biased:
        for j in range(count):
            z[at + j] += b[count + j]


@inlined
def add_products(z, at, x, first, w, rows, pitch, column, count):  # type: ignore[no-untyped-def]
    """Add `rows` elements of x times rows of a turned matrix, from `column` on."""
    for d in range(rows):
        v = x[first + d]
        for j in range(count):
            z[at + j] += v * w[d * pitch + column + j]


@inlined
def frames_of(lengths, limited, i, time):  # type: ignore[no-untyped-def]
    """Return how many frames sequence i has."""
    return min(max(np.int64(lengths[i]), 0), time) if limited else time


@inlined
def start(h, at, state, given, count):  # type: ignore[no-untyped-def]
    """Take the first state, or zeros."""
    for j in range(count):
        h[at + j] = state[at + j] if given else np.float32(0)


@inlined
def silence(y, i, batch, first, time, cells):  # type: ignore[no-untyped-def]
    """Write zeros behind the end of a sequence."""
    for t in range(first, time):
        for j in range(cells):
            y[(t * batch + i) * cells + j] = np.float32(0)


@kernel
def f32_rnn(
    x: F32, w: F32, r: F32, b: F32, lengths: S32, state: F32, y: F32, h: F32, z: F32, codes: S64, numbers: F64P,
    time: I64, batch: I64, depth: I64, cells: I64, biased: I64, limited: I64, given: I64, reverse: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """A gate for each thread in `z`."""
    first, last = share(batch, tid, threads)
    mine = tid * cells
    for i in range(first, last):
        end, own = frames_of(lengths, limited, i, time), i * cells
        start(h, own, state, given, cells)
        silence(y, i, batch, end, time, cells)
        for s in range(end):
            frame = (end - 1 - s if reverse else s) * batch + i
            all_gates(z, mine, b, biased, cells)
            add_products(z, mine, x, frame * depth, w, depth, cells, 0, cells)
            add_products(z, mine, h, own, r, cells, cells, 0, cells)
            apply(z, mine, cells, 0, codes, numbers)
            for j in range(cells):
                h[own + j] = z[mine + j]
                y[frame * cells + j] = z[mine + j]
    return OK


@kernel
def f32_gru(
    x: F32, w: F32, r: F32, b: F32, lengths: S32, state: F32, y: F32, h: F32, z: F32, kept: F32, codes: S64,
    numbers: F64P, time: I64, batch: I64, depth: I64, cells: I64, biased: I64, limited: I64, given: I64,
    reverse: I64, after: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Three gates for each thread in `z`; in `kept`, the part of h that reset leaves, or R h + b_r."""
    first, last = share(batch, tid, threads)
    mine, part, pitch = tid * 3 * cells, tid * cells, 3 * cells
    new = mine + 2 * cells
    for i in range(first, last):
        end, own = frames_of(lengths, limited, i, time), i * cells
        start(h, own, state, given, cells)
        silence(y, i, batch, end, time, cells)
        for s in range(end):
            frame = (end - 1 - s if reverse else s) * batch + i
            begin(z, mine, b, biased, 0, pitch)
            add_products(z, mine, x, frame * depth, w, depth, pitch, 0, pitch)
            if biased:
                for j in range(2 * cells):
                    z[mine + j] += b[pitch + j]
            add_products(z, mine, h, own, r, cells, pitch, 0, 2 * cells)
            apply(z, mine, 2 * cells, 0, codes, numbers)
            if after:
                begin(kept, part, b, biased, pitch + 2 * cells, cells)
                add_products(kept, part, h, own, r, cells, pitch, 2 * cells, cells)
                for j in range(cells):
                    z[new + j] += z[mine + cells + j] * kept[part + j]
            else:
                for j in range(cells):
                    kept[part + j] = z[mine + cells + j] * h[own + j]
                    if biased:
                        z[new + j] += b[pitch + 2 * cells + j]
                add_products(z, new, kept, part, r, cells, pitch, 2 * cells, cells)
            apply(z, new, cells, 1, codes, numbers)
            for j in range(cells):
                update = z[mine + j]
                v = (np.float32(1) - update) * z[new + j] + update * h[own + j]
                h[own + j] = v
                y[frame * cells + j] = v
    return OK


@inlined
def new_cells(z, entry, c, own, out, part, p, peephole, cells):  # type: ignore[no-untyped-def]
    """Update the cells, keep them in `out` as well, and let the output gate see them."""
    for j in range(cells):
        v = z[entry + 2 * cells + j] * c[own + j] + z[entry + j] * z[entry + 3 * cells + j]
        c[own + j] = v
        out[part + j] = v
        if peephole:
            z[entry + cells + j] += p[cells + j] * v


@kernel
def f32_lstm_layer(
    x: F32, w: F32, r: F32, b: F32, lengths: S32, state: F32, cell: F32, p: F32, y: F32, h: F32, c: F32, z: F32,
    out: F32, codes: S64, numbers: F64P, time: I64, batch: I64, depth: I64, cells: I64, biased: I64, limited: I64,
    given: I64, given_cell: I64, peephole: I64, reverse: I64, coupled: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Four gates for each thread in `z`, input, output, forget, update; in `out`, the function of the cells."""
    first, last = share(batch, tid, threads)
    pitch = 4 * cells
    entry, part = tid * pitch, tid * cells
    gate, forget, update = entry + cells, entry + 2 * cells, entry + 3 * cells
    for i in range(first, last):
        end, own = frames_of(lengths, limited, i, time), i * cells
        start(h, own, state, given, cells)
        start(c, own, cell, given_cell, cells)
        silence(y, i, batch, end, time, cells)
        for s in range(end):
            frame = (end - 1 - s if reverse else s) * batch + i
            all_gates(z, entry, b, biased, pitch)
            add_products(z, entry, x, frame * depth, w, depth, pitch, 0, pitch)
            add_products(z, entry, h, own, r, cells, pitch, 0, pitch)
            if peephole:
                for j in range(cells):
                    z[entry + j] += p[j] * c[own + j]
                    z[forget + j] += p[2 * cells + j] * c[own + j]
            apply(z, entry, cells, 0, codes, numbers)
            apply(z, update, cells, 1, codes, numbers)
            if coupled:
                for j in range(cells):
                    z[forget + j] = np.float32(1) - z[entry + j]
            else:
                apply(z, forget, cells, 0, codes, numbers)
            new_cells(z, entry, c, own, out, part, p, peephole, cells)
            apply(z, gate, cells, 0, codes, numbers)
            apply(out, part, cells, 2, codes, numbers)
            for j in range(cells):
                v = z[gate + j] * out[part + j]
                h[own + j] = v
                y[frame * cells + j] = v
    return OK


def _transposed(w: Array) -> Array:
    return np.ascontiguousarray(w.T)


def _turned(site: Site, w: Operand, steps: list[Step]) -> Operand:
    """Return a matrix with its axes swapped: now where it is known, else in a step."""
    if w.value is not None:
        return site.packed(_transposed, w.value)
    rows, columns = w.type.shape
    turned = site.scratch(4 * max(rows * columns, 1))
    steps.append(Step(f32_turn, (w, turned, 1, columns, rows)))
    return turned


def _layer(site: Site, run: Any, rest: int, flag: str = "") -> list[Step]:
    """Return the steps of a layer; `rest` is how many floats a thread needs for each cell besides the gates."""
    a, steps = site.attributes, list[Step]()
    given = (*site.inputs, *[None] * (len(site.node.op.inputs) - len(site.inputs)))
    x, w, r = given[:3]
    assert x is not None and w is not None and r is not None
    time, batch, depth = x.type.shape
    rows, cells = r.type.shape
    matrices = [_turned(site, m, steps) for m in (w, r)]
    rooms = [site.scratch(4 * rows * site.threads)]
    rooms += [site.scratch(4 * cells * site.threads) for _ in range(rest)]
    count = len(a["functions"])
    pairs = zip(a["alpha"] or (0.0,) * count, a["beta"] or (0.0,) * count, strict=True)
    numbers = np.array([a["clip"], *(v for pair in pairs for v in pair)], np.float32)
    codes = np.array([CODES[name] for name in a["functions"]], np.int64)
    arguments: tuple[Argument, ...] = (
        *(x, *matrices, *given[3:], *site.outputs, *rooms),
        *(site.constant(codes), site.constant(numbers.astype(np.float64))),
        *(time, batch, depth, cells),
        *(int(operand is not None) for operand in given[3:]),
        int(a["reverse"]),
        *([int(a[flag])] if flag else []),
    )
    return [*steps, Step(run, arguments)]


def lower_rnn(site: Site) -> list[Step]:
    """One gate."""
    return _layer(site, f32_rnn, 0)


def lower_gru(site: Site) -> list[Step]:
    """Three gates, and what is kept."""
    return _layer(site, f32_gru, 1, "reset_after")


def lower_lstm_layer(site: Site) -> list[Step]:
    """Four gates, and the function of the cells."""
    return _layer(site, f32_lstm_layer, 1, "coupled")
