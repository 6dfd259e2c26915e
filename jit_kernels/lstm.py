"""The float32 LSTM, frame by frame on one thread. Weights are packed into one array with the plan.

The order of gates in packed arrays is input, forget, cell, output; a coupled input gate is left out. Matrices have
the cells last: rows are added up, so that cells are the vector.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array, UnsupportedError
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.recurrent import NORM_EPSILON, lstm
from .kernel import F32, F64, I64, OK, inlined, kernel
from .lowering import Argument, Site, Step


@inlined
def copied(to, source, count):  # type: ignore[no-untyped-def]
    """Copy elements."""
    for k in range(count):
        to[k] = source[k]


@inlined
def limited(x, bound):  # type: ignore[no-untyped-def]
    """Clamp to [-bound, bound], where there is one."""
    if bound > 0:
        x = -bound if x < -bound else x
        x = bound if x > bound else x
    return x


@inlined
def sigmoids(z, count):  # type: ignore[no-untyped-def]
    """Squash in place."""
    one = np.float32(1)
    for j in range(count):
        z[j] = one / (one + np.float32(math.exp(-z[j])))


@inlined
def act(x, is_tanh, low, high):  # type: ignore[no-untyped-def]
    """The activation of the cells."""
    if is_tanh:
        return np.float32(math.tanh(x))
    x = low if x < low else x
    return high if x > high else x


@inlined
def add_rows(z, x, at, w, first, rows, cells):  # type: ignore[no-untyped-def]
    """Add `rows` rows of a packed matrix, the first of them number `first`, times the elements of x."""
    for d in range(rows):
        v = x[at + d]
        for j in range(cells):
            z[j] += v * w[(first + d) * cells + j]


@inlined
def normalize(z, n, b, first, cells, epsilon):  # type: ignore[no-untyped-def]
    """Normalize, scale and add the bias."""
    mean, square = 0.0, 0.0
    for j in range(cells):
        mean += z[j]
    mean /= cells
    for j in range(cells):
        square += (z[j] - mean) * (z[j] - mean)
    factor = 1.0 / math.sqrt(square / cells + epsilon)
    for j in range(cells):
        z[j] = np.float32((z[j] - mean) * factor * n[first + j] + b[first + j])


@inlined
def gate(  # type: ignore[no-untyped-def]
    z, g, x, at, h, hb, c, cb, w, r, p, b, n, depth, cells, width, peephole, normalized, epsilon
):
    """Write a gate before its activation to z."""
    first = g * cells
    for j in range(cells):
        z[j] = np.float32(0) if normalized else b[first + j]
    add_rows(z, x, at, w, g * depth, depth, cells)
    add_rows(z, h, hb, r, g * width, width, cells)
    if peephole:
        for j in range(cells):
            z[j] += c[cb + j] * p[first + j]
    if normalized:
        normalize(z, n, b, first, cells, epsilon)


@inlined
def project(z, h, hb, projection, bias, width, cells, bound):  # type: ignore[no-untyped-def]
    """Write the projection of z to the state."""
    for k in range(width):
        v = bias[k]
        for j in range(cells):
            v += z[j] * projection[k * cells + j]
        h[hb + k] = limited(v, bound)


@inlined
def step(  # type: ignore[no-untyped-def]
    x, at, h, hb, c, cb, w, r, p, b, n, z, forget, update, depth, cells, width,
    coupled, peephole, normalized, is_tanh, low, high, clip, epsilon,
):  # fmt: skip
    """Update the cells from one frame, and leave the output before the projection in z."""
    f = 0 if coupled else 1
    gate(
        forget,
        f,
        x,
        at,
        h,
        hb,
        c,
        cb,
        w,
        r,
        p,
        b,
        n,
        depth,
        cells,
        width,
        peephole,
        normalized,
        epsilon,
    )
    sigmoids(forget, cells)
    gate(
        update,
        f + 1,
        x,
        at,
        h,
        hb,
        c,
        cb,
        w,
        r,
        p,
        b,
        n,
        depth,
        cells,
        width,
        0,
        normalized,
        epsilon,
    )
    if coupled:
        for j in range(cells):
            z[j] = np.float32(1) - forget[j]
    else:
        gate(
            z,
            0,
            x,
            at,
            h,
            hb,
            c,
            cb,
            w,
            r,
            p,
            b,
            n,
            depth,
            cells,
            width,
            peephole,
            normalized,
            epsilon,
        )
        sigmoids(z, cells)
    for j in range(cells):
        v = forget[j] * c[cb + j] + z[j] * act(update[j], is_tanh, low, high)
        c[cb + j] = limited(v, clip)
    gate(
        z,
        f + 2,
        x,
        at,
        h,
        hb,
        c,
        cb,
        w,
        r,
        p,
        b,
        n,
        depth,
        cells,
        width,
        peephole,
        normalized,
        epsilon,
    )
    sigmoids(z, cells)
    for j in range(cells):
        z[j] *= act(c[cb + j], is_tanh, low, high)


@kernel
def f32_lstm(
    x: F32, state: F32, cell: F32, y: F32, h: F32, c: F32,
    w: F32, r: F32, p: F32, b: F32, n: F32, projection: F32, projection_bias: F32, z: F32, forget: F32, update: F32,
    batch: I64, time: I64, depth: I64, cells: I64, width: I64,
    time_major: I64, coupled: I64, peephole: I64, normalized: I64, projected: I64,
    is_tanh: I64, low: F64, high: F64, cell_clip: F64, proj_clip: F64, epsilon: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """One sequence of the batch after another; h and c are the next states themselves."""
    least, most, clip = np.float32(low), np.float32(high), np.float32(cell_clip)
    copied(h, state, batch * width)
    copied(c, cell, batch * cells)
    for i in range(batch):
        hb = i * width
        for t in range(time):
            frame = t * batch + i if time_major else i * time + t
            step(
                x, frame * depth, h, hb, c, i * cells, w, r, p, b, n, z, forget, update, depth, cells, width,
                coupled, peephole, normalized, is_tanh, least, most, clip, epsilon,
            )  # fmt: skip
            if projected:
                project(z, h, hb, projection, projection_bias, width, cells, np.float32(proj_clip))
            else:
                for k in range(width):
                    h[hb + k] = z[k]
            for k in range(width):
                y[frame * width + k] = h[hb + k]
    return OK


def given_inputs(site: Site) -> dict[str, Any]:
    """Return the inputs that are there, by name; those that are weights must be known."""
    named = zip(lstm.inputs, site.inputs, strict=False)
    given = {name: operand for name, operand in named if operand is not None}
    for name, operand in given.items():
        if name not in ("x", "output_state", "cell_state") and operand.value is None:
            raise UnsupportedError(f"{site.node}: weights {name} that are not constant")
    return given


def _packed(given: dict[str, Any], kind: str) -> Array | None:
    """Return the arrays of all gates behind one another; matrices with the cells last."""
    parts = [given[kind + gate].value for gate in "ifco" if kind + gate in given]
    if kind == "p" and parts:  # the cell gate has none
        parts.insert(-1, np.zeros_like(parts[0]))
    return np.stack([np.ascontiguousarray(a.T) for a in parts]) if parts else None


def lstm_sizes(site: Site, given: dict[str, Any]) -> tuple[int, ...]:
    """Return batch, time, depth, cells and width."""
    batch, time, depth = given["x"].type.shape
    if site.attributes["time_major"]:
        batch, time = time, batch
    return (batch, time, depth, *given["ro"].type.shape)


def lower_f32_lstm(site: Site) -> list[Step]:
    """Absent parts are null addresses that flags keep the kernel from touching."""
    given, a = given_inputs(site), site.attributes
    arrays = [_packed(given, kind) for kind in "wrpbn"]
    if "projection" in given:
        width = len(given["projection"].value)
        bias = given.get("projection_bias")
        arrays += [
            given["projection"].value,
            np.zeros(width, np.float32) if bias is None else bias.value,
        ]
    else:
        arrays += [None, None]
    constants = [None if v is None else site.constant(v) for v in arrays]
    sizes = lstm_sizes(site, given)
    scratch = [site.scratch(4 * sizes[3]) for _ in range(3)]
    flags = ("wi" not in given, "po" in given, "no" in given, "projection" in given)
    tanh = a["activation"] == "tanh"
    reals = (
        *ACTIVATIONS["none" if tanh else a["activation"]],
        float(a["cell_clip"]),
        float(a["proj_clip"]),
        NORM_EPSILON,
    )
    arguments: tuple[Argument, ...] = (
        *(given[name] for name in ("x", "output_state", "cell_state")),
        *site.outputs,
        *constants,
        *scratch,
        *sizes,
        *(int(flag) for flag in (a["time_major"], *flags, tanh)),
        *reals,
    )
    return [Step(f32_lstm, arguments, serial=True)]
