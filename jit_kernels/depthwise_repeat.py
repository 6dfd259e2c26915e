"""Depthwise convolution with several filters a channel: the channels are repeated first, then each has one filter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .lowering import Operand, Site, Step
from .storage import Recast
from .strided import View, copy


@dataclass
class _Repeated(Recast):
    """The node on the repeated channels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.attributes = {**self.attributes, "multiplier": 1}


def lower_repeated(site: Site) -> Sequence[Step]:
    """Channel c becomes channels c m ... c m + m - 1 of an image in scratch memory."""
    x, times = site.inputs[0], site.attributes["multiplier"]
    assert x is not None
    *outer, channels = x.type.shape
    shape = (*outer, channels * times)
    place = site.scratch(math.prod(shape) * x.type.dtype.itemsize)
    wide = Operand(place.name, replace(x.type, shape=shape, value=None), place.offset)
    view = View.of(x.type.shape).repeated(len(outer) + 1, times)
    steps = copy(site, x, view, wide, View.of(view.sizes))
    inner = _Repeated(site, (wide, *site.inputs[1:]), site.outputs, site.residual)
    return [*steps, *inner.best().build(inner)]


def repeats(site: Site) -> bool:
    """Whether a channel has several filters, and there is anything to be repeated."""
    x = site.inputs[0]
    return x is not None and site.attributes["multiplier"] > 1 and x.type.size > 0
