"""Normalizations along channels."""

from __future__ import annotations

import numpy as np

from ...refimpl.norm import (
    LEAST_NORM,
    l2_normalization,
    layer_norm,
    local_response_normalization,
    neighbours,
    rms_norm,
)
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, power, root, squares, total

EPSILON = 1e-3


def normalized(add: InOrder, x: F32) -> F32:
    """Return the differences to the mean along the last axis, over their deviation: two sums."""
    count = np.float32(x.shape[-1])
    d = x - total(add, x) / count
    return np.asarray(d / root(squares(add, d) / count + np.float32(EPSILON)), np.float32)


@ORDERED.of((l2_normalization, ""))
def of_l2(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """The root of a sum of squares divides."""
    x = draw(rng, rows // terms + 1, terms)

    def compute(add: InOrder) -> F32:
        length = np.maximum(root(squares(add, x)), np.float32(LEAST_NORM))
        return np.asarray(x / length, np.float32)

    return Drawn(Case(l2_normalization, (x,)), compute)


@ORDERED.of((layer_norm, ""))
def of_layer(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Two sums: the mean, and the squares of what differs from it."""
    x, scale, bias = draw(rng, rows // terms + 1, terms), draw(rng, terms), draw(rng, terms)
    case = Case(layer_norm, (x, scale, bias), {"epsilon": EPSILON})
    return Drawn(case, lambda add: normalized(add, x) * scale + bias)


@ORDERED.of((rms_norm, ""))
def of_rms(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """The root of a mean of squares divides."""
    x, scale = draw(rng, rows // terms + 1, terms), draw(rng, terms)
    count = np.float32(terms)

    def compute(add: InOrder) -> F32:
        return x / root(squares(add, x) / count + np.float32(EPSILON)) * scale

    return Drawn(Case(rms_norm, (x, scale), {"epsilon": EPSILON}), compute)


@ORDERED.of((local_response_normalization, ""))
def of_local_response(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A power of the energy of as many neighbours, of which those beyond the ends count as zeros."""
    channels, radius = terms + 3, -(-terms // 2)
    x = draw(rng, rows // channels + 1, channels)
    bias, alpha, beta = (np.float32(rng.uniform(0.1, 2)) for _ in range(3))
    names = ("radius", "bias", "alpha", "beta")
    attributes = dict(zip(names, (radius, *map(float, (bias, alpha, beta))), strict=True))
    inside = np.zeros((channels, channels), np.float32)
    for c in range(channels):
        inside[c, slice(*neighbours(c, radius, -1, channels))] = 1

    def compute(add: InOrder) -> F32:
        energy = squares(add, x[:, None] * inside)[..., 0]
        return x * power(bias + alpha * energy, -np.float64(beta))

    return Drawn(Case(local_response_normalization, (x,), attributes), compute)
