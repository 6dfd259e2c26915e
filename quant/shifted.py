"""uint8 in the dialects that have no rules for it: int8 rules on numbers that are 128 less.

MindSpore Lite 1.1 has kernels for int8 alone. It turns uint8 models into int8 ones: 128 is taken from every stored
integer and every zero point, which leaves what they stand for as it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..ir import FORMATS, Array, Op, QuantParams, TensorType
from .rule import DIALECTS, INT8, Quantized

HALF = 128
S8, U8 = FORMATS["s8"], FORMATS["u8"]


def moved(quant: QuantParams | None, by: int) -> QuantParams | None:
    """Return the same quantization with other zero points."""
    return quant and replace(quant, zero_point=tuple(z + by for z in quant.zero_point))


def flipped(value: Array) -> Array:
    """Return bytes as numbers of the other sign, 128 less or 128 more.

    >>> flipped(np.array([0, 128, 255], np.uint8)).tolist()
    [-128, 0, 127]
    """
    other = S8 if value.dtype == U8 else U8
    return np.asarray(value.view(np.uint8) ^ np.uint8(HALF)).view(other)


def type_as_int8(t: TensorType) -> TensorType:
    """Return the type of a tensor after the shift; only quantized uint8 is changed."""
    if t.dtype != U8 or t.quant is None:
        return t
    value = None if t.value is None else flipped(t.value)
    return TensorType(t.shape, S8, moved(t.quant, -HALF), value)


def _as_int8(x: Quantized | None) -> Quantized | None:
    if x is None or x.value.dtype != U8 or x.quant is None:
        return x
    return Quantized(flipped(x.value), moved(x.quant, -HALF))


def shifted(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return an int8 rule as one for uint8."""

    @functools.wraps(rule)
    def on_uint8(*xs: Quantized | None, out: tuple[TensorType, ...], **attributes: Any) -> Any:
        result = rule(*map(_as_int8, xs), out=tuple(map(type_as_int8, out)), **attributes)
        results = result if isinstance(result, tuple) else (result,)
        back = tuple(
            flipped(r) if t.dtype == U8 and t.quant else r
            for r, t in zip(results, out, strict=True)
        )
        return back if isinstance(result, tuple) else back[0]

    return on_uint8


@INT8.completed
def shifted_rules() -> Mapping[tuple[Op[..., Any], str], Callable[..., Any]]:
    """Give every int8 rule of these dialects to uint8 as well."""
    return {
        (op, f"u8-{dialect}"): shifted(rule)
        for dialect in DIALECTS
        for (op, form), rule in INT8.items()
        if form == f"s8-{dialect}" and (op, f"u8-{dialect}") not in INT8
    }
