"""Move transpositions behind what can work on any order of the axes, until they meet their opposites.

A transposition is not done where it stands: its result is a *placement*, the name of a tensor and the order in
which its axes are read. A node that has a rule here works on the tensor as it lies; any other has its inputs
reordered first. Filters are channels last and readers of channels-first formats put a transposition on either side of
each convolution: of those nothing is left in between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ..ir import Graph, Node, Op
from ..refimpl import channel, join, shape, window
from ..refimpl.affine import dequantize_linear, quantize_linear
from ..refimpl.matmul import fully_connected
from ..refimpl.recurrent import lstm
from .placements import Perm, Placement, Placements, composed, inverse


def transposition(work: Placements, node: Node) -> bool:
    """Do nothing: only the order of the axes is another one."""
    perm, where = work.constants.get(node.inputs[1] or ""), work.where(node.inputs[0])
    if perm is None or where.columns is not None:
        return False
    order = tuple(int(a) % len(perm) for a in perm)
    work.placed[node.outputs[0]] = Placement(where.name, composed(where.perm, order))
    return True


def elementwise(work: Placements, node: Node) -> bool:
    """Work on any order of the axes; constants take the same one."""
    perm = work.order(node)
    if perm is None:
        return False
    values = [work.constants.get(n or "") for n in node.inputs]
    if any(v is not None and v.ndim > len(perm) for v in values):
        return False
    inputs = tuple(n if n is None else _like(work, n, perm) for n in node.inputs)
    work.emit(replace(node, inputs=inputs), perm)
    return True


def _like(work: Placements, name: str, perm: Perm) -> str:
    value = work.constants.get(name)
    if value is None:
        return work.where(name).name
    if not value.ndim:
        return name
    wide = value.reshape((1,) * (len(perm) - value.ndim) + value.shape)
    return work.constant(f"{name}/turned", wide.transpose(inverse(perm)))


def concatenation(work: Placements, node: Node) -> bool:
    """Join along the axis, wherever it stands."""
    perm = work.order(node)
    if perm is None:
        return False
    inputs = tuple(_like(work, n, perm) for n in node.inputs if n is not None)
    attributes = {**node.attributes, "axis": perm[node.attributes["axis"]]}
    work.emit(replace(node, inputs=inputs, attributes=attributes), perm)
    return True


def division(work: Placements, node: Node) -> bool:
    """Cut along the axis, wherever it stands; it is the last input but for `split`, where it is the first."""
    at, x = (0, 1) if node.op is join.split else (2, 0)
    perm, axis = work.where(node.inputs[x]).perm, work.constants.get(node.inputs[at] or "")
    if perm is None or axis is None:
        return False
    inputs = list(node.inputs)
    inputs[x] = work.where(node.inputs[x]).name
    inputs[at] = work.whole(f"{node.outputs[0]}/axis", perm[int(axis.reshape(()))])
    work.emit(replace(node, inputs=tuple(inputs)), perm)
    return True


def without(perm: Perm, gone: Collection[int]) -> Perm | None:
    """Return the order of the axes that are left when some are gone; None where it is that of the tensor."""
    rest = [p for a, p in enumerate(perm) if a not in gone]
    return composed(None, tuple(sorted(rest).index(p) for p in rest))


def reduction(work: Placements, node: Node) -> bool:
    """Reduce the same axes; without them the rest may stand in order."""
    where, axes = work.where(node.inputs[0]), work.constants.get(node.inputs[1] or "")
    if where.perm is None or axes is None:
        return False
    gone = {int(a) % len(where.perm) for a in np.ravel(axes)}
    there = work.whole(f"{node.outputs[0]}/axes", sorted(where.perm[a] for a in gone))
    perm = where.perm if node.attributes.get("keep_dims", False) else without(where.perm, gone)
    work.emit(replace(node, inputs=(where.name, there)), perm)
    return True


def squeezed(work: Placements, node: Node) -> bool:
    """Drop the same axes."""
    where, axes = work.where(node.inputs[0]), node.attributes.get("axes", ())
    if where.perm is None or not axes:
        return False
    gone = {a % len(where.perm) for a in axes}
    there = {**node.attributes, "axes": tuple(sorted(where.perm[a] for a in gone))}
    work.emit(replace(node, inputs=(where.name,), attributes=there), without(where.perm, gone))
    return True


def expanded(work: Placements, node: Node) -> bool:
    """Insert the axis before the one that it comes before, wherever that stands."""
    where, axis = work.where(node.inputs[0]), work.constants.get(node.inputs[1] or "")
    if where.perm is None or axis is None:
        return False
    rank = len(where.perm)
    at = int(axis.reshape(())) % (rank + 1)
    there = where.perm[at] if at < rank else where.perm[-1] + 1
    perm = [p + (p >= there) for p in where.perm]
    perm.insert(at, there)
    inputs = where.name, work.whole(f"{node.outputs[0]}/axis", there)
    work.emit(replace(node, inputs=inputs), composed(None, tuple(perm)))
    return True


def by_axis(work: Placements, node: Node) -> bool:
    """Hand each axis the row of each parameter that it had (pad, slice, tile, strided_slice)."""
    where = work.where(node.inputs[0])
    values = [work.constants.get(n or "") for n in node.inputs[1:]]
    given = values[:1] if node.op is window.pad else values
    if where.perm is None or any(v is None or len(v) != len(where.perm) for v in given):
        return False
    masks = {k: v for k, v in node.attributes.items() if k.endswith("_mask") and v}
    if masks.keys() - {"begin_mask", "end_mask"}:
        return False
    back = inverse(where.perm)
    turned = [
        work.constant(f"{node.outputs[0]}/by_axis{i}", v[list(back)])
        for i, v in enumerate(given)
        if v is not None
    ]
    moved = {k: sum((v >> a & 1) << i for i, a in enumerate(back)) for k, v in masks.items()}
    inputs = (where.name, *turned, *node.inputs[1 + len(turned) :])
    work.emit(replace(node, inputs=inputs, attributes={**node.attributes, **moved}), where.perm)
    return True


def by_channel(work: Placements, node: Node) -> bool:
    """Normalize along the same axis; the first stays where it is, instances are there."""
    where = work.where(node.inputs[0])
    if where.perm is None or where.perm[0] != 0:
        return False
    axis = where.perm[node.attributes.get("axis", -1) % len(where.perm)]
    inputs = (where.name, *node.inputs[1:])
    work.emit(
        replace(node, inputs=inputs, attributes={**node.attributes, "axis": axis}), where.perm
    )
    return True


def scaled(work: Placements, node: Node) -> bool:
    """Find scales along the same axis, wherever it stands (quantize_linear, dequantize_linear); not those of blocks."""
    where, scale = work.where(node.inputs[0]), work.tensors[node.inputs[1] or ""]
    if where.perm is None or len(scale.shape) > 1:
        return False
    others = tuple(n if n is None else work.plain(n) for n in node.inputs[1:])
    attributes = dict(node.attributes)
    if scale.shape:
        if attributes.get("block", 0):
            return False
        attributes["axis"] = where.perm[attributes.get("axis", 1) % len(where.perm)]
    work.emit(replace(node, inputs=(where.name, *others), attributes=attributes), where.perm)
    return True


def reshaping(work: Placements, node: Node) -> bool:
    """Flatten the tensor as it lies, where that changes but the order of the columns."""
    x, where = node.inputs[0] or "", work.where(node.inputs[0])
    target = work.constants.get(node.inputs[1] or "")
    sizes = work.tensors[x].shape
    if where.perm is None or target is None or x in work.graph.dynamic:
        return False
    wanted = work.tensors[node.outputs[0]].shape
    moving = [a for a in where.perm if work.tensors[where.name].shape[a] != 1]
    if moving == sorted(moving):  # only axes of size 1 have changed their places
        work.emit(replace(node, inputs=(where.name, node.inputs[1])))
        return True
    if len(wanted) != 2 or where.perm[0] or len(target) != 2 or wanted[0] != sizes[0]:
        return False
    there = np.arange(wanted[1]).reshape([sizes[a] for a in inverse(where.perm)[1:]])
    columns = there.transpose([a - 1 for a in where.perm[1:]]).reshape(-1)
    y, own = node.outputs[0], f"{node.outputs[0]}/turned"
    while own in work.tensors:
        own += "~"
    work.tensors[own] = work.tensors[y]
    work.nodes.append(replace(node, inputs=(where.name, node.inputs[1]), outputs=(own,)))
    work.placed[y] = Placement(own, None, columns)
    return True


def product(work: Placements, node: Node) -> bool:
    """Reorder the weights instead of the columns of a flattened tensor."""
    where, weights = work.where(node.inputs[0]), work.constants.get(node.inputs[1] or "")
    if where.columns is None or weights is None or weights.shape[1] != len(where.columns):
        return False
    there = np.empty_like(weights)
    there[:, where.columns] = weights
    w = work.constant(f"{node.inputs[1]}/turned", there)
    work.emit(replace(node, inputs=(where.name, w, *node.inputs[2:])))
    return True


def recurrence(work: Placements, node: Node) -> bool:
    """Take the sequence as it lies: batch or time first is an attribute."""
    where = work.where(node.inputs[0])
    if where.perm != (1, 0, 2):
        return False
    y, *states = node.outputs
    others = tuple(n if n is None else work.plain(n) for n in node.inputs[1:])
    attributes = {**node.attributes, "time_major": not node.attributes.get("time_major", False)}
    turned = replace(node, inputs=(where.name, *others), outputs=(y,), attributes=attributes)
    work.emit(turned, where.perm)
    made = work.nodes[-1]
    work.nodes[-1] = replace(made, outputs=(*made.outputs, *states))
    return True


Rule = Callable[[Placements, Node], bool]

RULES: Final[dict[Op[..., Any], Rule]] = {
    shape.transpose: transposition,
    shape.reshape: reshaping,
    shape.squeeze: squeezed,
    shape.expand_dims: expanded,
    fully_connected: product,
    lstm: recurrence,
    join.concat: concatenation,
    join.split: division,
    join.split_v: division,
    **dict.fromkeys((quantize_linear, dequantize_linear), scaled),
    **dict.fromkeys((channel.batch_norm, channel.instance_norm), by_channel),
    **dict.fromkeys((window.pad, window.slice, window.strided_slice, window.tile), by_axis),
}


# By what operators do to axes, where they have no rule of their own.
KINDS: Final[dict[str, Rule]] = {"elementwise": elementwise, "reduction": reduction}


def cancel_transposes(graph: Graph) -> Graph:
    """Return a graph that computes the same bits with fewer transpositions.

    Tensors of another order than before have names of their own; outputs keep theirs, and their order.
    """
    work = Placements(graph)
    for node in graph.nodes:
        rule = RULES.get(node.op) or KINDS.get(node.op.axes)
        turned = any(n in work.placed for n in node.inputs)
        if rule is None or not (turned or node.op is shape.transpose) or not rule(work, node):
            plain = tuple(n if n is None else work.plain(n) for n in node.inputs)
            work.emit(replace(node, inputs=plain))
    return work.finish()
