"""Whether the results of a case would tell a faulty operator from a right one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import Array, Op
from ..refimpl.fill import fill, zeros_like
from ..refimpl.logic import assertion

# What these return is one value by their meaning: only that there is some can be asked.
UNIFORM: tuple[Op[..., Any], ...] = (fill, zeros_like, assertion)


def is_telling(op: Op[..., Any], outputs: Sequence[Array]) -> bool:
    """Return whether some output is telling: not empty, and not the same everywhere.

    An output of several elements is telling if it holds two different values, NaN being one (so it is neither all
    NaN, nor all zero, nor saturated throughout). Of a single element any value can be expected but NaN and zero: what
    drops, skips or overwrites everything gives these. A truth value has no other than zero and one, and tells.

    >>> from ..refimpl.unary import abs
    >>> [is_telling(abs, [np.float32(x)]) for x in ([1, 2], [3, 3], [0], [5], [np.nan, np.nan], [])]
    [True, False, False, True, False, False]
    """
    return any(_tells(np.asarray(y), op in UNIFORM) for y in outputs)


def _tells(y: Array, uniform: bool) -> bool:
    flat = y.ravel()
    if not flat.size or uniform:
        return bool(flat.size)
    if flat.size == 1:
        return y.dtype.kind == "b" or bool(flat[0] == flat[0] and flat[0] != 0)
    same = (flat == flat[0]) | ((flat != flat) & (flat[0] != flat[0]))
    return not bool(same.all())
