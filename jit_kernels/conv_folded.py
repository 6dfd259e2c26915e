"""Convolutions over three axes as ones of two: what a window meets along the first lies side by side, as channels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ir import FORMATS, Array
from .conv import lower_f32_conv2d
from .lowering import Operand, Site, Step
from .storage import Recast
from .strided import View, copy, fill_with, operand
from .windows import each

FEWEST = 8  # products that a channel of a group is worth the copies for


def folds(site: Site) -> bool:
    """Whether it pays, and whether zeros of the padding times the weights are zeros."""
    x, w = operand(site.inputs[0]), operand(site.inputs[1])
    if len(x.type.shape) != 5 or w.value is None or not np.isfinite(w.value).all():
        return False
    b = site.inputs[2] if len(site.inputs) > 2 else None
    known = b is None or b.value is not None
    deep, outputs = w.type.shape[1] * w.type.shape[-1], w.type.shape[0]
    groups = x.type.shape[-1] // w.type.shape[-1]
    return known and deep >= FEWEST and outputs // groups >= FEWEST


def first_axis_last(w: Array) -> Array:
    """Return filters (O, K, P, Q, D) as (O, P, Q, K D).

    >>> first_axis_last(np.ones((2, 3, 4, 5, 6), "f")).shape
    (2, 4, 5, 18)
    """
    turned = np.ascontiguousarray(w.transpose(0, 2, 3, 1, 4))
    return turned.reshape(*turned.shape[:3], -1)


def _side_by_side(site: Site, slices: int, kernel: int, depth: int) -> tuple[Operand, list[Step]]:
    """Return images of H W pixels, one for each of `slices` outputs, with channels (group, tap, D), and the copies."""
    x = operand(site.inputs[0])
    n, size, h, w, c = x.type.shape
    stride = each(site.attributes["stride"], 3, 1)[0]
    dilation = each(site.attributes["dilation"], 3, 1)[0]
    before = each(site.attributes["pad"], 6, 0)[0]
    shape = (n * slices, h, w, kernel * c)
    if kernel == stride == 1 and slices == size:
        return Operand(x.name, replace(x.type, shape=shape), x.offset), []
    room = site.scratch(4 * math.prod(shape))
    images = Operand(room.name, replace(x.type, shape=shape, dtype=FORMATS["f32"], value=None))
    source = View.of((n, size, h, w, c // depth, depth))
    target = View.of((n, slices, h, w, c // depth, kernel, depth))
    steps, whole = list[Step](), True
    for k in range(kernel):
        shift = k * dilation - before
        first = max(0, -(shift // stride))
        count = min(slices, (size - 1 - shift) // stride + 1) - first
        whole &= count == slices
        if count > 0:
            part = source.part(1, first * stride + shift, count, stride)
            steps += copy(
                site, x, part, images, target.part(1, first, count).part(5, k, 1).without(5)
            )
    if not whole:
        zero = site.constant(np.zeros(1, np.float32))
        steps = [*fill_with(zero, images, images.type.size), *steps]
    return images, steps


def lower_folded(site: Site) -> list[Step]:
    """Copies, and a convolution over the other two axes."""
    w, y = operand(site.inputs[1]), site.outputs[0]
    assert w.value is not None
    if y.type.size == 0:
        return []
    n, slices, *rest = y.type.shape
    images, steps = _side_by_side(site, slices, w.type.shape[1], w.type.shape[-1])
    filters = site.packed(first_axis_last, w.value)
    b = site.inputs[2] if len(site.inputs) > 2 else None
    flat = Recast(
        site, (images, filters, b), (Operand(y.name, y.type.like((n * slices, *rest)), y.offset),)
    )
    window = {name: each(site.attributes[name], 3, 1)[1:] for name in ("stride", "dilation")}
    pad = each(site.attributes["pad"], 6, 0)[2:]
    flat.attributes = {**window, "pad": pad, "activation": "none"}
    return [*steps, *lower_f32_conv2d(flat)]
