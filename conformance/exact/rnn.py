"""Second oracles of the recurrent layers of any activations: sequence by sequence, to 50 digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.rnn import gru, lstm_layer, rnn
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32

DIGITS = 50
Vector = list[Any]


def _apply(name: str, x: Any, a: Any, b: Any) -> Any:
    """Return f(x) by the definition of the function of that name."""
    table: dict[str, Callable[[], Any]] = {
        "sigmoid": lambda: 1 / (1 + mp.exp(-x)),
        "tanh": lambda: mp.tanh(x),
        "relu": lambda: max(x, mpf(0)),
        "affine": lambda: a * x + b,
        "leaky_relu": lambda: x if x >= 0 else a * x,
        "thresholded_relu": lambda: x if x > a else mpf(0),
        "scaled_tanh": lambda: a * mp.tanh(b * x),
        "hard_sigmoid": lambda: max(mpf(0), min(mpf(1), a * x + b)),
        "elu": lambda: x if x >= 0 else a * mp.expm1(x),
        "softsign": lambda: x / (1 + abs(x)),
        "softplus": lambda: mp.log1p(mp.exp(x)),
    }
    return table[name]()


class _Layer:
    """Weights, biases and functions of a layer with some gates."""

    def __init__(
        self, gates: int, w: Cells, r: Cells, b: Cells | None, attributes: dict[str, Any]
    ) -> None:
        self.gates, self.cells = gates, r.shape[1]
        self.w, self.r = ([mpf(v) for v in m.values] for m in (w, r))
        self.depth = w.shape[1]
        self.b = [mpf(v) for v in b.values] if b else [mpf(0)] * (2 * gates * self.cells)
        self.attributes = attributes

    def from_frame(self, gate: int, x: Vector) -> Vector:
        """Return W x + b_w of a gate."""
        rows = range(gate * self.cells, (gate + 1) * self.cells)
        return [
            sum(self.w[k * self.depth + d] * x[d] for d in range(self.depth)) + self.b[k]
            for k in rows
        ]

    def from_state(self, gate: int, h: Vector) -> Vector:
        """Return R h + b_r of a gate."""
        rows, half = range(gate * self.cells, (gate + 1) * self.cells), self.gates * self.cells
        return [
            sum(self.r[k * self.cells + d] * h[d] for d in range(self.cells)) + self.b[half + k]
            for k in rows
        ]

    def both(self, gate: int, x: Vector, h: Vector) -> Vector:
        """Return their sum."""
        parts = zip(self.from_frame(gate, x), self.from_state(gate, h), strict=True)
        return [a + b for a, b in parts]

    def function(self, which: int, values: Vector) -> Vector:
        """Clip, and apply a function."""
        numbers = [self.attributes[name] or (0.0,) * (which + 1) for name in ("alpha", "beta")]
        a, b = (mpf(f32(n[which])) for n in numbers)
        bound = mpf(f32(self.attributes["clip"]))
        clipped = [max(-bound, min(bound, v)) if bound else v for v in values]
        return [_apply(self.attributes["functions"][which], v, a, b) for v in clipped]


def _along(
    x: Cells,
    lengths: Cells | None,
    states: list[Cells | None],
    cells: int,
    reverse: bool,
    step: Callable[..., tuple[Vector, ...]],
) -> tuple[Cells, ...]:
    """Apply `step(frame, *states)` along each sequence; its first result is the output."""
    time, n, depth = x.shape
    y = Cells.full((time, n, cells), mpf(0))
    last = [Cells.full((n, cells), mpf(0)) for _ in states]
    for b in range(n):
        mine = [
            tuple([mpf(s[b, k]) for k in range(cells)] if s else [mpf(0)] * cells) for s in states
        ]
        end = time if lengths is None else max(0, min(time, lengths[b]))
        for t in range(end - 1, -1, -1) if reverse else range(end):
            frame = [mpf(x[t, b, d]) for d in range(depth)]
            mine = [tuple(v) for v in step(frame, *mine)]
            for k in range(cells):
                y[t, b, k] = mine[0][k]
        for target, values in zip(last, mine, strict=True):
            for k in range(cells):
                target[b, k] = values[k]
    return (y, *last)


def _product(a: Vector, b: Vector) -> Vector:
    return [v * w for v, w in zip(a, b, strict=True)]


def _sum(a: Vector, b: Vector) -> Vector:
    return [v + w for v, w in zip(a, b, strict=True)]


@EXACT.of(rnn)
def exact_rnn(
    x: Cells,
    w: Cells,
    r: Cells,
    b: Cells | None = None,
    lengths: Cells | None = None,
    h: Cells | None = None,
    **attributes: Any,
) -> tuple[Cells, ...]:
    """One gate."""
    with workdps(DIGITS):
        net = _Layer(1, w, r, b, attributes)

        def step(frame: Vector, h: Vector) -> tuple[Vector, ...]:
            return (net.function(0, net.both(0, frame, h)),)

        return _along(x, lengths, [h], net.cells, attributes["reverse"], step)


@EXACT.of(gru)
def exact_gru(
    x: Cells,
    w: Cells,
    r: Cells,
    b: Cells | None = None,
    lengths: Cells | None = None,
    h: Cells | None = None,
    **attributes: Any,
) -> tuple[Cells, ...]:
    """Gates in the order update, reset, candidate."""
    with workdps(DIGITS):
        net = _Layer(3, w, r, b, attributes)

        def step(frame: Vector, h: Vector) -> tuple[Vector, ...]:
            z = net.function(0, net.both(0, frame, h))
            reset = net.function(0, net.both(1, frame, h))
            if attributes["reset_after"]:
                again = _product(reset, net.from_state(2, h))
            else:
                again = net.from_state(2, _product(reset, h))
            n = net.function(1, _sum(net.from_frame(2, frame), again))
            return (_sum(_product([1 - v for v in z], n), _product(z, h)),)

        return _along(x, lengths, [h], net.cells, attributes["reverse"], step)


@EXACT.of(lstm_layer)
def exact_lstm_layer(
    x: Cells,
    w: Cells,
    r: Cells,
    b: Cells | None = None,
    lengths: Cells | None = None,
    h: Cells | None = None,
    c: Cells | None = None,
    p: Cells | None = None,
    **attributes: Any,
) -> tuple[Cells, ...]:
    """Gates in the order input, output, forget, update."""
    with workdps(DIGITS):
        net = _Layer(4, w, r, b, attributes)
        peep = [mpf(v) for v in p.values] if p else [mpf(0)] * (3 * net.cells)

        def gate(which: int, frame: Vector, h: Vector, c: Vector) -> Vector:
            mine = peep[which * net.cells : (which + 1) * net.cells]
            return net.function(0, _sum(net.both(which, frame, h), _product(mine, c)))

        def step(frame: Vector, h: Vector, c: Vector) -> tuple[Vector, ...]:
            entry = gate(0, frame, h, c)
            forget = [1 - v for v in entry] if attributes["coupled"] else gate(2, frame, h, c)
            update = net.function(1, net.both(3, frame, h))
            cell = _sum(_product(forget, c), _product(entry, update))
            return _product(gate(1, frame, h, cell), net.function(2, cell)), cell

        return _along(x, lengths, [h, c], net.cells, attributes["reverse"], step)
