"""Chains that passes have joined: as one product where it takes the rest in, else node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..ir import Array, Graph, Node, TensorType, UnsupportedError, format_of
from ..passes.chain import CHANNEL_AXIS, SCALING, Chain, read_chain
from ..refimpl.binary import sub
from ..refimpl.fused import fused
from .lowering import CPU, Operand, Site, Step, lowers

LEAST_NORMAL = np.finfo(np.float32).tiny


@dataclass
class _Part:
    """What a lowering sees of one node inside of a body; it reserves from the node that holds it."""

    whole: Site
    node: Node
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    attributes: Mapping[str, Any]
    residual: Operand | None = None

    def __post_init__(self) -> None:
        self.threads = self.whole.threads

    def constant(self, value: Array) -> Operand:
        return self.whole.constant(value)

    def scratch(self, nbytes: int) -> Operand:
        return self.whole.scratch(nbytes)


@lowers((fused, "f32"))
def lower_fused(site: Site) -> Sequence[Step]:
    """Hand the product to its own kernels, with folded constants and the residual; or lower the body's nodes."""
    part = _as_product(site)
    steps = None if part is None else _with_residual(part, part.residual)
    return lower_body(site) if steps is None else steps


def _with_residual(part: _Part, residual: Operand | None) -> Sequence[Step] | None:
    """Return the steps of the product; None where its lowering has no use for the residual."""
    if residual is None:
        return _build(part)
    # Under a name of its own: the product may read the same tensor as its input.
    part.residual = replace(residual, name=f"{residual.name}\0residual")
    steps, used = [], False
    for step in _build(part):
        mine = [isinstance(a, Operand) and a.name == part.residual.name for a in step.arguments]
        used |= any(mine)
        arguments = tuple(
            replace(a, name=residual.name) if isinstance(a, Operand) and here else a
            for a, here in zip(step.arguments, mine, strict=True)
        )
        steps.append(replace(step, arguments=arguments))
    return steps if used else None


def _build(part: Site) -> Sequence[Step]:
    form = format_of(part.node.op, tuple(None if o is None else o.type for o in part.inputs))
    for way in CPU[part.node.op, form]:
        if way.fits(part):
            return way.build(part)
    raise UnsupportedError(f"no CPU kernel for {part.node.op.__name__} {form}")


def lower_body(site: Site) -> Sequence[Step]:
    """The nodes one by one; what lies between them is scratch."""
    body: Graph = site.attributes["body"]
    places: dict[str, Operand | None] = dict(zip(body.inputs, site.inputs, strict=True))
    ends = dict(zip(body.outputs, site.outputs, strict=True))
    steps: list[Step] = []
    for node in body.nodes:
        inputs = tuple(None if n is None else places[n] for n in node.inputs)
        attributes = {**node.op.attributes, **node.attributes}
        types = node.op.output_types(
            tuple(None if o is None else o.type for o in inputs), attributes
        )
        for name, t in zip(node.outputs, types, strict=True):
            places[name] = ends[name] if name in ends else _between(site, t)
        outputs = tuple(p for n in node.outputs if (p := places[n]) is not None)
        steps += _build(_Part(site, node, inputs, outputs, attributes))
    return steps


def _between(site: Site, type: TensorType) -> Operand:
    return Operand(site.scratch(type.nbytes).name, type)


def _as_product(site: Site) -> _Part | None:
    """Return the chain as its product alone: constants folded into weights and bias, residual set."""
    body: Graph = site.attributes["body"]
    places = dict(zip(body.inputs, site.inputs, strict=True))
    known = {n for n, o in places.items() if o is not None and o.value is not None}
    chain = read_chain(body, known)
    if chain is None:
        return None
    y, head = site.outputs[0], chain.head
    residual = places[chain.residual] if chain.residual is not None else None
    if residual is not None and residual.type.shape != y.type.shape:
        return None
    inputs: list[Operand | None] = [None if n is None else places[n] for n in head.inputs]
    if chain.factors:
        folded = fold_factors(chain, places)
        if folded is None:
            return None
        inputs[1:] = [site.constant(folded[0]), site.constant(folded[1])]
        types = tuple(None if o is None else o.type for o in inputs)
        if head.op.output_types(types, dict(head.attributes))[0].shape != y.type.shape:
            return None
    attributes = {**head.op.attributes, **head.attributes, "activation": chain.activation}
    return _Part(site, head, tuple(inputs), (y,), attributes, residual)


def fold_factors(chain: Chain, places: Mapping[str, Operand | None]) -> tuple[Array, Array] | None:
    """Return weights and bias that take in what scales and shifts the channels, computed in float64, rounded once.

    None where a number is not finite, or so small that a rounding is no longer relative.
    """
    head = chain.head
    operands = [None if n is None else places[n] for n in head.inputs[1:]]
    w, b = (*operands, None)[:2]
    if w is None or w.value is None or (b is not None and b.value is None):
        return None
    axis = CHANNEL_AXIS[head.op]
    channels = w.type.shape[axis]
    scale, shift = np.ones(channels), np.zeros(channels)
    if b is not None and b.value is not None:
        shift += b.value
    with np.errstate(all="ignore"):
        for node, name in chain.factors:
            operand = places[name]
            assert operand is not None and operand.value is not None
            factor = operand.value.astype(np.float64).ravel()
            if node.op in SCALING:
                scale, shift = scale * factor, shift * factor
            else:
                shift = shift - factor if node.op is sub else shift + factor
        sizes = [1] * len(w.type.shape)
        sizes[axis] = channels
        exact = w.value * scale.reshape(sizes)
        weights, bias = exact.astype(np.float32), shift.astype(np.float32)
        fine = np.isfinite(weights).all() and np.isfinite(bias).all()
        small = (np.abs(weights) < LEAST_NORMAL) & (weights != exact)
        small_bias = (np.abs(bias) < LEAST_NORMAL) & (bias != shift)
    return (weights, bias) if fine and not small.any() and not small_bias.any() else None
