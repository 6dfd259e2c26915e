"""How far float32 recurrent layers may be off: errors are carried along with the values, step by step.

u = 2**-24 is the unit roundoff, gamma(n) = n u / (1 - n u). An error that goes round for many frames would grow
beyond all bounds if only its magnitude were known: what comes back with the other sign does not cancel. So the rounding
errors of a frame become independent lines, e_k in [-1, 1] times a direction, which linear maps turn exactly and the
slopes of functions scale (affine arithmetic: de Figueiredo, Stolfi, 2004); what is not linear in them is bounded by
second derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.activation import ACTIVATIONS, activate
from ...refimpl.recurrent import NORM_EPSILON, lstm, svdf
from ..tables import ENVELOPE
from .reduce import LARGEST, SUBNORMAL, U, gamma

F64 = NDArray[np.float64]

# Sigmoid and tanh may be approximated to within 4 units in the last place of 1, as rational functions are.
FUNCTION_ERROR = 8 * U
# The largest second derivatives of sigmoid and tanh: 1 / (6 sqrt 3) and 4 / (3 sqrt 3).
SIGMOID_BEND, TANH_BEND = 1 / (6 * 3**0.5), 4 / (3 * 3**0.5)


@dataclass(frozen=True)
class Off:
    """Values (N, n), and how far an implementation's may be off: along lines (N, K, n), and by a box (N, n)."""

    value: F64
    lines: F64
    box: F64

    @property
    def error(self) -> F64:
        """Bound the error."""
        return np.abs(self.lines).sum(axis=1) + self.box

    @property
    def most(self) -> F64:
        """Bound the magnitude that the implementation's value may have."""
        return np.abs(self.value) + self.error

    def boxed(self, value: F64, error: F64, where: Array | bool = True) -> Off:
        """Return `value` with the whole error in the box, where that is asked for; this elsewhere."""
        lines = np.where(np.expand_dims(np.broadcast_to(where, value.shape), 1), 0.0, self.lines)
        return Off(np.where(where, value, self.value), lines, np.where(where, error, self.box))


class Reach:
    """The sequences in which a number may have exceeded half of the largest float32: anything is right from there on.

    What is infinite because an input is, is as it has to be.
    """

    def __init__(self, count: int) -> None:
        self.beyond = np.zeros(count, bool)

    def met(self, size: F64) -> None:
        """Take notice of magnitudes (N, n) of what is computed, or of all that is added."""
        self.beyond = self.beyond | np.any(np.isfinite(size) & (size > LARGEST / 2), axis=1)

    def allowed(self, a: Off) -> F64:
        """Return what reported values may be off, with the rounding of the reference."""
        return np.where(self.beyond[:, None], np.inf, a.error + U * a.most)


def exact(x: Array, lines: int = 0) -> Off:
    """Return values that are inputs."""
    wide = x.astype(np.float64)
    return Off(wide, np.zeros((len(wide), lines, wide.shape[1])), np.zeros_like(wide))


def with_lines(a: Off, more: int) -> Off:
    """Append lines that do not touch `a`."""
    empty = np.zeros((len(a.value), more, a.value.shape[1]))
    return Off(a.value, np.concatenate([a.lines, empty], axis=1), a.box)


def own_lines(a: Off) -> Off:
    """Make a line of the box of each value."""
    fresh = np.eye(a.value.shape[1]) * a.box[:, None, :]
    return Off(a.value, np.concatenate([a.lines, fresh], axis=1), np.zeros_like(a.box))


def dense(weights: Array, x: Off) -> tuple[F64, F64, F64, F64]:
    """Return W x, its lines, its box, and the sum of the magnitudes of its terms."""
    w = weights.astype(np.float64).T
    return x.value @ w, x.lines @ w, x.box @ np.abs(w), x.most @ np.abs(w)


def product(a: Off, b: Off) -> Off:
    """Multiply; the product rounds."""
    lines = a.lines * b.value[:, None] + b.lines * a.value[:, None]
    box = a.box * np.abs(b.value) + b.box * np.abs(a.value) + a.error * b.error
    return Off(a.value * b.value, lines, box + U * a.most * b.most + SUBNORMAL)


def bent(z: Off, value: F64, slope: F64, bend: float, span: float) -> Off:
    """Apply a function of these values and slopes, second derivative up to `bend`, and range `span`."""
    box = z.box * slope + bend / 2 * z.error**2 + FUNCTION_ERROR
    made = Off(value, z.lines * slope[:, None], box)
    return made.boxed(value, np.full(value.shape, span), made.error > span)


def _sigmoid(z: Off) -> Off:
    value = 1 / (1 + np.exp(-z.value))
    return bent(z, value, value * (1 - value), SIGMOID_BEND, 1.0)


def _act(z: Off, activation: str) -> Off:
    if activation == "tanh":
        value = np.tanh(z.value)
        return bent(z, value, 1 - value**2, TANH_BEND, 2.0)
    low, high = ACTIVATIONS[activation]
    inside = (z.value - z.error >= low) & (z.value + z.error <= high)
    return z.boxed(activate(z.value, activation), z.error, ~inside)


def _clipped(z: Off, clip: float) -> Off:
    if clip <= 0:
        return z
    bound = float(np.float32(clip))
    return z.boxed(np.clip(z.value, -bound, bound), np.minimum(z.error, 2 * bound), z.most > bound)


def _normalized(z: Off) -> Off:
    """Normalize rows of n: v = (z - m) / s.

    s is 1-Lipschitz in the root mean square of a change, hence at least s - rms(dz) on the way, and
    |dv| <= (|dz| + mean |dz| + |v| mean(|v| |dz|)) / s there. In float32 the mean is off by gamma(n) mean |z|,
    which shifts the differences and adds to s; squares, sum, division, root and quotient are off by gamma(n + 5).
    Where squares overflow on their way anything is right (`Reach`).
    """
    count = z.value.shape[1]

    def average(a: F64) -> F64:
        return a.mean(axis=1, keepdims=True)

    centred = z.value - average(z.value)
    spread = np.sqrt(average(centred**2) + NORM_EPSILON)
    value = centred / spread
    least = np.maximum(spread - np.sqrt(average(z.error**2)), np.sqrt(NORM_EPSILON))
    most = np.minimum((np.abs(centred) + z.error + average(z.error)) / least, np.sqrt(count))
    carried = (z.error + average(z.error) + most * average(most * z.error)) / least
    shift = gamma(count) * average(z.most)
    relative = shift / least + gamma(count + 5)
    own = (shift + U * (np.abs(centred) + z.error + shift)) / least
    error = carried + own + (most + own) * relative / np.maximum(1 - relative, 0.5)
    return z.boxed(value, error)


def _gate(
    reach: Reach,
    x: Off,
    h: Off,
    c: Off,
    w: Array,
    r: Array,
    p: Array | None,
    b: Array,
    n: Array | None,
) -> Off:
    """Return a gate before its activation: D + H products, a peephole and a bias in any order."""
    wx, rh = dense(w, x), dense(r, h)
    value, lines, box, terms = wx[0] + rh[0], rh[1], rh[2], wx[3] + rh[3]
    if p is not None:
        value, lines = value + c.value * p, lines + c.lines * p
        box, terms = box + c.box * np.abs(p), terms + c.most * np.abs(p)
    if n is None:
        value, terms = value + b, terms + np.abs(b.astype(np.float64))
    reach.met(terms)
    count = w.shape[1] + r.shape[1] + 3
    z = Off(value, lines, box + gamma(count) * terms + count * SUBNORMAL)
    if n is None:
        return z
    reach.met(z.value.shape[1] * (z.most + z.most.mean(axis=1, keepdims=True)) ** 2)
    v, scale = _normalized(z), np.abs(n.astype(np.float64))
    rounding = gamma(2) * (v.most * scale + np.abs(b.astype(np.float64)))
    return Off(v.value * n + b, v.lines * n, v.box * scale + rounding)


@ENVELOPE.of(lstm)
def lstm_envelope(
    x: Array,
    wf: Array,
    wc: Array,
    wo: Array,
    rf: Array,
    rc: Array,
    ro: Array,
    bf: Array,
    bc: Array,
    bo: Array,
    output_state: Array,
    cell_state: Array,
    wi: Array | None = None,
    ri: Array | None = None,
    bi: Array | None = None,
    pi: Array | None = None,
    pf: Array | None = None,
    po: Array | None = None,
    projection: Array | None = None,
    projection_bias: Array | None = None,
    ni: Array | None = None,
    nf: Array | None = None,
    nc: Array | None = None,
    no: Array | None = None,
    *,
    activation: str = "tanh",
    cell_clip: float = 0.0,
    proj_clip: float = 0.0,
    time_major: bool = False,
    **_: object,
) -> tuple[F64, F64, F64]:
    """Carry the errors of output and cells through time; each reported value also has the reference's rounding.

    What a frame adds to the errors of cells and output becomes lines of their own. A product ab is off by da b + a db,
    da db and u |ab|; a function by its slope times the error, half the bend times its square, and its own error. Clips
    do not magnify. Where numbers may overflow on their way anything is right (`Reach`).
    """
    frames = x if time_major else x.swapaxes(0, 1)
    h = exact(output_state.reshape(frames.shape[1], ro.shape[1]))
    c = exact(cell_state.reshape(frames.shape[1], len(wo)))
    outputs, reach = np.zeros((*frames.shape[:2], ro.shape[1])), Reach(frames.shape[1])
    for t, frame in enumerate(map(exact, frames)):
        forget = _sigmoid(_gate(reach, frame, h, c, wf, rf, pf, bf, nf))
        entry = Off(1 - forget.value, -forget.lines, forget.box + U)
        if wi is not None and ri is not None and bi is not None:
            entry = _sigmoid(_gate(reach, frame, h, c, wi, ri, pi, bi, ni))
        update = _act(_gate(reach, frame, h, c, wc, rc, None, bc, nc), activation)
        kept, added = product(forget, c), product(entry, update)
        reach.met(kept.most + added.most)
        box = kept.box + added.box + U * (kept.most + added.most)
        c = _clipped(Off(kept.value + added.value, kept.lines + added.lines, box), cell_clip)
        c, h = own_lines(c), with_lines(h, len(wo))
        h = product(_sigmoid(_gate(reach, frame, h, c, wo, ro, po, bo, no)), _act(c, activation))
        if projection is not None:
            value, lines, box, terms = dense(projection, h)
            bias = np.zeros(1) if projection_bias is None else projection_bias.astype(np.float64)
            reach.met(terms + np.abs(bias))
            box = box + gamma(len(wo) + 2) * (terms + np.abs(bias)) + len(wo) * SUBNORMAL
            h = _clipped(Off(value + bias, lines, box), proj_clip)
        h, c = own_lines(h), with_lines(c, h.value.shape[1])
        outputs[t] = reach.allowed(h)
    y = outputs if time_major else outputs.swapaxes(0, 1)
    state, cell = map(reach.allowed, (h, c))
    return y, state.reshape(output_state.shape), cell.reshape(cell_state.shape)


@ENVELOPE.of(svdf)
def svdf_envelope(
    x: Array,
    feature: Array,
    time: Array,
    state: Array,
    bias: Array | None = None,
    *,
    rank: int,
    activation: str = "none",
) -> tuple[F64, F64]:
    """Allow gamma(D + 1) |W| |x| for the newest number of each filter; the others only move.

    A unit sums `rank` M products and the bias: gamma(rank M + 2) of their magnitudes, and the newest one's error
    times its weight. Each product may underflow. Activations do not magnify. Where a sum may overflow anything is
    right.
    """
    batch, (filters, memory) = len(x), time.shape
    value, _, _, terms = dense(feature, exact(x))
    newest = gamma(x.shape[1] + 1) * terms + x.shape[1] * SUBNORMAL
    newest = np.where(np.isfinite(terms) & (terms + newest > LARGEST), np.inf, newest)
    history = np.abs(state.astype(np.float64)).reshape(batch, filters, memory)
    weights = np.abs(time.astype(np.float64))
    history = np.concatenate([history[:, :, 1:], np.abs(value)[:, :, None]], axis=2)
    magnitude = np.sum(history * weights, axis=2).reshape(batch, -1, rank).sum(axis=2)
    magnitude += 0.0 if bias is None else np.abs(bias.astype(np.float64))
    last = np.where(np.isinf(newest), np.inf, newest * weights[:, -1])
    carried = last.reshape(batch, -1, rank).sum(axis=2)
    moved = np.zeros((batch, filters, memory))
    moved[:, :, -1] = newest
    count = rank * memory + 2
    total = magnitude + carried
    bound = gamma(count) * total + carried + count * SUBNORMAL
    bound = np.where(np.isfinite(magnitude) & (total + bound > LARGEST), np.inf, bound)
    return bound, moved.reshape(state.shape)
