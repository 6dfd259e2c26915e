"""Cases on float16, made of those on float32: every operator that has the one format has the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from hypothesis.strategies import SearchStrategy

from ...ir import FORMATS, Array
from ...refimpl.half import narrow
from ..case import Case
from ..tables import CASES, Key

LARGEST, SMALL, LEAST = 65504.0, 2.0**-20, 2.0**-24


def as_half(x: Array) -> Array:
    """Return float32 numbers as halves: rounded, but sizes that no half has brought near the ends of the range.

    The eighth root takes the largest float32 to the largest half and the subnormal ones to subnormal ones.

    >>> as_half(np.array([0.1, -3.4e38, 1e-40, 0.0], np.float32)).tolist()
    [0.0999755859375, -65504.0, 1.0013580322265625e-05, 0.0]
    """
    wide = x.astype(np.float64)
    size = np.abs(wide)
    with np.errstate(invalid="ignore"):
        beyond = np.isfinite(size) & ((size > LARGEST) | (size < SMALL)) & (size > 0)
        root = np.clip(np.where(beyond, size, 1.0) ** 0.125, LEAST, LARGEST)
    return narrow(np.where(beyond, np.copysign(root, wide), wide))


def half_case(case: Case) -> Case:
    """Return the same case on float16."""
    args = tuple(
        as_half(a) if a is not None and a.dtype == FORMATS["f32"] else a for a in case.args
    )
    out = tuple(FORMATS["f16"] if d == FORMATS["f32"] else d for d in case.out_dtype)
    return replace(case, args=args, out_dtype=out)


@CASES.completed
def half_cases() -> Mapping[Key, SearchStrategy[Case]]:
    """Map the float32 cases of all operators, but for the formats that have their own."""
    return {
        (op, "f16"): cases.map(half_case)
        for (op, form), cases in CASES.items()
        if form == "f32" and "f16" in op.dtypes and (op, "f16") not in CASES
    }
