"""Cases of nnacl's reductions of int8 tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Op, QuantParams
from ...refimpl.reduce import mean, reduce_prod, reduce_sum_square, reduced_axes, sum
from ..case import Case
from ..tables import CASES
from .draw import quant_params, scales, seeds, shapes
from .fit import fitted
from .reduce import axes_of

KEY = "s8-nnacl"


def _bytes(shape: tuple[int, ...], seed: int, zero: int, reach: float) -> Array:
    """Bytes within `reach` of the zero point."""
    rng = np.random.default_rng(seed)
    steps = np.round(rng.uniform(-reach, reach, shape))
    return np.clip(zero + steps, -128, 127).astype(np.int8)


@st.composite
def reduction_cases(draw: st.DrawFn, op: Op[..., Any]) -> Case:
    """Axes in any order; a product is of numbers so small that 31 bits hold it, another's output saturates at times."""
    shape = draw(shapes(max_elements=200))
    axes = draw(axes_of(shape))
    sizes = [shape[a] for a in reduced_axes(len(shape), axes)]
    x_quant = QuantParams((draw(scales()),), draw(quant_params("s8")).zero_point)
    reach = 2.0**30
    if op is reduce_prod:
        reach = reach ** (1 / math.prod(sizes))
    for size in sizes or [1]:  # sums of squares of sums of squares
        reach = math.sqrt(reach / size) if op is reduce_sum_square else reach
    x = _bytes(shape, draw(seeds()), x_quant.zero_point[0], min(reach, 255.0))
    y_quant = QuantParams(
        (draw(scales(low=2.0**-6, high=8.0)),), draw(quant_params("s8")).zero_point
    )
    case = Case(
        op,
        (x, axes),
        {"keep_dims": draw(st.booleans())},
        (x_quant,),
        out_quant=(y_quant,),
        constant=frozenset({1}),
        dialect="nnacl",
    )
    return draw(fitted(case, least=2.0**-12))


for _op in (mean, sum, reduce_prod, reduce_sum_square):
    CASES.of((_op, KEY))(reduction_cases(_op))
