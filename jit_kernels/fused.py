"""Chains that passes have joined: as one product where it takes the rest in, else node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..ir import Array, Graph, Node, Op, TensorType, UnsupportedError
from ..passes.chain import CHANNEL_AXIS, SCALING, Chain, read_chain
from ..passes.fuse_concats import parts_of
from ..quant.rule import number_format
from ..refimpl.binary import sub
from ..refimpl.fused import fused
from .lowering import CPU, Lowering, Operand, Site, Step, lowers
from .storage import lower_by_float32
from .strided import View, copy

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
    pitch: int | None = None

    def __post_init__(self) -> None:
        self.threads = self.whole.threads

    def constant(self, value: Array) -> Operand:
        return self.whole.constant(value)

    def packed(self, make: Callable[..., Array], *args: Any) -> Operand:
        return self.whole.packed(make, *args)

    def scratch(self, nbytes: int) -> Operand:
        return self.whole.scratch(nbytes)


@lowers((fused, "f32"))
def lower_fused(site: Site) -> Sequence[Step]:
    """Hand the product to its own kernels, with folded constants and the residual; or lower the body's nodes."""
    found = parts_of(site.attributes["body"])
    if found is not None:
        return _side_by_side(site, *found)
    part = _as_product(site)
    steps = None if part is None else _with_residual(part, part.residual)
    return lower_body(site) if steps is None else steps


@lowers((fused, "f16"))
def lower_half_fused(site: Site) -> Sequence[Step]:
    """Hand the product to its own kernels, or compute all of it in float32: nothing is rounded to half in between.

    The parts of a concatenation are rounded once, as they would be alone.
    """
    found = parts_of(site.attributes["body"])
    if found is not None:
        return _side_by_side(site, *found)
    part = _as_product(site)
    steps = None if part is None else _with_residual(part, part.residual)
    return lower_by_float32(site) if steps is None else steps


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


def _best(part: Site) -> Lowering:
    types = tuple(None if o is None else o.type for o in part.inputs)
    form = number_format(part.node.op, types, part.node.dialect)
    for way in CPU[part.node.op, form]:
        if way.fits(part):
            return way
    raise UnsupportedError(f"no CPU kernel for {part.node.op.__name__} {form}")


def _build(part: Site) -> Sequence[Step]:
    return _best(part).build(part)


def _side_by_side(site: Site, makers: Mapping[str, Node], last: Node) -> list[Step]:
    """Each part of a concatenation where it belongs: written there by its convolution, or copied."""
    places = dict(zip(site.attributes["body"].inputs, site.inputs, strict=True))
    y, steps, before = site.outputs[0], list[Step](), 0
    axis, whole = len(y.type.shape) - 1, View.of(y.type.shape)
    for i, name in enumerate(last.inputs):
        maker = makers.get(name or "")
        x = places[name or ""] if maker is None else None
        if maker is not None:
            inputs = tuple(None if n is None else places[n] for n in maker.inputs)
            attributes = {**maker.op.attributes, **maker.attributes}
            given = tuple(None if o is None else o.type for o in inputs)
            (type,) = maker.op.output_types(given, attributes)
            here = Operand(y.name, type, y.offset + before * type.dtype.itemsize)
            part = _Part(site, maker, inputs, (here,), attributes, pitch=y.type.shape[axis])
            way = _best(part)
            if not way.pitched:
                x = _between(site, type)
                part.outputs, part.pitch = (x,), None
            steps += [_of_part(i, step) for step in way.build(part)]
        else:
            assert x is not None
            type = x.type
        if x is not None:
            target = whole.part(axis, before, type.shape[axis])
            steps += copy(site, x, View.of(type.shape), y, target)
        before += type.shape[axis]
    return steps


def _of_part(i: int, step: Step) -> Step:
    """Say which part of a concatenation the algorithm is for."""
    return replace(step, algorithm=f"{i}:{step.algorithm}") if step.algorithm else step


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
    if chain is None or (chain.factors and site.outputs[0].type.format == "f16"):
        return None  # folded constants would be rounded to half
    y, head = site.outputs[0], chain.head
    residual = places[chain.residual] if chain.residual is not None else None
    if residual is not None and residual.type.shape != y.type.shape:
        return None
    inputs: list[Operand | None] = [None if n is None else places[n] for n in head.inputs]
    if chain.factors:
        folded = _fold(site, chain, places)
        if folded is None:
            return None
        inputs[1:] = folded
        types = tuple(None if o is None else o.type for o in inputs)
        if head.op.output_types(types, dict(head.attributes))[0].shape != y.type.shape:
            return None
    attributes = {**head.op.attributes, **head.attributes, "activation": chain.activation}
    return _Part(site, head, tuple(inputs), (y,), attributes, residual)


def _fold(
    site: Site, chain: Chain, places: Mapping[str, Operand | None]
) -> list[Operand | None] | None:
    """Return weights and bias that take the chain's factors in; None where they are not known, or cannot."""
    head = chain.head
    constants = [None if n is None else places[n] for n in (*head.inputs[1:], None)[:2]]
    values = [None if o is None else o.value for o in constants]
    if any(o is not None and v is None for o, v in zip(constants, values, strict=True)):
        return None
    ops = tuple(node.op for node, _ in chain.factors)
    factors = [o.value for _, name in chain.factors if (o := places[name]) is not None]
    given = (CHANNEL_AXIS[head.op], ops, *values, *factors)
    found = site.packed(folded_weights, *given), site.packed(folded_bias, *given)
    return list(found) if all(o.type.size for o in found) else None


def folded_weights(
    axis: int, ops: Sequence[Op[..., Any]], w: Array, b: Array | None, *factors: Array
) -> Array:
    """Return `w` with its channels along `axis` scaled by the factors of `mul`."""
    scale, _ = _scale_and_shift(w.shape[axis], ops, b, factors)
    with np.errstate(all="ignore"):
        return _rounded(w * scale.reshape([-1 if i == axis else 1 for i in range(w.ndim)]))


def folded_bias(
    axis: int, ops: Sequence[Op[..., Any]], w: Array, b: Array | None, *factors: Array
) -> Array:
    """Return `b`, scaled and shifted by the factors in their order."""
    return _rounded(_scale_and_shift(w.shape[axis], ops, b, factors)[1])


def _scale_and_shift(
    channels: int, ops: Sequence[Op[..., Any]], b: Array | None, factors: Sequence[Array]
) -> tuple[Array, Array]:
    scale = np.ones(channels)
    shift = np.zeros(channels) if b is None else b.astype(np.float64)
    with np.errstate(all="ignore"):
        for op, factor in zip(ops, factors, strict=True):
            real = factor.astype(np.float64).ravel()
            if op in SCALING:
                scale, shift = scale * real, shift * real
            else:
                shift = shift - real if op is sub else shift + real
    return scale, shift


def _rounded(exact: Array) -> Array:
    """Round float64 to float32; return no elements where one is not finite or its error not relative."""
    with np.errstate(all="ignore"):
        near = exact.astype(np.float32)
    small = (np.abs(near) < LEAST_NORMAL) & (near != exact)
    return near if np.isfinite(near).all() and not small.any() else near[..., :0]
