"""SVDF and LSTM in integers, as LiteRT 2.3's reference kernels: int8 activations, int16 inner state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, QuantParams, TensorType, UnsupportedError, require
from ..refimpl.recurrent import lstm, svdf
from .fixedpoint import (
    S32,
    S64,
    quantize_multiplier,
    rounding_divide_by_pot,
    scale_rounding_twice,
    wrap_int32,
)
from .gates import sigmoid_table, tanh_table
from .norm import inverse_sqrt_multiplier
from .rule import INT8, Quantized

F32 = np.float32
Multiplier = tuple[int, int]  # 31-bit fixed point, and a shift

# Without layer normalization the gates are Q3.12 before their activation.
GATE_SCALE = 2.0**-12


def _multiplier(real: float) -> Multiplier:
    multiplier, shift = quantize_multiplier(real)
    return int(multiplier), int(shift)


def svdf_multipliers(
    x: QuantParams, feature: QuantParams, time: QuantParams, state: QuantParams, y: QuantParams
) -> tuple[Multiplier, Multiplier]:
    """Return the multipliers of the feature stage and of the time stage; the scales meet in float32.

    >>> one = QuantParams((1.0,))
    >>> svdf_multipliers(one, one, one, one, QuantParams((4.0,)))
    ((1073741824, 1), (1073741824, -1))
    """
    sx, sf, st, ss, sy = (F32(q.scale[0]) for q in (x, feature, time, state, y))
    return _multiplier(float(sx * sf / ss)), _multiplier(float(ss * st / sy))


@INT8.of((svdf, "s8"))
def svdf_int8(
    x: Quantized,
    feature: Quantized,
    time: Quantized,
    state: Quantized,
    bias: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    rank: int,
    activation: str = "none",
    **_: Any,
) -> tuple[Array, Array]:
    """Remember int16 numbers, sum them over time in int32, add the int32 bias, requantize.

    Saturation to int8 stands for the activation, which TFLite therefore requires to be relu
    (reference/svdf.h). State and time weights are symmetric.
    """
    if activation != "relu":
        raise UnsupportedError(f"svdf in int8 with activation {activation}; TFLite has relu only")
    quants = (x.quant, feature.quant, time.quant, state.quant, out[0].quant)
    assert all(quants), "svdf needs the quantization of all its tensors"
    first, second = svdf_multipliers(*quants)  # type: ignore[arg-type]
    filters, memory = time.value.shape
    frame = x.value.astype(np.int64) - x.zero_point
    newest = scale_rounding_twice(wrap_int32(frame @ feature.value.astype(np.int64).T), *first)
    newest = np.clip(newest, -32768, 32767).astype(np.int16)
    history = state.value.reshape(len(frame), filters, memory)
    history = np.concatenate([history[:, :, 1:], newest[:, :, None]], axis=2)
    units = np.sum(history.astype(np.int64) * time.value, axis=2)
    units = units.reshape(len(frame), filters // rank, rank).sum(axis=2)
    units = wrap_int32(units if bias is None else units + bias.value)
    scaled = scale_rounding_twice(units, *second).astype(np.int64) + quants[4].zero_point[0]  # type: ignore[union-attr]
    return np.clip(scaled, -128, 127).astype(np.int8), history.reshape(state.value.shape)


@dataclass(frozen=True)
class Gate:
    """One gate of an integer LSTM, ready to run; arrays are those of the file but for the biases.

    Attributes:
        weights, recurrent: (C, D) and (C, H) int8.
        bias, recurrent_bias: (C,) int32, with the zero points of the input and of the output state folded in.
        scale, recurrent_scale, peephole_scale: multipliers to the gate's int16.
        peephole, norm: (C,) int16, or None.
        norm_bias: (C,) int32: the gate's bias where it is normalized.
        norm_scale: multiplier of the normalized gate.
        least_variance: what stands for a variance below 1.
    """

    weights: Array
    recurrent: Array
    bias: S32
    recurrent_bias: S32
    scale: Multiplier
    recurrent_scale: Multiplier
    peephole: Array | None
    peephole_scale: Multiplier
    norm: Array | None
    norm_bias: Array
    norm_scale: Multiplier
    least_variance: int


@dataclass(frozen=True)
class IntegerLstm:
    """An integer LSTM, ready to run.

    Attributes:
        gates: input (None where it is coupled to the forget gate), forget, cell, output.
        cell_bits: integer bits of the cell state: its scale is 2**(cell_bits - 15).
        cell_clip: the largest stored magnitude of a cell; 0 for any.
        hidden_scale, hidden_zero: multiplier and zero point of the product of output gate and cell.
        projection: (H, C) int8, or None; its bias (H,) int32 has the hidden zero point folded in.
        proj_clip: the largest stored magnitude of a projected output; 0 for any.
        state_zero: zero point of the output state.
    """

    gates: tuple[Gate | None, Gate, Gate, Gate]
    cell_bits: int
    cell_clip: int
    hidden_scale: Multiplier
    hidden_zero: int
    projection: Array | None
    projection_bias: Array | None
    projection_scale: Multiplier
    proj_clip: int
    state_zero: int


def _folded(zero_point: int, weights: Quantized, bias: Quantized | None) -> S32:
    """Return the bias less zero_point times the sum of each row of the weights."""
    total = -zero_point * weights.value.astype(np.int64).sum(axis=1)
    return wrap_int32(total if bias is None else total + bias.value)


def _cell_bits(cell_scale: np.float32) -> int:
    """Return i of a cell scale 2**(i - 15)."""
    power = round(float(np.log2(cell_scale)))
    require("C11", cell_scale == F32(2.0**power), f"cell scale {cell_scale} is no power of two")
    require("C11", -15 <= power <= -9, f"cell scale {cell_scale} is outside of 2**-15 to 2**-9")
    return power + 15


def _clip(clip: float, scale: np.float32, largest: int) -> int:
    return int(min(max(F32(clip) / scale, F32(-largest - 1)), F32(largest))) if clip > 0 else 0


def prepare_lstm(
    tensors: Mapping[str, Quantized],
    *,
    cell_clip: float,
    proj_clip: float,
    gate_scales: tuple[float, ...],
    hidden_scale: float,
    hidden_zero_point: int,
) -> IntegerLstm:
    """Derive multipliers and biases from the inputs of `lstm` that are there, by name.

    The scales of weights and inputs meet in float32, those of peepholes and of the hidden output in float64 that
    is then rounded to float32 (kernels/unidirectional_sequence_lstm.cc, PopulateQuantizedLstmParams8x8_16).
    """
    state, cell = tensors["output_state"], tensors["cell_state"]
    bits = _cell_bits(cell.scale)
    if "po" in tensors and tensors["ro"].value.shape[1] != len(tensors["po"].value):
        # TFLite walks the cells in steps of the output's width there
        raise UnsupportedError("integer lstm with peepholes and a projection to another width")
    scales = gate_scales if "nf" in tensors else (GATE_SCALE,) * 4
    gates = [
        _prepare_gate(tensors, letter, F32(scale), bits)
        for letter, scale in zip("ifco", scales, strict=True)
        if "w" + letter in tensors
    ]
    hidden = F32(2.0**-15 / float(F32(hidden_scale)) * 2.0**-15)
    projection = tensors.get("projection")
    weight_scale = F32(1) if projection is None else projection.scale
    return IntegerLstm(
        (gates[0] if len(gates) == 4 else None, gates[-3], gates[-2], gates[-1]),
        bits,
        _clip(cell_clip, cell.scale, 32767),
        _multiplier(float(hidden)),
        hidden_zero_point,
        None if projection is None else projection.value,
        None
        if projection is None
        else _folded(-hidden_zero_point, projection, tensors.get("projection_bias")),
        _multiplier(float(weight_scale * F32(hidden_scale) / state.scale)),
        _clip(proj_clip, state.scale, 127),
        state.zero_point,
    )


def _prepare_gate(
    tensors: Mapping[str, Quantized], letter: str, scale: np.float32, cell_bits: int
) -> Gate:
    x, state = tensors["x"], tensors["output_state"]
    w, r, b = (tensors[kind + letter] for kind in "wrb")
    p, n = (tensors.get(kind + letter) for kind in "pn")
    peephole = 1.0 if p is None else 2.0 ** (cell_bits - 15) * float(p.scale) / float(scale)
    norm_scale = F32(1) if n is None else n.scale
    return Gate(
        w.value,
        r.value,
        _folded(x.zero_point, w, b if n is None else None),
        _folded(state.zero_point, r, None),
        _multiplier(float(w.scale * x.scale / scale)),
        _multiplier(float(r.scale * state.scale / scale)),
        None if p is None else p.value,
        _multiplier(float(F32(peephole))),
        None if n is None else n.value,
        b.value,
        _multiplier(float(norm_scale)),
        max(1, int(F32(10000) * norm_scale)),
    )


def _normalized(x: S64, gate: Gate) -> S64:
    """Normalize the rows of a gate in integers (reference/portable_tensor_utils.cc, ApplyLayerNorm).

    Means have 10 fractional bits. The variance takes 2**20 / C cut to an integer, so it is exact for powers of two.
    """
    assert gate.norm is not None
    count = x.shape[1]
    total = x.sum(axis=1, keepdims=True) * 1024
    mean = np.where(total >= 0, total // count, -(-total // count))
    squares = np.sum(x * x, axis=1, keepdims=True)
    variance = squares * ((1 << 20) // count) - mean * mean
    variance = np.where(variance >= 0, variance >> 20, -(-variance >> 20))
    variance = wrap_int32(np.where(variance < 1, gate.least_variance, variance))
    scaled = scale_rounding_twice(1024 * x - mean, *inverse_sqrt_multiplier(variance))
    weighted = wrap_int32(scaled.astype(np.int64) * gate.norm + gate.norm_bias).astype(np.int64)
    nudged = np.where(weighted > 0, weighted + 512, weighted - 512)
    tenth = np.where(nudged >= 0, nudged >> 10, -(-nudged >> 10))
    multiplier, shift = gate.norm_scale
    return np.clip(scale_rounding_twice(tenth, multiplier, shift + 12), -32768, 32767).astype(
        np.int64
    )


def _accumulated(y: S64, acc: S64, multiplier: Multiplier) -> S64:
    """Scale accumulators and add them to int16, saturating."""
    return np.clip(y + scale_rounding_twice(wrap_int32(acc), *multiplier), -32768, 32767)


def _gate(gate: Gate, x: S64, h: S64, c: S64) -> S64:
    """Return the int16 of a gate before its activation, for each of the batch."""
    y = np.zeros((len(x), len(gate.weights)), np.int64)
    y = _accumulated(y, x @ gate.weights.astype(np.int64).T + gate.bias, gate.scale)
    recurrent = h @ gate.recurrent.astype(np.int64).T + gate.recurrent_bias
    y = _accumulated(y, recurrent, gate.recurrent_scale)
    if gate.peephole is not None:
        y = _accumulated(y, c * gate.peephole, gate.peephole_scale)
    return y if gate.norm is None else _normalized(y, gate)


def _look_up(table: NDArray[np.int16], x: S64) -> S64:
    return table[x + 32768].astype(np.int64)


def integer_step(net: IntegerLstm, x: S64, h: S64, c: S64) -> tuple[S64, S64]:
    """Return output and cells after one frame."""
    entry_gate, forget_gate, cell_gate, output_gate = net.gates
    forget = _look_up(sigmoid_table(), _gate(forget_gate, x, h, c))
    entry = 32767 - forget
    if entry_gate is not None:
        entry = _look_up(sigmoid_table(), _gate(entry_gate, x, h, c))
    update = _look_up(tanh_table(3), _gate(cell_gate, x, h, c))
    # products of 15 fractional bits each, to the 15 - cell_bits of the cell
    kept = rounding_divide_by_pot(forget * c, 15).astype(np.int64)
    c = np.clip(kept + rounding_divide_by_pot(entry * update, 15 + net.cell_bits), -32768, 32767)
    if net.cell_clip > 0:
        c = np.clip(c, -net.cell_clip, net.cell_clip)
    opening = _look_up(sigmoid_table(), _gate(output_gate, x, h, c))
    product = opening * _look_up(tanh_table(net.cell_bits), c)
    scaled = scale_rounding_twice(product, *net.hidden_scale).astype(np.int64)
    if net.projection is None or net.projection_bias is None:
        return np.clip(scaled + net.hidden_zero, -128, 127), c
    hidden = np.clip(scaled - net.hidden_zero, -128, 127)  # the bias makes up for the sign
    acc = wrap_int32(hidden @ net.projection.astype(np.int64).T + net.projection_bias)
    h = scale_rounding_twice(acc, *net.projection_scale).astype(np.int64) + net.state_zero
    h = np.clip(h, -128, 127)
    return np.clip(h, -net.proj_clip, net.proj_clip) if net.proj_clip > 0 else h, c


@INT8.of((lstm, "s8"))
def lstm_int8(
    *tensors: Quantized | None,
    out: tuple[TensorType, ...],
    activation: str = "tanh",
    time_major: bool = False,
    dialect: str = "tflite",
    **parameters: Any,
) -> tuple[Array, Array, Array]:
    """Run the 8x8 -> 16 LSTM of TFLite: int8 activations and weights, int16 cells, int32 biases.

    The activation is always tanh. (C11) The cell scale is a power of two from 2**-15 to 2**-9.
    """
    given = {n: t for n, t in zip(lstm.inputs, tensors, strict=False) if t is not None}
    net = prepare_lstm(given, **parameters)
    x, state, cell = given["x"], given["output_state"], given["cell_state"]
    frames = x.value.astype(np.int64)
    frames = frames if time_major else frames.swapaxes(0, 1)
    batch = frames.shape[1]
    h = state.value.astype(np.int64).reshape(batch, -1)
    c = cell.value.astype(np.int64).reshape(batch, -1)
    outputs = np.zeros((*frames.shape[:2], h.shape[1]), np.int8)
    for t, frame in enumerate(frames):
        h, c = integer_step(net, frame, h, c)
        outputs[t] = h
    y = outputs if time_major else outputs.swapaxes(0, 1)
    next_state = h.astype(np.int8).reshape(state.value.shape)
    return np.ascontiguousarray(y), next_state, c.astype(np.int16).reshape(cell.value.shape)
