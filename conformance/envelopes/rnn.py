"""How far the recurrent layers of any activations may be off: errors carried along, as `recurrent` explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.rnn import FUNCTIONS, ends_of, gru, lstm_layer, rnn
from ..tables import ENVELOPE
from .recurrent import (
    FUNCTION_ERROR,
    SIGMOID_BEND,
    TANH_BEND,
    Off,
    Reach,
    dense,
    exact,
    own_lines,
    product,
    with_lines,
)
from .reduce import SUBNORMAL, U, gamma

F64 = NDArray[np.float64]
Numbers = tuple[float, ...]
Slope = Callable[[F64, F64, float, float], F64]  # (x, f(x), alpha, beta) -> f'(x)

# Of smooth functions: the slope, the largest second derivative, the steepest slope, and the span of the values.
SMOOTH: dict[str, tuple[Slope, Callable[[float, float], tuple[float, float, float]]]] = {
    "sigmoid": (lambda x, y, a, b: y * (1 - y), lambda a, b: (SIGMOID_BEND, 0.25, 1.0)),
    "tanh": (lambda x, y, a, b: 1 - y**2, lambda a, b: (TANH_BEND, 1.0, 2.0)),
    "scaled_tanh": (
        lambda x, y, a, b: a * b * (1 - np.tanh(b * x) ** 2),
        lambda a, b: (abs(a) * b * b * TANH_BEND, abs(a * b), 2 * abs(a)),
    ),
    "softsign": (lambda x, y, a, b: (1 + np.abs(x)) ** -2.0, lambda a, b: (2.0, 1.0, 2.0)),
    "softplus": (lambda x, y, a, b: 1 / (1 + np.exp(-x)), lambda a, b: (0.25, 1.0, np.inf)),
    "affine": (lambda x, y, a, b: np.full(x.shape, a), lambda a, b: (0.0, abs(a), np.inf)),
}
# Of functions in pieces: where they meet, the slope of each, and the largest second derivative.
PIECES: dict[str, tuple[Callable[[float, float], Numbers], Slope, Callable[[float], float]]] = {
    "relu": (lambda a, b: (0.0,), lambda x, y, a, b: np.where(x > 0, 1.0, 0.0), lambda a: 0.0),
    "leaky_relu": (lambda a, b: (0.0,), lambda x, y, a, b: np.where(x < 0, a, 1.0), lambda a: 0.0),
    "thresholded_relu": (
        lambda a, b: (a,),
        lambda x, y, a, b: np.where(x > a, 1.0, 0.0),
        lambda a: 0.0,
    ),
    "hard_sigmoid": (
        lambda a, b: (-b / a, (1 - b) / a) if a else (),
        lambda x, y, a, b: np.where((y > 0) & (y < 1), a, 0.0),
        lambda a: 0.0,
    ),
    "elu": (
        lambda a, b: (0.0,),
        lambda x, y, a, b: np.where(x < 0, a * np.exp(np.minimum(x, 0)), 1.0),
        abs,
    ),
}


def _clipped(z: Off, clip: float) -> Off:
    bound = float(np.float32(clip)) or np.inf
    return z.boxed(np.clip(z.value, -bound, bound), np.minimum(z.error, 2 * bound), z.most > bound)


def applied(z: Off, name: str, a: float, b: float, clip: float) -> Off:
    """Clip and apply a function: lines by its slope, half its bend times the square of the error, and its own error.

    It is never more than the steepest slope times the error, nor than the span of the values. Where pieces of a
    function meet within reach of the error the whole of it goes into the box: by the largest slope, and the height of a
    step. Numbers alpha and beta, and arguments times these, round.
    """
    z = _clipped(z, clip)
    value = FUNCTIONS[name](z.value, a, b)
    size = np.abs(value) + abs(a * b) + (np.abs(z.value) * (abs(a) + abs(b)))
    own = FUNCTION_ERROR * (1 + abs(a)) + 4 * U * size + SUBNORMAL
    near, step = np.zeros(value.shape, bool), 0.0
    if name in SMOOTH:
        slope_of, numbers = SMOOTH[name]
        bend, steepest, span = numbers(a, b)
    else:
        meetings, slope_of, bend_of = PIECES[name]
        bend, steepest, span = bend_of(a), max(1.0, abs(a)), np.inf
        step = abs(a) if name == "thresholded_relu" else 0.0
        for meeting in meetings(a, b):
            near |= np.abs(z.value - meeting) <= z.error + 4 * U * (abs(meeting) + np.abs(z.value))
    slope = slope_of(z.value, value, a, b)
    curved = bend / 2 * z.error**2 if bend else 0.0
    made = Off(value, z.lines * slope[:, None], z.box * np.abs(slope) + curved + own)
    most = np.minimum(steepest * z.error, span) + own
    return made.boxed(value, most + np.where(near, step, 0.0), near | (made.error > most))


class _Layer:
    """What the gates of a layer have, and where their errors come from."""

    def __init__(
        self,
        gates: int,
        w: Array,
        r: Array,
        b: Array | None,
        functions: Sequence[Callable[[Off], Off]],
        reach: Reach,
    ) -> None:
        biases = np.zeros(2 * len(w)) if b is None else b.astype(np.float64)
        self.w, self.r = np.split(w, gates), np.split(r, gates)
        self.wb, self.rb = (np.split(half, gates) for half in np.split(biases, 2))
        self.functions, self.reach = functions, reach

    def before(self, gate: int, x: Off, h: Off, p: F64 | None = None, c: Off | None = None) -> Off:
        """Return a gate before its function: D + C products, two biases and a peephole in any order."""
        wx, rh = dense(self.w[gate], x), dense(self.r[gate], h)
        value, terms = wx[0] + rh[0] + self.wb[gate] + self.rb[gate], wx[3] + rh[3]
        lines, box = rh[1], rh[2]
        terms = terms + np.abs(self.wb[gate]) + np.abs(self.rb[gate])
        if p is not None and c is not None:
            value, lines = value + c.value * p, lines + c.lines * p
            box, terms = box + c.box * np.abs(p), terms + c.most * np.abs(p)
        self.reach.met(terms)
        count = self.w[gate].shape[1] + self.r[gate].shape[1] + 5
        return Off(value, lines, box + gamma(count) * terms + count * SUBNORMAL)

    def part(self, gate: int, h: Off) -> Off:
        """Return R h + b_r of a gate."""
        value, lines, box, terms = dense(self.r[gate], h)
        terms = terms + np.abs(self.rb[gate])
        self.reach.met(terms)
        count = self.r[gate].shape[1] + 2
        return Off(value + self.rb[gate], lines, box + gamma(count) * terms + count * SUBNORMAL)

    def joined(self, gate: int, x: Off, again: Off) -> Off:
        """Return W x + b_w of a gate, and what comes `again` besides."""
        value, _, _, terms = dense(self.w[gate], x)
        terms = terms + np.abs(self.wb[gate]) + again.most
        self.reach.met(terms)
        count = self.w[gate].shape[1] + 3
        return Off(
            value + self.wb[gate] + again.value, again.lines, again.box + gamma(count) * terms
        )


def _sum(a: Off, b: Off, reach: Reach) -> Off:
    """Add; the sum rounds."""
    reach.met(a.most + b.most)
    return Off(a.value + b.value, a.lines + b.lines, a.box + b.box + U * (a.most + b.most))


def _rest(a: Off) -> Off:
    return Off(1 - a.value, -a.lines, a.box + U * (1 + a.most))


def _functions(
    functions: tuple[str, ...], alpha: Numbers, beta: Numbers, clip: float
) -> list[Callable[[Off], Off]]:
    numbers = [
        [float(np.float32(v)) for v in (given or (0.0,) * len(functions))]
        for given in (alpha, beta)
    ]

    def one(name: str, a: float, b: float) -> Callable[[Off], Off]:
        return lambda z: applied(z, name, a, b, clip)

    return [one(*each) for each in zip(functions, *numbers, strict=True)]


def _chosen(going: Array, new: Off, old: Off) -> Off:
    """Return the new state of the sequences that go on, the old one of the others."""
    g = going[:, None]
    lines = np.where(g[:, None], new.lines, old.lines)
    return Off(np.where(g, new.value, old.value), lines, np.where(g, new.box, old.box))


def _along(
    x: Array,
    r: Array,
    lengths: Array | None,
    states: Sequence[Array | None],
    reverse: bool,
    reach: Reach,
    step: Callable[..., tuple[Off, ...]],
) -> tuple[F64, ...]:
    """Carry errors along the sequences; what a step adds to a state becomes lines of its own."""
    (time, n, _), ends, cells = x.shape, ends_of(x, lengths), r.shape[1]
    mine = [exact(np.zeros((n, cells)) if s is None else s) for s in states]
    y = np.zeros((time, n, cells))
    for s in range(time):
        going = s < ends
        at, before = np.where(going, ends - 1 - s if reverse else s, 0), reach.beyond
        new = step(exact(x[at, np.arange(n)]), *mine)
        reach.beyond = np.where(going, reach.beyond, before)
        for k in range(len(mine)):
            # states have the same lines: those of one are none of the others
            changed = own_lines(new[k])
            mine = [with_lines(a, cells) for a in mine]
            new = tuple(with_lines(a, cells) for a in new)
            mine[k] = _chosen(going, changed, mine[k])
        y[at[going], going] = reach.allowed(mine[0])[going]
    return (y, *map(reach.allowed, mine))


@ENVELOPE.of(rnn)
def rnn_envelope(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    lengths: Array | None = None,
    h: Array | None = None,
    *,
    functions: tuple[str, ...] = ("tanh",),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
) -> tuple[F64, ...]:
    """Each h is a function of a sum of D + C products and two biases."""
    reach = Reach(x.shape[1])
    net = _Layer(1, w, r, b, _functions(functions, alpha, beta, clip), reach)

    def step(frame: Off, h: Off) -> tuple[Off, ...]:
        return (net.functions[0](net.before(0, frame, h)),)

    return _along(x, r, lengths, [h], reverse, reach, step)


@ENVELOPE.of(gru)
def gru_envelope(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    lengths: Array | None = None,
    h: Array | None = None,
    *,
    functions: tuple[str, ...] = ("sigmoid", "tanh"),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
    reset_after: bool = False,
) -> tuple[F64, ...]:
    """Gates as in the simple layer; the products with them, and the sums of these, round."""
    reach = Reach(x.shape[1])
    net = _Layer(3, w, r, b, _functions(functions, alpha, beta, clip), reach)
    f, g = net.functions

    def step(frame: Off, h: Off) -> tuple[Off, ...]:
        z, reset = (f(net.before(gate, frame, h)) for gate in (0, 1))
        again = product(reset, net.part(2, h)) if reset_after else net.part(2, product(reset, h))
        n = g(net.joined(2, frame, again))
        return (_sum(product(_rest(z), n), product(z, h), reach),)

    return _along(x, r, lengths, [h], reverse, reach, step)


@ENVELOPE.of(lstm_layer)
def lstm_layer_envelope(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    lengths: Array | None = None,
    h: Array | None = None,
    c: Array | None = None,
    p: Array | None = None,
    *,
    functions: tuple[str, ...] = ("sigmoid", "tanh", "tanh"),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
    coupled: bool = False,
) -> tuple[F64, ...]:
    """Gates as in the simple layer, with peepholes; the products with them, and the sum of these, round."""
    reach = Reach(x.shape[1])
    net = _Layer(4, w, r, b, _functions(functions, alpha, beta, clip), reach)
    f, g, k = net.functions
    pi, po, pf = (None,) * 3 if p is None else np.split(p.astype(np.float64), 3)

    def step(frame: Off, h: Off, c: Off) -> tuple[Off, ...]:
        entry = f(net.before(0, frame, h, pi, c))
        forget = _rest(entry) if coupled else f(net.before(2, frame, h, pf, c))
        update = g(net.before(3, frame, h))
        cell = _sum(product(forget, c), product(entry, update), reach)
        return product(f(net.before(1, frame, h, po, cell)), k(cell)), cell

    return _along(x, r, lengths, [h, c], reverse, reach, step)
