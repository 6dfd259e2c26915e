"""Second oracles of the losses, in Fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from ...refimpl.loss import negative_log_likelihood
from ..cells import Cells
from ..tables import EXACT


def _of(v: float) -> Any:
    return Fraction(v) if math.isfinite(v) else v


@EXACT.of(negative_log_likelihood)
def exact_negative_log_likelihood(
    x: Cells,
    target: Cells,
    weight: Cells | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Cells:
    """Element by element; what is ignored is 0 and weighs nothing."""
    losses: list[Any] = []
    total: Any = Fraction(0)
    for index, wanted in zip(target.indices(), target.values, strict=True):
        if ignore_index is not None and wanted == ignore_index:
            losses.append(Fraction(0))
            continue
        w = _of(weight[wanted]) if weight else Fraction(1)
        losses.append(-_of(x[index[0], wanted, *index[1:]]) * w)
        total += w
    if reduction == "none":
        return Cells(target.shape, losses)
    whole = sum(losses, Fraction(0))
    if reduction == "mean":
        whole = (
            whole / total if total else math.nan if not whole else math.copysign(math.inf, whole)
        )
    return Cells((), [whole])
