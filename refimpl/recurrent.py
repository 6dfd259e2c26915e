"""Recurrent layers. They are pure: a state comes in as a tensor and its successor goes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .activation import ACTIVATIONS, activate, require_activation

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# What layer normalization adds to the variance (TFLite, MeanStddevNormalization).
NORM_EPSILON = float(np.float32(1e-8))


def _infer_svdf(
    x: TensorType,
    feature: TensorType,
    time: TensorType,
    state: TensorType,
    bias: TensorType | None = None,
    *,
    rank: int,
    activation: str = "none",
) -> tuple[TensorType, TensorType]:
    require("C1", len(x.shape) == len(feature.shape) == len(time.shape) == 2, "not two axes each")
    (batch, depth), (filters, memory) = x.shape, time.shape
    require("C2", feature.shape == (filters, depth), f"feature weights {feature.shape}")
    require("C3", rank > 0 and filters % rank == 0, f"{filters} filters of rank {rank}")
    units = filters // rank
    require("C4", bias is None or bias.shape == (units,), f"bias {bias} of {units} units")
    require("C5", state.shape == (batch, filters * memory), f"state {state.shape}")
    require("C6", memory > 0, "an empty memory")
    require_activation("C7", activation)
    return x.like((batch, units)), state.like(state.shape)


@op(infer=_infer_svdf)
def svdf(
    x: F32,
    feature: F32,
    time: F32,
    state: F32,
    bias: F32 | None = None,
    *,
    rank: int,
    activation: str = "none",
) -> tuple[F32, F32]:
    """Apply a dense layer of low rank over a window of time.

    Each filter makes one number of a frame and remembers the last M of them; its time weights sum them,
    and a unit is the sum of `rank` filters (Nakkiran et al., Compressing Deep Neural Networks using a
    Rank-Constrained Topology, 2015).

    Inputs: `x` (N, D); `feature` (F, D); `time` (F, M); `state` (N, F M), the oldest first; `bias` (F / rank,).
    Attributes: `rank`; `activation`, fused. Outputs: (N, F / rank), and the next state.
    Constraints: (C1) Matrices. (C2) `feature` fits `x` and `time`. (C3) `rank` divides F. (C4) A bias for each
    unit. (C5) The state's shape. (C6) M > 0. (C7) The activation can be fused.

    >>> one = np.ones((1, 1), "f")
    >>> [v.tolist() for v in svdf(one, one * 2, one * 3, one, rank=1)]
    [[[6.0]], [[2.0]]]
    """
    filters, memory = time.shape
    history = state.astype(np.float64).reshape(len(x), filters, memory)
    with np.errstate(invalid="ignore", over="ignore"):
        newest = x.astype(np.float64) @ feature.astype(np.float64).T
        history = np.concatenate([history[:, :, 1:], newest[:, :, None]], axis=2)
        units = np.sum(history * time, axis=2).reshape(len(x), filters // rank, rank).sum(axis=2)
        units = units if bias is None else units + bias
        next_state = history.astype(x.dtype).reshape(state.shape)
        return activate(units.astype(x.dtype), activation), next_state


# Names of the gates, in the order of TFLite's inputs.
GATES = ("input", "forget", "cell", "output")


def _require_gates(
    given: dict[str, TensorType | None], label: str, kind: str, shape: tuple[int, ...], cifg: bool
) -> None:
    """Require `shape` of each gate's tensor; that of the input gate is absent where it is coupled."""
    for gate, t in given.items():
        if gate == "input" and cifg:
            require(label, t is None, f"{kind} of an input gate that has no weights")
        else:
            found = None if t is None else t.shape
            require(label, found == shape, f"{kind} of the {gate} gate: {found}, not {shape}")


def lstm_activation(activation: str) -> Callable[[F64], F64]:
    """Return the function of the cell gate and of the cell: tanh, or one that can be fused."""
    return np.tanh if activation == "tanh" else lambda y: activate(y, activation)


def _infer_lstm(
    x: TensorType,
    wf: TensorType,
    wc: TensorType,
    wo: TensorType,
    rf: TensorType,
    rc: TensorType,
    ro: TensorType,
    bf: TensorType,
    bc: TensorType,
    bo: TensorType,
    output_state: TensorType,
    cell_state: TensorType,
    wi: TensorType | None = None,
    ri: TensorType | None = None,
    bi: TensorType | None = None,
    pi: TensorType | None = None,
    pf: TensorType | None = None,
    po: TensorType | None = None,
    projection: TensorType | None = None,
    projection_bias: TensorType | None = None,
    ni: TensorType | None = None,
    nf: TensorType | None = None,
    nc: TensorType | None = None,
    no: TensorType | None = None,
    *,
    activation: str = "tanh",
    cell_clip: float = 0.0,
    proj_clip: float = 0.0,
    time_major: bool = False,
    **quantization: Any,
) -> tuple[TensorType, TensorType, TensorType]:
    require("C1", len(x.shape) == 3, f"x has {len(x.shape)} axes, not 3")
    require("C2", len(wo.shape) == 2 and wo.shape[1] == x.shape[2], f"weights {wo.shape}")
    cells = wo.shape[0]
    require("C3", len(ro.shape) == 2 and ro.shape[0] == cells, f"recurrent weights {ro.shape}")
    width, cifg = ro.shape[1], wi is None
    weights = dict(zip(GATES, (wi, wf, wc, wo), strict=True))
    _require_gates(weights, "C2", "weights", (cells, x.shape[2]), cifg)
    recurrent = dict(zip(GATES, (ri, rf, rc, ro), strict=True))
    _require_gates(recurrent, "C3", "recurrent weights", (cells, width), cifg)
    _require_gates(dict(zip(GATES, (bi, bf, bc, bo), strict=True)), "C4", "bias", (cells,), cifg)
    if not (pi is pf is po is None):
        peepholes = {"input": pi, "forget": pf, "output": po}
        _require_gates(peepholes, "C5", "peephole", (cells,), cifg)
    if not (ni is nf is nc is no is None):
        norms = dict(zip(GATES, (ni, nf, nc, no), strict=True))
        _require_gates(norms, "C6", "normalization", (cells,), cifg)
    _require_projection(projection, projection_bias, cells, width)
    batch = x.shape[1] if time_major else x.shape[0]
    require("C8", output_state.size == batch * width, f"output state {output_state.shape}")
    require("C8", cell_state.size == batch * cells, f"cell state {cell_state.shape}")
    require("C9", activation in (*ACTIVATIONS, "tanh"), f"activation {activation!r}")
    require("C10", cell_clip >= 0 and proj_clip >= 0, f"clips {cell_clip}, {proj_clip}")
    out = x.like((*x.shape[:2], width))
    return out, output_state.like(output_state.shape), cell_state.like(cell_state.shape)


def _require_projection(
    projection: TensorType | None, bias: TensorType | None, cells: int, width: int
) -> None:
    if projection is None:
        require("C7", bias is None, "a projection bias without a projection")
        require("C7", width == cells, f"{cells} cells, {width} outputs, and no projection")
    else:
        require("C7", projection.shape == (width, cells), f"projection {projection.shape}")
        require("C7", bias is None or bias.shape == (width,), f"projection bias {bias}")


def _sigmoid(x: F64) -> F64:
    return 1 / (1 + np.exp(-x))


def _normalized(x: F64) -> F64:
    """Subtract the mean of each row and divide by its standard deviation."""
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + NORM_EPSILON)


def _clipped(x: F64, clip: float) -> F64:
    bound = float(np.float32(clip))
    return np.clip(x, -bound, bound) if clip > 0 else x


def _gate(x: F64, h: F64, c: F64, w: F32, r: F32, p: F32 | None, b: F32, n: F32 | None) -> F64:
    """Return a gate before its activation."""
    y = x @ w.astype(np.float64).T + h @ r.astype(np.float64).T
    y = y if p is None else y + c * p
    return y + b if n is None else _normalized(y) * n + b


@op(infer=_infer_lstm)
def lstm(
    x: F32,
    wf: F32,
    wc: F32,
    wo: F32,
    rf: F32,
    rc: F32,
    ro: F32,
    bf: F32,
    bc: F32,
    bo: F32,
    output_state: F32,
    cell_state: F32,
    wi: F32 | None = None,
    ri: F32 | None = None,
    bi: F32 | None = None,
    pi: F32 | None = None,
    pf: F32 | None = None,
    po: F32 | None = None,
    projection: F32 | None = None,
    projection_bias: F32 | None = None,
    ni: F32 | None = None,
    nf: F32 | None = None,
    nc: F32 | None = None,
    no: F32 | None = None,
    *,
    activation: str = "tanh",
    cell_clip: float = 0.0,
    proj_clip: float = 0.0,
    time_major: bool = False,
    gate_scales: tuple[float, ...] = (),
    hidden_scale: float = 0.0,
    hidden_zero_point: int = 0,
) -> tuple[F32, F32, F32]:
    r"""Run long short-term memory over a sequence.

    Of the frame x, the last output h and the cells c, with the letter of the gate g in i, f, c, o:
    $g = \sigma(norm(W_g x + R_g h + p_g c) n_g + b_g)$ (the activation for the cell gate, no peephole there),
    $c' = clip(f c + i g_c)$, and $h' = clip(P (o \cdot act(c')) + b_P)$; o sees c'.

    Inputs: `x` (N, T, D), or (T, N, D); for each gate weights `w` (C, D), recurrent weights `r` (C, H), bias `b`
    (C,); states of N H and N C elements. Optional: peepholes `p` (C,), normalization `n` (C,); `projection`
    (H, C) and its bias. Without `wi` the input gate is coupled: i = 1 - f.
    Attributes: `activation`; `cell_clip`, `proj_clip`, 0 for none; `time_major`; of quantized layers only: the
    scales of normalized gates, scale and zero point of the output before the projection.
    Outputs: all h, and the two next states.
    Constraints: (C1) Three axes. (C2), (C3) Weights fit. (C4) Biases fit. (C5) All peepholes, or none. (C6) All
    normalizations, or none. (C7) H = C without projection. (C8) States fit. (C9) tanh, or an activation
    that can be fused. (C10) No negative clip. The arithmetic is TFLite's (kernels/lstm_eval.cc).

    >>> w, b, s = np.zeros((1, 1), "f"), np.zeros(1, "f"), np.ones((1, 1), "f")
    >>> y, h, c = lstm(np.ones((1, 1, 1), "f"), *[w] * 6, *[b] * 3, s, s)
    >>> c.tolist()
    [[0.5]]
    """
    act = lstm_activation(activation)
    frames = x.astype(np.float64) if time_major else x.astype(np.float64).swapaxes(0, 1)
    h = output_state.astype(np.float64).reshape(frames.shape[1], ro.shape[1])
    c = cell_state.astype(np.float64).reshape(frames.shape[1], len(wo))
    outputs = np.zeros((*frames.shape[:2], ro.shape[1]))

    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for t, frame in enumerate(frames):
            forget = _sigmoid(_gate(frame, h, c, wf, rf, pf, bf, nf))
            entry = 1 - forget
            if wi is not None and ri is not None and bi is not None:
                entry = _sigmoid(_gate(frame, h, c, wi, ri, pi, bi, ni))
            update = act(_gate(frame, h, c, wc, rc, None, bc, nc))
            c = _clipped(forget * c + entry * update, cell_clip)
            h = _sigmoid(_gate(frame, h, c, wo, ro, po, bo, no)) * act(c)
            if projection is not None:
                h = h @ projection.astype(np.float64).T
                h = _clipped(h if projection_bias is None else h + projection_bias, proj_clip)
            outputs[t] = h
    y = outputs if time_major else outputs.swapaxes(0, 1)
    state, cell = h.reshape(output_state.shape), c.reshape(cell_state.shape)
    return y.astype(x.dtype), state.astype(x.dtype), cell.astype(x.dtype)
