"""Recurrent layers of any activations: gates are sums of all their products in one order, states pass on in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...refimpl.rnn import FUNCTIONS, ends_of, gru, lstm_layer, rnn
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, exp, library, pairs, sigmoid

Function = Callable[[F32], F32]
tanh = library(np.tanh)
log1p = library(np.log1p)

# As a kernel in float32 has them: f(x, alpha, beta).
STRAIGHT: dict[str, Callable[[F32, Any, Any], F32]] = {
    "sigmoid": lambda x, a, b: sigmoid(x),
    "tanh": lambda x, a, b: tanh(x),
    "relu": lambda x, a, b: np.maximum(x, np.float32(0)),
    "affine": lambda x, a, b: a * x + b,
    "leaky_relu": lambda x, a, b: np.where(x < 0, a * x, x),
    "thresholded_relu": lambda x, a, b: np.where(x > a, x, np.float32(0)),
    "scaled_tanh": lambda x, a, b: a * tanh(b * x),
    "hard_sigmoid": lambda x, a, b: np.clip(a * x + b, np.float32(0), ONE),
    "elu": lambda x, a, b: np.where(x < 0, a * (exp(np.minimum(x, np.float32(0))) - ONE), x),
    "softsign": lambda x, a, b: x / (ONE + np.abs(x)),
    "softplus": lambda x, a, b: np.maximum(x, np.float32(0)) + log1p(exp(-np.abs(x))),
}


def gate(add: InOrder, rows: list[tuple[F32, F32]], each: list[tuple[F32, F32]]) -> F32:
    """Return the sums of products of matrices (N, K) and (O, K), and of numbers (N, O) or 1 and (O,), in one order."""
    x, w = (np.concatenate(part, axis=1) for part in zip(*rows, strict=True))
    shape = len(x), len(w)
    more = [[np.broadcast_to(v, shape).ravel() for v in part] for part in zip(*each, strict=True)]
    a, b = (np.column_stack([m, *n]) for m, n in zip(pairs(x, w), more or ([], []), strict=True))
    return add(a, b).reshape(shape)


def _functions(rng: Rng, usual: tuple[str, ...]) -> tuple[dict[str, Any], list[Function]]:
    """Draw the usual functions, or any, with their numbers, and a clip; return attributes and what computes them."""
    names = usual
    if rng.integers(2):
        names = tuple(str(n) for n in rng.choice(list(FUNCTIONS), len(usual)))
    alpha, beta = (rng.uniform(0.1, 1, len(names)).astype(np.float32) for _ in range(2))
    clip = float(rng.choice([0.0, 0.75, 3.0]))
    bound = np.float32(clip or np.inf)

    def one(name: str, a: Any, b: Any) -> Function:
        return lambda x: STRAIGHT[name](np.clip(x, -bound, bound), a, b)

    attributes = {"functions": names, "clip": clip, "reverse": bool(rng.integers(2))}
    attributes |= {"alpha": tuple(map(float, alpha)), "beta": tuple(map(float, beta))}
    return attributes, [one(*of) for of in zip(names, alpha, beta, strict=True)]


class _Layer:
    """The tensors of a layer with some gates, of as many products a gate as there are terms."""

    def __init__(self, rng: Rng, gates: int, rows: int, terms: int, draw: Numbers) -> None:
        time, self.cells = (int(v) for v in rng.integers(1, 6, 2))
        n, depth = rows // (time * self.cells) + 1, min(terms, 64)
        self.x, self.h, self.c = (
            draw(rng, time, n, depth),
            draw(rng, n, self.cells),
            draw(rng, n, self.cells),
        )
        self.w, self.r = (draw(rng, gates * self.cells, k) for k in (depth, self.cells))
        self.b = draw(rng, 2 * gates * self.cells)
        self.lengths = rng.integers(0, time + 1, n).astype(np.int32)
        self.gates = gates

    def parts(self, k: int) -> tuple[F32, F32, F32, F32]:
        """Return the matrices and the biases of a gate."""
        biases = np.split(self.b, 2 * self.gates)
        w, r = (np.split(v, self.gates)[k] for v in (self.w, self.r))
        return w, r, biases[k], biases[self.gates + k]

    def before(self, add: InOrder, k: int, x: F32, h: F32, *peephole: tuple[F32, F32]) -> F32:
        """Return a gate before its function: all products and both biases in one order."""
        w, r, wb, rb = self.parts(k)
        return gate(add, [(x, w), (h, r)], [(ONE, wb), (ONE, rb), *peephole])

    def run(self, reverse: bool, states: list[F32], step: Callable[..., tuple[F32, ...]]) -> Any:
        """Apply `step(frame, *states)`, whose first result is the output, to the sequences that go on."""
        ends, states = ends_of(self.x, self.lengths), [s.copy() for s in states]
        y = np.zeros((*self.x.shape[:2], self.cells), np.float32)
        for s in range(len(self.x)):
            going = np.flatnonzero(s < ends)
            at = ends[going] - 1 - s if reverse else np.full(len(going), s)
            if len(going):
                new = step(self.x[at, going], *(a[going] for a in states))
                for state, value in zip(states, new, strict=True):
                    state[going] = value
                y[at, going] = new[0]
        return (y, *states)


@ORDERED.of((rnn, ""))
def of_rnn(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Sums of D + C products and two biases."""
    net = _Layer(rng, 1, rows, terms, draw)
    attributes, (f,) = _functions(rng, ("tanh",))

    def compute(add: InOrder) -> tuple[F32, ...]:
        def step(x: F32, h: F32) -> tuple[F32, ...]:
            return (f(net.before(add, 0, x, h)),)

        return net.run(attributes["reverse"], [net.h], step)

    return Drawn(Case(rnn, (net.x, net.w, net.r, net.b, net.lengths, net.h), attributes), compute)


@ORDERED.of((gru, ""))
def of_gru(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """The candidate's products of h are added up for themselves where the reset comes after them."""
    net = _Layer(rng, 3, rows, terms, draw)
    attributes, (f, g) = _functions(rng, ("sigmoid", "tanh"))
    after = bool(rng.integers(2))

    def compute(add: InOrder) -> tuple[F32, ...]:
        def step(x: F32, h: F32) -> tuple[F32, ...]:
            z, reset = (f(net.before(add, k, x, h)) for k in (0, 1))
            w, r, wb, rb = net.parts(2)
            if after:
                again = reset * gate(add, [(h, r)], [(ONE, rb)])
                n = g(gate(add, [(x, w)], [(ONE, wb), (again, np.ones_like(wb))]))
            else:
                n = g(net.before(add, 2, x, reset * h))
            return ((ONE - z) * n + z * h,)

        return net.run(attributes["reverse"], [net.h], step)

    args = (net.x, net.w, net.r, net.b, net.lengths, net.h)
    return Drawn(Case(gru, args, {**attributes, "reset_after": after}), compute)


@ORDERED.of((lstm_layer, ""))
def of_lstm_layer(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Gates with peepholes, coupled or not."""
    net = _Layer(rng, 4, rows, terms, draw)
    attributes, (f, g, k) = _functions(rng, ("sigmoid", "tanh", "tanh"))
    coupled, p = bool(rng.integers(2)), draw(rng, 3 * net.cells)
    pi, po, pf = np.split(p, 3)

    def compute(add: InOrder) -> tuple[F32, ...]:
        def step(x: F32, h: F32, c: F32) -> tuple[F32, ...]:
            i = f(net.before(add, 0, x, h, (c, pi)))
            kept = ONE - i if coupled else f(net.before(add, 2, x, h, (c, pf)))
            c = kept * c + i * g(net.before(add, 3, x, h))
            return f(net.before(add, 1, x, h, (c, po))) * k(c), c

        return net.run(attributes["reverse"], [net.h, net.c], step)

    args = (net.x, net.w, net.r, net.b, net.lengths, net.h, net.c, p)
    return Drawn(Case(lstm_layer, args, {**attributes, "coupled": coupled}), compute)
