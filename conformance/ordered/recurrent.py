"""TFLite's recurrent layers: gates are sums of all their products in one order, states pass on in float32."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ...refimpl.activation import ACTIVATIONS, activate
from ...refimpl.recurrent import NORM_EPSILON, lstm, svdf
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, dense, root, sigmoid, squares, total
from .rnn import gate, tanh

GATES = "ifco"


def _tensors(rng: Rng, n: int, depth: int, cells: int, draw: Numbers) -> dict[str, F32]:
    """Draw the tensors of a layer by name; some of the optional ones."""
    coupled, peepholes, normalized, projected = rng.integers(2, size=4).astype(bool)
    width = int(rng.integers(1, 6)) if projected else cells
    given = {"output_state": draw(rng, n, width), "cell_state": draw(rng, n, cells)}
    for g in GATES[1:] if coupled else GATES:
        given |= {
            f"w{g}": draw(rng, cells, depth),
            f"r{g}": draw(rng, cells, width),
            f"b{g}": draw(rng, cells),
        }
        if peepholes and g != "c":
            given[f"p{g}"] = draw(rng, cells)
        if normalized:
            given[f"n{g}"] = draw(rng, cells)
    if projected:
        given |= {"projection": draw(rng, width, cells), "projection_bias": draw(rng, width)}
    return given


def _gate(add: InOrder, t: dict[str, F32], g: str, x: F32, h: F32, c: F32) -> F32:
    """Return a gate before its function; normalized ones get their bias after that."""
    rows, bias = [(x, t[f"w{g}"]), (h, t[f"r{g}"])], [(ONE, t[f"b{g}"])]
    peephole = [(c, t[f"p{g}"])] if f"p{g}" in t else []
    if f"n{g}" not in t:
        return gate(add, rows, [*peephole, *bias])
    z = gate(add, rows, peephole)
    count = np.float32(z.shape[1])
    d = z - total(add, z) / count
    deviation = root(squares(add, d) / count + np.float32(NORM_EPSILON))
    return d / deviation * t[f"n{g}"] + t[f"b{g}"]


def _clipped(x: F32, clip: float) -> F32:
    return np.clip(x, np.float32(-clip), np.float32(clip)) if clip else x


def _step(
    add: InOrder, t: dict[str, F32], x: F32, h: F32, c: F32, clips: tuple[float, float], act: str
) -> tuple[F32, F32]:
    """Return the next output and cells."""

    def bent(z: F32) -> F32:
        return tanh(z) if act == "tanh" else np.asarray(activate(z, act), np.float32)

    forget = sigmoid(_gate(add, t, "f", x, h, c))
    entry = sigmoid(_gate(add, t, "i", x, h, c)) if "wi" in t else ONE - forget
    update = bent(_gate(add, {k: v for k, v in t.items() if k != "pc"}, "c", x, h, c))
    c = _clipped(forget * c + entry * update, clips[0])
    h = sigmoid(_gate(add, t, "o", x, h, c)) * bent(c)
    if "projection" in t:
        h = _clipped(dense(add, h, t["projection"]) + t["projection_bias"], clips[1])
    return h, c


@ORDERED.of((lstm, ""))
def of_lstm(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """With and without peepholes, normalization, projection, clips and a gate of the input."""
    time, cells = (int(v) for v in rng.integers(1, 6, 2))
    n, depth = rows // (time * cells) + 1, min(terms, 64)
    x, t = draw(rng, n, time, depth), _tensors(rng, n, depth, cells, draw)
    clips = float(rng.choice([0.0, 0.5])), float(rng.choice([0.0, 0.5]))
    act = str(rng.choice(["tanh", *ACTIVATIONS]))
    attributes = {"activation": act, "cell_clip": clips[0], "proj_clip": clips[1]}

    def compute(add: InOrder) -> tuple[F32, ...]:
        h, c, y = t["output_state"], t["cell_state"], []
        for k in range(time):
            h, c = _step(add, t, x[:, k], h, c, clips, act)
            y.append(h)
        return np.stack(y, axis=1), h, c

    names = [p.name for p in lstm.parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    args: tuple[Any, ...] = tuple({"x": x, **t}.get(name) for name in names)
    return Drawn(Case(lstm, args, attributes), compute)


@ORDERED.of((svdf, ""))
def of_svdf(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """The newest number of each filter, then a unit as one sum over its filters, their memory and the bias."""
    units, rank, memory = (int(v) for v in rng.integers(1, 6, 3))
    n, filters = rows // (units * (1 + rank * memory)) + 1, units * rank
    x, feature, time = draw(rng, n, terms), draw(rng, filters, terms), draw(rng, filters, memory)
    state, bias = draw(rng, n, filters * memory), draw(rng, units)

    def compute(add: InOrder) -> tuple[F32, ...]:
        history = state.reshape(n, filters, memory)[:, :, 1:]
        history = np.concatenate([history, dense(add, x, feature)[:, :, None]], axis=2)
        a = np.concatenate([history.reshape(n * units, -1), np.ones((n * units, 1), "f4")], 1)
        b = np.concatenate([time.reshape(units, -1), bias[:, None]], 1)
        return add(a, np.tile(b, (n, 1))).reshape(n, units), history.reshape(state.shape)

    return Drawn(Case(svdf, (x, feature, time, state, bias), {"rank": rank}), compute)
