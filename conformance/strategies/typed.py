"""Tensors of a number format, with the quantization that such a tensor has in a model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Op, QuantParams
from ..case import Case
from .draw import FINITE, SPECIAL, arrays, quant_params


def stored_quant(fmt: str) -> st.SearchStrategy[QuantParams | None]:
    """Quantization of eight-bit and s16 tensors, None for all others."""
    return quant_params(fmt) if fmt in ("s8", "u8", "s16") else st.none()


@st.composite
def typed(draw: st.DrawFn, fmt: str, shape: tuple[int, ...]) -> tuple[Array, QuantParams | None]:
    """An array of format `fmt`, all kinds of values; eight-bit and s16 ones are quantized."""
    options = {"kinds": FINITE + SPECIAL} if fmt in ("f32", "f16") else {}
    return draw(arrays(fmt, shape, **options)), draw(stored_quant(fmt))


def s32(values: Any) -> Array:
    """Return a parameter tensor as files store it."""
    return np.array(values, np.int32)


def moved(
    op: Op[..., Any],
    args: Sequence[Array],
    quant: QuantParams | None,
    *,
    data: Sequence[int] = (0,),
    runtime: Sequence[int] = (),
    **attributes: Any,
) -> Case:
    """Return a case in which the tensors at `data` and all outputs have the same quantization.

    All others are constants of the file, but for the positions in `runtime`.
    """
    fed = {*data, *runtime}
    quants = tuple(quant if i in data else None for i in range(len(args)))
    constant = frozenset(i for i in range(len(args)) if i not in fed)
    case = Case(op, tuple(args), attributes, quants, constant=constant)
    if quant is None:
        return case
    found = op.output_types(case.types, dict(attributes))
    like = args[data[0]].dtype
    return replace(case, out_quant=tuple(quant if t.dtype == like else None for t in found))


def seldom_plain(
    quantized: st.SearchStrategy[Case], plain: st.SearchStrategy[Case]
) -> st.SearchStrategy[Case]:
    """Cases of tensors with a quantization, one in five without: the same operator on integers as such."""
    return st.integers(0, 4).flatmap(lambda which: quantized if which else plain)
