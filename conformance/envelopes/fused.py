"""Envelope of the chains that passes join: it allows computing them node by node, and with folded constants."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...ir import Array, Graph, Node
from ...passes.chain import CHANNEL_AXIS, SCALING, operand_beside
from ...passes.fuse_concats import parts_of
from ...refimpl.conv import conv2d, conv2d_sums, depthwise_conv2d, depthwise_conv2d_sums
from ...refimpl.fused import fused, run_body
from ...refimpl.matmul import fully_connected, fully_connected_sums
from ..tables import ENVELOPE
from .matmul import LARGEST, TINY, UNIT, gamma, magnitude, sum_of_products, with_bias

F64 = NDArray[np.float64]


@ENVELOPE.of(fused)
def fused_envelope(*xs: Array | None, body: Graph, algorithm: str = "") -> F64:
    """The larger of two bounds, that of the nodes one by one and that of one sum of products.

    One by one: the error of what a node reads passes on, times the factor where it is scaled, and each node rounds
    once in the reference and once in the kernel: 2 UNIT |result|.
    As one sum: scaling the weights beforehand is one rounding more for each product; the numbers that are added are
    terms of the sum, and each term more is one rounding more for all. A factor multiplies all that came before. So
    to the head's own envelope, which says what the kernel's `algorithm` needs, come, for n nodes after the head,
    gamma(2 n + 1) of all magnitudes, the last rounding of the reference among them, gamma(terms) of those that are
    added, and the roundings of the reference between its nodes, which the sum does not make.
    A weight that is scaled beforehand may underflow, by TINY for each element of x, or overflow, as may the factors
    multiplied with each other. Where an order overflows, anything is right. Parts of a concatenation are as they are
    alone.
    """
    values = run_body(body, xs)
    found = parts_of(body)
    if found is not None:
        return _side_by_side(*found, values, algorithm)
    head, *after = body.nodes
    args = [None if n is None else values[n] for n in head.inputs]
    attributes = {**head.op.attributes, **head.attributes}
    if algorithm:
        attributes["algorithm"] = algorithm
    with np.errstate(all="ignore"):
        error = np.asarray(ENVELOPE[head.op](*args, **attributes), np.float64)
        size, terms = _magnitudes(head, values), _terms(head, values)
        one_by_one, as_sum, between, added = error, error, np.zeros(()), np.zeros(())
        weight, reach, lost = *_weights(head, values), np.zeros(())
        before = head.outputs[0]
        for node in after:
            other = operand_beside(node, before)
            assert other is not None, f"{node} is no link of a chain"
            factor = magnitude(values[other])
            terms += 1
            rounding = UNIT * magnitude(values[before]) + TINY
            if node.op in SCALING:
                one_by_one, as_sum, size = one_by_one * factor, as_sum * factor, size * factor
                between, added = (between + rounding) * factor, added * factor
                weight, lost = weight * factor, lost * factor + TINY * reach
            else:
                size, between, added = size + factor, between + rounding, added + factor
            one_by_one = one_by_one + 2 * UNIT * (magnitude(values[node.outputs[0]]) + one_by_one)
            before = node.outputs[0]
        more = gamma(2 * len(after) + 1) * size + gamma(terms) * added
        as_sum = as_sum + between + more * (1 + gamma(terms)) + (terms + 1) * TINY + lost
        bound = np.maximum(one_by_one + 2 * TINY, as_sum)
        beyond = np.isinf(sum_of_products(size, terms)) | (weight > LARGEST)
        bound = np.where(beyond, np.inf, bound)
    return np.where(np.isnan(bound), np.inf, bound)


def _side_by_side(
    makers: Mapping[str, Node], last: Node, values: Mapping[str, Array], algorithm: str
) -> F64:
    """Return the bounds of the parts side by side; what is only copied is exact.

    `algorithm` says those of some parts: "0:winograd4,2:winograd6".
    """
    used = dict(part.split(":") for part in algorithm.split(",") if part)
    bounds = []
    for i, name in enumerate(last.inputs):
        assert name is not None
        bound = np.zeros(values[name].shape)
        if name in makers:
            maker = makers[name]
            args = [None if n is None else values[n] for n in maker.inputs]
            attributes = {**maker.op.attributes, **maker.attributes}
            if str(i) in used:
                attributes["algorithm"] = used[str(i)]
            bound = ENVELOPE[maker.op](*args, **attributes)
        bounds.append(np.broadcast_to(bound, values[name].shape))
    return np.concatenate(bounds, axis=-1)


def _magnitudes(head: Node, values: dict[str, Array]) -> F64:
    """Return the sum of the magnitudes of the terms of a product."""
    x, w = (magnitude(values[n]) for n in head.inputs[:2] if n is not None)
    b = values[head.inputs[2]] if len(head.inputs) > 2 and head.inputs[2] is not None else None
    return with_bias(_sums(head, x, w), b)


def _sums(head: Node, x: F64, w: F64) -> F64:
    """Return the sums of products of a head."""
    attributes = {**head.op.attributes, **head.attributes}
    if head.op is fully_connected:
        return fully_connected_sums(x, w, attributes["keep_dims"])
    window = {k: attributes[k] for k in ("stride", "pad", "dilation")}
    sums = {conv2d: conv2d_sums, depthwise_conv2d: depthwise_conv2d_sums}[head.op]
    return sums(x, w, **window)


def _weights(head: Node, values: dict[str, Array]) -> tuple[F64, F64]:
    """Return for each channel the largest weight, or 1, and for each output the sum of the elements that it reads."""
    x, w = (magnitude(values[n]) for n in head.inputs[:2] if n is not None)
    others = tuple(i for i in range(w.ndim) if i != CHANNEL_AXIS[head.op])
    return w.max(axis=others, initial=1.0), _sums(head, x, np.ones(w.shape))


def _terms(head: Node, values: dict[str, Array]) -> int:
    """Return the number of terms that a product sums up, the bias among them."""
    w = values[head.inputs[1] or ""]
    return int(w.size // w.shape[CHANNEL_AXIS[head.op]]) + 1
