"""How far float32 recurrent layers may be off: errors are carried along with the values, step by step.

u = 2**-24 is the unit roundoff, gamma(n) = n u / (1 - n u). A value and the bound of its error travel together as
`Off`; what is computed from them uses the value in float64 and bounds the error for all values in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.activation import activate
from ...refimpl.recurrent import NORM_EPSILON, lstm, svdf
from ..tables import ENVELOPE
from .reduce import SUBNORMAL, U, gamma

F64 = NDArray[np.float64]

# Sigmoid and tanh may be approximated to within 4 units in the last place of 1, as rational functions are.
FUNCTION_ERROR = 8 * U


@dataclass(frozen=True)
class Off:
    """A value and how far a conforming implementation's may be from it."""

    value: F64
    error: F64

    @property
    def most(self) -> F64:
        """The largest magnitude that the implementation's value may have."""
        return np.abs(self.value) + self.error


def exact(x: Array) -> Off:
    """Return a value that is an input."""
    wide = x.astype(np.float64)
    return Off(wide, np.zeros_like(wide))


def _dense(weights: Array, x: Off) -> tuple[F64, F64, F64]:
    """Return W x, its error from x, and the sum of the magnitudes of its terms."""
    w = weights.astype(np.float64)
    return x.value @ w.T, x.error @ np.abs(w).T, x.most @ np.abs(w).T


def _product(a: Off, b: Off) -> Off:
    """Multiply; the product rounds."""
    value = a.value * b.value
    error = a.error * b.most + np.abs(a.value) * b.error
    return Off(value, error + U * a.most * b.most + SUBNORMAL)


def _sigmoid(z: Off) -> Off:
    """Squash; the slope is the largest within the error."""
    value = 1 / (1 + np.exp(-z.value))
    nearest = 1 / (1 + np.exp(-np.maximum(np.abs(z.value) - z.error, 0)))
    return Off(value, z.error * nearest * (1 - nearest) + FUNCTION_ERROR)


def _act(z: Off, activation: str) -> Off:
    if activation != "tanh":
        return Off(activate(z.value, activation), z.error)
    slope = 1 - np.tanh(np.maximum(np.abs(z.value) - z.error, 0)) ** 2
    return Off(np.tanh(z.value), z.error * slope + FUNCTION_ERROR)


def _clipped(z: Off, clip: float) -> Off:
    bound = float(np.float32(clip))
    return Off(np.clip(z.value, -bound, bound), z.error) if clip > 0 else z


def _normalized(z: Off) -> Off:
    """Normalize rows of n: v = (z - m) / s.

    s is 1-Lipschitz in the root mean square of a change, hence at least s - rms(dz) on the way, and
    |dv| <= (|dz| + mean |dz| + |v| mean(|v| |dz|)) / s there. In float32 the mean is off by gamma(n) mean |z|,
    which shifts the differences and adds to s; squares, sum, division, root and quotient are off by gamma(n + 5).
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
    return Off(value, carried + own + (most + own) * relative / np.maximum(1 - relative, 0.5))


def _gate(
    x: Off, h: Off, c: Off, w: Array, r: Array, p: Array | None, b: Array, n: Array | None
) -> Off:
    """Return a gate before its activation: D + H products, a peephole and a bias in any order."""
    wx, rh = _dense(w, x), _dense(r, h)
    value, error, terms = (a + b for a, b in zip(wx, rh, strict=True))
    if p is not None:
        magnitude = np.abs(p.astype(np.float64))
        value, error = value + c.value * p, error + c.error * magnitude
        terms = terms + c.most * magnitude
    if n is None:
        value, terms = value + b, terms + np.abs(b.astype(np.float64))
    z = Off(value, error + gamma(w.shape[1] + r.shape[1] + 3) * terms)
    if n is None:
        return z
    v, scale = _normalized(z), np.abs(n.astype(np.float64))
    rounding = gamma(2) * (v.most * scale + np.abs(b.astype(np.float64)))
    return Off(v.value * n + b, v.error * scale + rounding)


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

    An error e before a sigmoid or tanh becomes e times the largest slope within e, plus that of the function. A product
    ab is off by da |b| + |a| db + u |ab|. Clips do not magnify.
    """
    frames = x if time_major else x.swapaxes(0, 1)
    h = exact(output_state.reshape(frames.shape[1], ro.shape[1]))
    c = exact(cell_state.reshape(frames.shape[1], len(wo)))
    outputs = np.zeros((*frames.shape[:2], ro.shape[1]))
    for t, frame in enumerate(map(exact, frames)):
        forget = _sigmoid(_gate(frame, h, c, wf, rf, pf, bf, nf))
        entry = Off(1 - forget.value, forget.error + U)
        if wi is not None and ri is not None and bi is not None:
            entry = _sigmoid(_gate(frame, h, c, wi, ri, pi, bi, ni))
        update = _act(_gate(frame, h, c, wc, rc, None, bc, nc), activation)
        kept, added = _product(forget, c), _product(entry, update)
        error = kept.error + added.error
        error += U * (kept.most + added.most)
        c = _clipped(Off(kept.value + added.value, error), cell_clip)
        h = _product(_sigmoid(_gate(frame, h, c, wo, ro, po, bo, no)), _act(c, activation))
        if projection is not None:
            value, error, terms = _dense(projection, h)
            bias = np.zeros(1) if projection_bias is None else projection_bias.astype(np.float64)
            error = error + gamma(len(wo) + 2) * (terms + np.abs(bias))
            h = _clipped(Off(value + bias, error), proj_clip)
        outputs[t] = h.error + U * h.most
    y = outputs if time_major else outputs.swapaxes(0, 1)
    state, cell = (a.error + U * a.most for a in (h, c))
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
    times its weight. Activations do not magnify.
    """
    batch, (filters, memory) = len(x), time.shape
    value, _, terms = _dense(feature, exact(x))
    newest = gamma(x.shape[1] + 1) * terms + SUBNORMAL
    history = np.abs(state.astype(np.float64)).reshape(batch, filters, memory)
    weights = np.abs(time.astype(np.float64))
    history = np.concatenate([history[:, :, 1:], (np.abs(value) + newest)[:, :, None]], axis=2)
    magnitude = np.sum(history * weights, axis=2).reshape(batch, -1, rank).sum(axis=2)
    magnitude += 0.0 if bias is None else np.abs(bias.astype(np.float64))
    carried = (newest * weights[:, -1]).reshape(batch, -1, rank).sum(axis=2)
    moved = np.zeros((batch, filters, memory))
    moved[:, :, -1] = newest
    return gamma(rank * memory + 2) * magnitude + carried, moved.reshape(state.shape)
