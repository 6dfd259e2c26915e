"""Second oracle of the integer LSTM, on Python integers, number by number."""

from __future__ import annotations

import functools
from typing import Any

from ...ir import QuantParams, TensorType
from ...refimpl.recurrent import lstm
from ..cells import Cells
from ..tables import EXACT_INT8
from .binary32 import f32
from .fixed import clamped, divided, multiplier, scaled_by, tensor_scale, wrapped
from .norm import inverse_root
from .recurrent import Vector, dot, power_of_two, row, run_sequences

# Powers of e with 15 fractional bits, for the bits of a remainder that stand for 1/4, 1/2, ..., 16.
POWERS = (25520, 19875, 12055, 4435, 600, 11, 0)
ONE = 32767


def _times(a: int, b: int) -> int:
    """Multiply int16 fixed-point numbers; ties upwards."""
    return min((a * b + 2**14) >> 15, ONE)


def _power(x: int, bits: int) -> int:
    """Return exp(x) for x <= 0 with `bits` integer bits, in 15 fractional bits."""
    if x == 0:
        return ONE
    if bits > 5 and x < -32 << (15 - bits):
        return 0
    quarter = 1 << (13 - bits)
    rest = x % quarter - quarter  # in [-1/4, 0)
    a = clamped(rest << bits, "s16") + 2**12  # about -1/8
    square = _times(a, a)
    cube, fourth = _times(square, a), _times(square, square)
    tail = divided(_times(divided(fourth, 2) + cube, 10923) + square, 1)
    y = min(28918 + _times(28918, a + tail), ONE)
    whole = (rest - x) // quarter  # quarters left: one factor for each bit
    for k in range(bits + 2):
        if whole >> k & 1:
            y = _times(y, POWERS[k])
    return y


def _reciprocal(x: int) -> int:
    """Return 2 / (1 + x) with 13 fractional bits, by Newton's iteration."""
    half = (x + ONE + 1) // 2
    y = 23130 + _times(half, -15420)
    for _ in range(3):
        y += clamped(_times(y, 2**13 - _times(half, y)) << 2, "s16")
    return y


@functools.cache
def sigmoid16(x: int) -> int:
    """Return the sigmoid of a Q3.12 number, in Q0.15."""
    if x == 0:
        return 2**14
    y = clamped(_reciprocal(_power(-abs(x), 3)) << 1, "s16")
    return y if x > 0 else ONE - y


@functools.cache
def tanh16(x: int, bits: int) -> int:
    """Return the tanh of a number with `bits` integer bits, in Q0.15."""
    if x == 0:
        return 0
    y = clamped((_reciprocal(_power(-abs(x), bits + 1)) - 2**13) << 2, "s16")
    return y if x > 0 else -y


def _towards_zero(a: int, b: int) -> int:
    return a // b if a >= 0 else -(-a // b)


class _IntegerLstm:
    """Inputs and their scales by name, absent ones left out."""

    def __init__(
        self,
        inputs: tuple[Cells | None, ...],
        quant: tuple[QuantParams | None, ...],
        attributes: dict[str, Any],
    ) -> None:
        names = [*lstm.inputs]
        self.given = {n: c for n, c in zip(names, inputs, strict=False) if c is not None}
        self.quant = {n: q for n, q in zip(names, quant, strict=False) if q is not None}
        self.attributes = attributes
        self.bits = power_of_two(self.scale("cell_state")) + 15
        self.hidden_scale = f32(attributes["hidden_scale"])
        self.hidden_zero = attributes["hidden_zero_point"]

    def scale(self, name: str) -> float:
        return tensor_scale(self.quant[name])[0]

    def zero(self, name: str) -> int:
        return tensor_scale(self.quant[name])[1]

    def accumulated(self, z: Vector, terms: Vector, real: float) -> Vector:
        """Add scaled accumulators to int16 numbers, saturating."""
        fixed = multiplier(real)
        pairs = zip(z, terms, strict=True)
        return [clamped(v + scaled_by(wrapped(acc), *fixed), "s16") for v, acc in pairs]

    def gate(self, letter: str, x: Vector, h: Vector, c: Vector) -> Vector:
        """Return a gate after its activation."""
        w, r, b = (self.given[kind + letter] for kind in "wrb")
        normal = "n" + letter in self.given
        scale = f32(self.attributes["gate_scales"]["ifco".index(letter)]) if normal else 2.0**-12
        count = w.shape[0]
        x = [v - self.zero("x") for v in x]
        h = [v - self.zero("output_state") for v in h]
        terms = [dot(row(w, k), x) + (0 if normal else b[k]) for k in range(count)]
        real = f32(f32(self.scale("w" + letter) * self.scale("x")) / scale)
        z = self.accumulated([0] * count, terms, real)
        terms = [dot(row(r, k), h) for k in range(count)]
        real = f32(f32(self.scale("r" + letter) * self.scale("output_state")) / scale)
        z = self.accumulated(z, terms, real)
        if "p" + letter in self.given:
            terms = [p * v for p, v in zip(self.given["p" + letter].values, c, strict=True)]
            real = f32(self.scale("cell_state") * self.scale("p" + letter) / scale)
            z = self.accumulated(z, terms, real)
        if normal:
            z = self.normalized(z, letter)
        return [tanh16(v, 3) if letter == "c" else sigmoid16(v) for v in z]

    def normalized(self, z: Vector, letter: str) -> Vector:
        """Normalize with 10 fractional bits, apply the weights, add the bias, scale to Q3.12."""
        scale, count = self.scale("n" + letter), len(z)
        mean = _towards_zero(1024 * sum(z), count)
        variance = sum(v * v for v in z) * (2**20 // count) - mean * mean
        variance = wrapped(_towards_zero(variance, 2**20))
        if variance < 1:
            variance = max(1, int(f32(10000 * scale)))
        mantissa, exponent = inverse_root(variance)
        fixed = multiplier(scale)
        result = []
        parts = zip(
            z, self.given["n" + letter].values, self.given["b" + letter].values, strict=True
        )
        for v, weight, bias in parts:
            unit = scaled_by(1024 * v - mean, mantissa, exponent)
            weighted = wrapped(unit * weight + bias)
            weighted = _towards_zero(weighted + (512 if weighted > 0 else -512), 1024)
            result.append(clamped(scaled_by(weighted, fixed[0], fixed[1] + 12), "s16"))
        return result

    def clip(self, values: Vector, name: str, scale: float, form: str) -> Vector:
        """Clip to what an attribute says, in steps of the scale, cut to whole ones."""
        if self.attributes[name] <= 0:
            return values
        bound = clamped(int(min(f32(f32(self.attributes[name]) / scale), 2.0**20)), form)
        return [max(-bound, min(bound, v)) for v in values] if bound > 0 else values

    def step(self, x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
        """Return output and cells after a frame."""
        forget, update = self.gate("f", x, h, c), self.gate("c", x, h, c)
        coupled = "wi" not in self.given
        entry = [ONE - f for f in forget] if coupled else self.gate("i", x, h, c)
        parts = zip(forget, c, entry, update, strict=True)
        sums = (divided(f * v, 15) + divided(i * g, 15 + self.bits) for f, v, i, g in parts)
        c = [clamped(v, "s16") for v in sums]
        c = self.clip(c, "cell_clip", self.scale("cell_state"), "s16")
        products = [
            o * tanh16(v, self.bits) for o, v in zip(self.gate("o", x, h, c), c, strict=True)
        ]
        fixed = multiplier(f32(2.0**-30 / self.hidden_scale))
        if "projection" not in self.given:
            return [clamped(scaled_by(p, *fixed) + self.hidden_zero, "s8") for p in products], c
        # the zero point is taken off, not put on, and the bias is given the same turn
        hidden = [clamped(scaled_by(p, *fixed) - self.hidden_zero, "s8") for p in products]
        return self.projected([v + self.hidden_zero for v in hidden]), c

    def projected(self, hidden: Vector) -> Vector:
        """Return the projection of the hidden output."""
        matrix, scale = self.given["projection"], self.scale("output_state")
        fixed = multiplier(f32(f32(self.scale("projection") * self.hidden_scale) / scale))
        bias = self.given.get("projection_bias")
        h = []
        for k in range(matrix.shape[0]):
            acc = wrapped(dot(row(matrix, k), hidden) + (bias[k] if bias else 0))
            h.append(clamped(scaled_by(acc, *fixed) + self.zero("output_state"), "s8"))
        return self.clip(h, "proj_clip", scale, "s8")


@EXACT_INT8.of((lstm, "s8"))
def exact_lstm_int8(
    *inputs: Cells | None,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
    **attributes: Any,
) -> tuple[Cells, Cells, Cells]:
    """Run every sequence by itself, frame by frame."""
    net = _IntegerLstm(inputs, quant, attributes)
    return run_sequences(net.given, net.step, attributes["time_major"])
