"""The tables of judging: what is drawn, the second oracle, and how far a result may be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis.strategies import SearchStrategy

from ..ir import Facet, Op
from .case import Case, HostCase

Key = tuple[Op[..., Any], str]

# Cases of an operator in a number format.
CASES: Facet[Key, SearchStrategy[Case]] = Facet("strategy", "litegold.conformance.strategies")

# exact(*inputs: Cells | None, **attributes) -> Cells or a tuple of them. Elements may be Fraction or mpf:
# the caller rounds once to the output's type.
EXACT: Facet[Op[..., Any], Callable[..., Any]] = Facet("exact oracle", "litegold.conformance.exact")

# exact(*inputs: Cells | None, quant: tuple[QuantParams | None, ...], out: tuple[TensorType, ...],
#       dialect: str, **attributes) -> Cells of int (or a tuple of them)
EXACT_INT8: Facet[Key, Callable[..., Any]] = Facet(
    "exact quantized oracle", "litegold.conformance.exact"
)

# envelope(*inputs, **attributes) -> float64 array (or a tuple of them), broadcastable to the output: the
# largest absolute error of a conforming float32 implementation against the exact result.
ENVELOPE: Facet[Op[..., Any], Callable[..., Any]] = Facet(
    "envelope", "litegold.conformance.envelopes"
)

# The same for operators that run in Python, on any values (`HostCase`). exact(*values, run=..., **attributes): an array
# is Cells of a named format, a sequence a list, an empty optional None; `run(body, values)` runs a network.
HOST_CASES: Facet[Op[..., Any], SearchStrategy[HostCase]] = Facet(
    "strategy of host values", "litegold.conformance.strategies"
)
HOST_EXACT: Facet[Op[..., Any], Callable[..., Any]] = Facet(
    "exact oracle of host values", "litegold.conformance.exact"
)

# draw(rng, rows, terms, numbers) -> Drawn: a case of about so many results, each with so many terms where the operator
# leaves that open, and its computation in float32 in a given order. By operator, and what is special about it.
ORDERED: Facet[Key, Callable[..., Any]] = Facet(
    "computation in a given order", "litegold.conformance.ordered"
)

# make(terms) -> Drawn: a case, and a computation that loses a good part of what the envelope allows.
WORST: Facet[Op[..., Any], Callable[..., Any]] = Facet("worst case", "litegold.conformance.worst")
