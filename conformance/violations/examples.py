"""How an example of a broken constraint is written down: legal arguments, and what to replace in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import Array, Facet, Op, TensorType


@dataclass(frozen=True)
class Examples:
    """Legal arguments by parameter name, and for each label the arguments that break it.

    A variadic parameter is a tuple of arrays.
    """

    valid: Mapping[str, Any]
    broken: Mapping[str, Mapping[str, Any]]

    def infer(self, op: Op[..., Any], label: str | None = None) -> tuple[TensorType, ...]:
        """Apply the shape rule to the legal arguments, or to those that break `label`."""
        given = {**self.valid, **(self.broken[label] if label else {})}
        arrays: list[Array | None] = []
        for name in op.inputs:
            value = given.pop(name, None)
            arrays += value if isinstance(value, tuple) else [value]
        types = tuple(None if a is None else TensorType.of(a) for a in arrays)
        return op.output_types(types, {**op.attributes, **given})


VIOLATIONS: Facet[Op[..., Any], Examples] = Facet("violations", "litegold.conformance.violations")


def breaks(*ops: Op[..., Any], valid: Mapping[str, Any], **broken: Mapping[str, Any]) -> None:
    """Enter examples for `ops`: `C1={"x": f32(3)}` says that this `x` breaks (C1)."""
    VIOLATIONS.of(*ops)(Examples(valid, broken))


def f32(*shape: int) -> Array:
    """Return ones."""
    return np.ones(shape, np.float32)


def s32(value: Any) -> Array:
    """Return an int32 array of these values."""
    return np.array(value, np.int32)
