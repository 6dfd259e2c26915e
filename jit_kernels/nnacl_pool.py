"""nnacl's average of int8 windows: 128 is added to each element, which makes it the average of uint8."""

from __future__ import annotations

from dataclasses import replace

from ..quant.activation import activation_range
from ..quant.shifted import HALF, U8
from ..refimpl.pool import avg_pool2d
from .lowering import Operand, Site, Step, lowers
from .pool import AVERAGE, pooling
from .shifted import flip_signs


@lowers((avg_pool2d, "s8-nnacl"))
def lower_avg_pool(site: Site) -> list[Step]:
    """Flip the signs before and after."""
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None
    more, mean = (
        Operand(site.scratch(place.type.size).name, replace(place.type, dtype=U8, value=None))
        for place in (x, y)
    )
    low, high = activation_range(y.type, site.attributes["activation"], site.node.dialect)
    return [
        Step(flip_signs, (x, more, x.type.size)),
        *pooling(site, more, mean, AVERAGE, (low + HALF, high + HALF)),
        Step(flip_signs, (mean, y, y.type.size)),
    ]
