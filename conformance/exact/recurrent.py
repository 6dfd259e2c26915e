"""Second oracles of the float32 recurrent layers, to 50 digits, and of the integer SVDF."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...ir import QuantParams, TensorType
from ...refimpl.recurrent import lstm, svdf
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .activation import activated
from .binary32 import f32
from .fixed import clamped, multiplier, scaled_by, tensor_scale, wrapped

DIGITS = 50
Vector = list[Any]


def frames_of(x: Cells, time_major: bool) -> Iterator[tuple[int, int, Vector]]:
    """Iterate over sequences, and the frames of each in time: (sequence, position in x, elements)."""
    batch, time = (x.shape[1], x.shape[0]) if time_major else x.shape[:2]
    for b in range(batch):
        for t in range(time):
            at = t * batch + b if time_major else b * time + t
            yield b, at, x.values[at * x.shape[2] : (at + 1) * x.shape[2]]


def row(w: Cells, r: int) -> Vector:
    """Return a row of a matrix."""
    return w.values[r * w.shape[1] : (r + 1) * w.shape[1]]


def dot(a: Vector, b: Vector) -> Any:
    """Multiply and add."""
    return sum(v * w for v, w in zip(a, b, strict=True))


class _Lstm:
    """One LSTM over mpf numbers; inputs by name, absent ones None."""

    def __init__(self, inputs: tuple[Cells | None, ...], attributes: dict[str, Any]) -> None:
        names = [*lstm.inputs]
        self.given = {n: c for n, c in zip(names, inputs, strict=False) if c is not None}
        self.cells = self.given["wo"].shape[0]
        self.attributes = attributes

    def gate(self, letter: str, x: Vector, h: Vector, c: Vector) -> Vector:
        """Return the gate after its activation."""
        w, r, b = (self.given[kind + letter] for kind in "wrb")
        z = [dot(row(w, k), x) + dot(row(r, k), h) for k in range(self.cells)]
        if "p" + letter in self.given:
            z = [v + p * u for v, p, u in zip(z, self.given["p" + letter].values, c, strict=True)]
        if "n" + letter in self.given:
            mean = sum(z) / self.cells
            variance = sum((v - mean) ** 2 for v in z) / self.cells
            spread = mp.sqrt(variance + mpf(f32(1e-8)))
            scale = self.given["n" + letter].values
            z = [(v - mean) / spread * n for v, n in zip(z, scale, strict=True)]
        z = [v + bias for v, bias in zip(z, b.values, strict=True)]
        return [self.act(v) for v in z] if letter == "c" else [1 / (1 + mp.exp(-v)) for v in z]

    def act(self, v: Any) -> Any:
        """Apply the activation of the cells."""
        name = self.attributes["activation"]
        return mp.tanh(v) if name == "tanh" else activated(v, name)

    def clipped(self, v: Any, name: str) -> Any:
        """Clip to what an attribute says; 0 is no clip."""
        bound = mpf(f32(self.attributes[name]))
        return max(-bound, min(bound, v)) if bound > 0 else v

    def step(self, x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
        """Return output and cells after a frame."""
        forget, update = self.gate("f", x, h, c), self.gate("c", x, h, c)
        coupled = "wi" not in self.given
        entry = [1 - f for f in forget] if coupled else self.gate("i", x, h, c)
        parts = zip(forget, c, entry, update, strict=True)
        c = [self.clipped(f * old + i * g, "cell_clip") for f, old, i, g in parts]
        opening = self.gate("o", x, h, c)
        h = [o * self.act(v) for o, v in zip(opening, c, strict=True)]
        if "projection" not in self.given:
            return h, c
        matrix = self.given["projection"]
        bias = self.given["projection_bias"].values if "projection_bias" in self.given else None
        h = [dot(row(matrix, k), h) + (bias[k] if bias else 0) for k in range(matrix.shape[0])]
        return [self.clipped(v, "proj_clip") for v in h], c


@EXACT.of(lstm)
def exact_lstm(*inputs: Cells | None, **attributes: Any) -> tuple[Cells, Cells, Cells]:
    """Run every sequence by itself, frame by frame."""
    with workdps(DIGITS):
        numbers = tuple(c and Cells(c.shape, [mpf(v) for v in c.values]) for c in inputs)
        net = _Lstm(numbers, attributes)
        return run_sequences(net.given, net.step, attributes["time_major"])


def run_sequences(
    given: dict[str, Cells], step: Any, time_major: bool
) -> tuple[Cells, Cells, Cells]:
    """Apply `step(x, h, c)` along time to every sequence, from its states on."""
    x, width, cells = given["x"], given["ro"].shape[1], given["wo"].shape[0]
    h, c = (Cells(s.shape, [*s.values]) for s in (given["output_state"], given["cell_state"]))
    y = Cells.full((*x.shape[:2], width), 0)
    for b, at, frame in frames_of(x, time_major):
        mine, inner = slice(b * width, (b + 1) * width), slice(b * cells, (b + 1) * cells)
        h.values[mine], c.values[inner] = step(frame, h.values[mine], c.values[inner])
        y.values[at * width : (at + 1) * width] = h.values[mine]
    return y, h, c


def _remembered(state: Cells, b: int, f: int, memory: int, newest: Any) -> Vector:
    """Return the memory of a filter after it took one number in."""
    start = b * state.shape[1] + f * memory
    return [*state.values[start + 1 : start + memory], newest]


@EXACT.of(svdf)
def exact_svdf(
    x: Cells,
    feature: Cells,
    time: Cells,
    state: Cells,
    bias: Cells | None = None,
    *,
    rank: int,
    activation: str = "none",
) -> tuple[Cells, Cells]:
    """Sum `rank` filters over time for each unit, in Fractions."""
    exact = [Cells(c.shape, [Fraction(v) for v in c.values]) for c in (x, feature, time, state)]
    x, feature, time, state = exact
    filters, memory = time.shape
    y, after = Cells.full((x.shape[0], filters // rank), Fraction(0)), Cells(state.shape, [])
    for b in range(x.shape[0]):
        for f in range(filters):
            kept = _remembered(state, b, f, memory, dot(row(feature, f), row(x, b)))
            after.values += kept
            y[b, f // rank] += dot(kept, row(time, f))
        for u in range(filters // rank):
            total = y[b, u] + (Fraction(bias[u]) if bias else 0)
            y[b, u] = activated(total, activation)
    return y, after


@EXACT_INT8.of((svdf, "s8"))
def exact_svdf_int8(
    x: Cells,
    feature: Cells,
    time: Cells,
    state: Cells,
    bias: Cells | None = None,
    *,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    rank: int,
    **_: Any,
) -> tuple[Cells, Cells]:
    """The same on integers: to int16 by sx sf / ss, to int8 by ss st / sy, both reals float32."""
    scales = [tensor_scale(q)[0] for q in quant[:4]]
    (y_scale, y_zero), x_zero = tensor_scale(out[0].quant), tensor_scale(quant[0])[1]
    first = multiplier(f32(f32(scales[0] * scales[1]) / scales[3]))
    second = multiplier(f32(f32(scales[3] * scales[2]) / y_scale))
    filters, memory = time.shape
    y, after = Cells.full((x.shape[0], filters // rank), 0), Cells(state.shape, [])
    for b in range(x.shape[0]):
        for f in range(filters):
            acc = dot(row(feature, f), [v - x_zero for v in row(x, b)])
            newest = clamped(scaled_by(wrapped(acc), *first), "s16")
            kept = _remembered(state, b, f, memory, newest)
            after.values += kept
            y[b, f // rank] += dot(kept, row(time, f))
        for u in range(filters // rank):
            total = wrapped(y[b, u] + (bias[u] if bias else 0))
            y[b, u] = clamped(scaled_by(total, *second) + y_zero, "s8")
    return y, after


def power_of_two(scale: float) -> int:
    """Return e of a scale 2**e."""
    mantissa, exponent = math.frexp(scale)
    if mantissa != 0.5:
        raise ValueError(f"{scale} is no power of two")
    return exponent - 1
