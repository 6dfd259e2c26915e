"""Depthwise convolution of a single channel into several: a convolution, whose filters lie otherwise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .conv import lower_f32_conv2d
from .conv_amx import AMX, lower_amx_conv2d, takes_amx
from .conv_dot4 import DOT4, lower_dot4_conv2d, takes_dot4
from .lowering import Lowering, Operand, Site, Step


def _single(site: Site) -> bool:
    """Whether one channel becomes several, by filters that are known."""
    x = site.inputs[0]
    assert x is not None
    known = all(t is None or t.value is not None for t in site.inputs[1:])
    return x.type.shape[3] == 1 and site.attributes["multiplier"] > 1 and known


def as_conv2d(site: Site) -> Site:
    """Return the site with filters (O, ky, kx, 1) in place of (1, ky, kx, O)."""
    x, w, *rest = site.inputs
    assert w is not None and w.value is not None
    value = np.ascontiguousarray(w.value[0].transpose(2, 0, 1))[..., None]
    quant = w.type.quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, axis=0)
    filters = replace(w.type, shape=value.shape, quant=quant, value=value)
    moved = copy.copy(site)
    moved.inputs = (x, Operand(w.name, filters, w.offset), *rest)
    return moved


def _by(
    build: Callable[[Site], list[Step]], accepts: Callable[[Site], bool], isa: frozenset[str]
) -> Lowering:
    return Lowering(
        lambda site: build(as_conv2d(site)),
        lambda site: _single(site) and accepts(as_conv2d(site)),
        isa,
    )


def _finite(site: Site) -> bool:
    """Whether zeros times the weights are zeros."""
    w = site.inputs[1]
    assert w is not None and w.value is not None
    return not any(site.attributes["pad"]) or bool(np.isfinite(w.value).all())


SINGLE_F32 = _by(lower_f32_conv2d, _finite, frozenset())
SINGLE_AMX = _by(lower_amx_conv2d, takes_amx, AMX)
SINGLE_DOT4 = _by(lower_dot4_conv2d, takes_dot4, DOT4)
