"""Which numbers the tensors of a float32 network hold, found by running it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from ..ir import Array, Graph, InputError, QuantParams

# run(graph, feeds) -> all tensors by name
Run = Callable[[Graph, Mapping[str, Array]], Mapping[str, Array]]
Range = tuple[float, float]

LEVELS = 255  # steps between the least and the largest int8
LEAST_RANGE = 1e-6  # a tensor of zeros has a scale, too


def observe(graph: Graph, run: Run, batches: Iterable[Mapping[str, Array]]) -> dict[str, Range]:
    """Return the least and the largest number of every float32 tensor over all batches of inputs.

    Constants are among them. `run` is the reference interpreter, a plan that keeps all tensors, or another engine.

    Raises:
        InputError: there is no batch, or a number is not finite.
    """
    ranges: dict[str, Range] = {n: _range(n, v) for n, v in graph.constants.items() if _counts(v)}
    count = 0
    for count, feeds in enumerate(batches, 1):  # noqa: B007
        for name, value in {**run(graph, feeds), **feeds}.items():
            if _counts(value):
                here = _range(name, value)
                ranges[name] = joined(ranges.get(name, here), here)
    if not count:
        raise InputError("calibration needs an input at least")
    return ranges


def _counts(value: Array) -> bool:
    return value.dtype == np.float32 and value.size > 0


def _range(name: str, value: Array) -> Range:
    low, high = float(value.min()), float(value.max())
    if not np.isfinite(high - low):
        raise InputError(f"calibration: tensor {name} holds {low} to {high}")
    return low, high


def joined(one: Range, other: Range) -> Range:
    """Return the range that holds both."""
    return min(one[0], other[0]), max(one[1], other[1])


def affine(range: Range) -> QuantParams:
    """Return the int8 quantization whose steps reach from one end to the other, with 0 among them.

    The scale is a float32, the zero point the step nearest to 0: TFLite's asymmetric scheme.

    >>> affine((-1.0, 1.55))
    QuantParams(scale=(0.009999999776482582,), zero_point=(-28,), axis=None)
    """
    low, high = min(range[0], 0.0), max(range[1], 0.0)
    scale = float(np.float32(max(high - low, LEAST_RANGE) / LEVELS))
    return QuantParams((scale,), (int(np.clip(np.rint(-128 - low / scale), -128, 127)),))
