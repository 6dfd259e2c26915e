"""What follows a sum: roots and quotients of energies, shares of powers, mixtures."""

from __future__ import annotations

import numpy as np

from ...refimpl.attention import attention
from ...refimpl.channel import instance_norm
from ...refimpl.linear_attention import linear_attention
from ...refimpl.norm import l2_normalization, layer_norm, local_response_normalization, rms_norm
from ...refimpl.softmax import log_softmax
from ...refimpl.softmax import softmax as softmax_op
from ..case import Case
from ..ordered.drawn import F32, ONE, Drawn, exp, log, power, root, softmax, squares, total
from ..ordered.norm import EPSILON, normalized
from ..orders import InOrder
from ..tables import WORST
from .terms import FEW, LOST, factors, lost, rows


def _energies(k: int) -> F32:
    """Return rows whose squares are lost."""
    return rows(np.sqrt(lost(k)))


@WORST.of(l2_normalization)
def of_l2(k: int) -> Drawn:
    """The energy is too small, by half of which the length is."""
    x = _energies(k)
    return Drawn(Case(l2_normalization, (x,)), lambda add: x / root(squares(add, x)))


@WORST.of(rms_norm)
def of_rms(k: int) -> Drawn:
    """The same of a mean."""
    x, scale, count = _energies(k), np.ones(k, np.float32), np.float32(k)
    case = Case(rms_norm, (x, scale), {"epsilon": 0.0})
    return Drawn(case, lambda add: x / root(squares(add, x) / count))


@WORST.of(layer_norm)
def of_layer(k: int) -> Drawn:
    """The mean is too small, of which the differences are a small part."""
    x = rows(lost(k))
    case = Case(layer_norm, (x, np.ones(k, np.float32)), {"epsilon": EPSILON})
    return Drawn(case, lambda add: normalized(add, x))


@WORST.of(instance_norm)
def of_instance(k: int) -> Drawn:
    """The same of one channel."""
    x, one = rows(lost(k)), np.ones(1, np.float32)
    case = Case(instance_norm, (x[..., None], one, one * 0), {"epsilon": EPSILON})
    return Drawn(case, lambda add: normalized(add, x)[..., None])


@WORST.of(local_response_normalization)
def of_local_response(k: int) -> Drawn:
    """A fourth power of the energy of all channels magnifies what it has lost."""
    x = _energies(k)
    attributes = {"radius": k, "after": k, "bias": 0.0, "alpha": 1.0, "beta": 4.0}
    case = Case(local_response_normalization, (x,), attributes)
    return Drawn(case, lambda add: x * power(squares(add, x), -4.0))


def _scores(k: int) -> F32:
    """Return rows whose powers are lost."""
    return rows(np.where(np.arange(k) == 0, np.float32(0), np.float32(LOST)))


@WORST.of(softmax_op)
def of_softmax(k: int) -> Drawn:
    """The sum of the powers is too small."""
    x = _scores(k)
    return Drawn(Case(softmax_op, (x,)), lambda add: softmax(add, x))


@WORST.of(log_softmax)
def of_log_softmax(k: int) -> Drawn:
    """The same."""
    x = _scores(k)

    def compute(add: InOrder) -> F32:
        d = x - x.max(1, keepdims=True)
        return d - log(total(add, exp(d)))

    return Drawn(Case(log_softmax, (x,)), compute)


@WORST.of(attention)
def of_attention(k: int) -> Drawn:
    """Scores whose powers are lost, and values whose products with them are; of few keys many queries are drawn."""
    v = np.full((1, 1, k, 1), -0.499 if k > FEW else 0, np.float32)
    v[0, 0, 0] = 1
    s = _scores(k)
    keys = s[:1].T if k > FEW else np.eye(k, dtype=np.float32)  # which make scores of queries
    query = np.ones((1, 1), np.float32) if k > FEW else s

    def compute(add: InOrder) -> F32:
        weights = softmax(add, s)
        return add(weights, np.tile(v.ravel(), (len(s), 1))).reshape(1, 1, -1, 1)

    args = (query[None, None], keys[None, None], v)
    return Drawn(Case(attention, args, {"scale": 1.0}), compute)


@WORST.of(linear_attention)
def of_linear(k: int) -> Drawn:
    """What is remembered is read, and nothing is new."""
    x, w = factors(k)
    query, state, nothing = x[None, None, None], w[None, None, :, None], np.zeros((1, 1, 1, 1), "f")

    def compute(add: InOrder) -> tuple[F32, ...]:
        return add(x[None], w[None]).reshape(1, 1, 1, 1) * ONE, state

    args = (query, np.zeros_like(query), nothing, state)
    return Drawn(Case(linear_attention, args, {"scale": 1.0}), compute)
