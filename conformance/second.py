"""The second oracle: run the exact, loop-level rule of an operator on a case, and round once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..ir import (
    FORMATS,
    NARROW_FLOATS,
    NARROW_INTS,
    Array,
    Deferred,
    Graph,
    TensorType,
    is_float,
)
from ..ir.op import RUN
from .case import Case, HostCase
from .cells import Cells
from .exact.narrow import nearest as narrow_nearest
from .tables import EXACT, EXACT_INT8, HOST_EXACT


def has_exact(case: Case) -> bool:
    """Whether somebody wrote the second oracle for this operator and number format."""
    return (case.op, case.format) in EXACT_INT8 or case.op in EXACT


def exact(case: Case) -> tuple[Array, ...]:
    """Return the outputs of a case by its exact oracle, rounded once to the output types."""
    cells = [_as_cells(a) for a in case.args]
    attributes = {**case.op.attributes, **case.attributes}
    out = case.out
    key = (case.op, case.format)
    quantized = key in EXACT_INT8
    if quantized:
        quant = tuple(t.quant if t else None for t in case.types)
        result = EXACT_INT8[key](*cells, quant=quant, out=out, dialect=case.dialect, **attributes)
    else:
        result = EXACT[case.op](*cells, **attributes)
    results: Sequence[Any] = result if isinstance(result, tuple) else (result,)
    return tuple(
        _rounded(cell, type, wraps=not quantized) for cell, type in zip(results, out, strict=True)
    )


def exact_host(case: HostCase) -> tuple[Any, ...]:
    """Return what an operator that runs in Python gives, by its exact oracle."""
    given = [_as_cells(a) for a in case.args]
    attributes = {**case.op.attributes, **case.attributes}
    if any(p.name == RUN for p in case.op.parameters):
        attributes[RUN] = _run_exactly
    found = HOST_EXACT[case.op](*given, **attributes)
    return tuple(map(_as_values, found if isinstance(found, tuple) else (found,)))


def _as_cells(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_cells(v) for v in value]
    if value is None:
        return None
    return Cells.of(value)


def _as_values(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_values(v) for v in value]
    if value is None:
        return None
    array = np.empty(len(value.values), FORMATS[value.format])
    array[:] = value.values
    return array.reshape(value.shape)


def _run_exactly(body: Graph | Deferred, values: Sequence[Any]) -> tuple[Any, ...]:
    """Run a network in an attribute, each node by its exact oracle."""
    known = dict(zip(body.inputs, map(_as_values, values), strict=True))
    graph = body.graph(known) if isinstance(body, Deferred) else body
    known |= dict(graph.constants)
    for node in graph.nodes:
        args = tuple(None if n is None else known[n] for n in node.inputs)
        if node.op.host:
            results = exact_host(HostCase(node.op, args, dict(node.attributes)))
        else:
            results = exact(Case(node.op, args, dict(node.attributes)))
        known.update(zip(node.outputs, results, strict=True))
    return tuple(_as_cells(known[n]) for n in body.outputs)


def _rounded(cells: Cells, type: TensorType, wraps: bool) -> Array:
    """Round Python numbers to the elements of `type`."""
    if type.format in NARROW_FLOATS:
        values = [narrow(v, type.format) for v in cells.values]
    elif is_float(type.dtype):
        values = [nearest(v, type.dtype) for v in cells.values]
    elif type.dtype.kind == "b":
        values = [bool(v) for v in cells.values]
    elif type.format in NARROW_INTS:
        values = [int(v) for v in cells.values]
    else:
        values = [_integer(v, type.dtype, wraps) for v in cells.values]
    return np.array(values, type.dtype).reshape(cells.shape)


def narrow(value: Any, form: str) -> float:
    """Round to a narrow float; what oracles gave that the format has stays."""
    if form != "f8e8m0":
        return narrow_nearest(value, form)
    return float(value)


def _integer(value: Any, dtype: np.dtype[Any], wraps: bool) -> int:
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    whole = int(value)
    if whole != value:
        raise ValueError(f"an exact oracle gave {value} for an integer output")
    if wraps:
        return (whole - low) % (high - low + 1) + low
    if not low <= whole <= high:
        raise OverflowError(f"an exact quantized oracle gave {whole} for {dtype}")
    return whole


def nearest(value: Any, dtype: np.dtype[Any]) -> Any:
    """Round a Python number, Fraction or mpf to the nearest float of `dtype`, ties to even, in one step.

    >>> float(nearest(Fraction(2**24 + 1) + Fraction(1, 2**80), np.dtype(np.float32)))
    16777218.0
    """
    with np.errstate(over="ignore", under="ignore"):
        if isinstance(value, float):
            return dtype.type(value)
        true = _fraction(value)
        if true is None:
            return dtype.type(float(value))
        try:
            double = float(true)
        except OverflowError:
            return dtype.type(math.inf if true > 0 else -math.inf)
        near = dtype.type(double)
        if true == double or not np.isfinite(near) or float(near) == double:
            return near
        other = np.nextafter(near, dtype.type(math.copysign(math.inf, double - float(near))))
        middle = (float(near) + float(other)) / 2
        if double == middle:  # the first rounding fell on a tie that the true value is not
            return max(near, other) if true > middle else min(near, other)
        return near


def _fraction(value: Any) -> Fraction | None:
    """Return the value exactly, or None if it is not finite."""
    if isinstance(value, (int, Fraction)):
        return Fraction(value)
    import mpmath  # only the oracles of transcendental functions bring mpf

    if not mpmath.isfinite(value):
        return None
    sign, mantissa, exponent, _ = mpmath.mpf(value)._mpf_
    scaled = Fraction(mantissa) * Fraction(2) ** exponent
    return -scaled if sign else scaled
