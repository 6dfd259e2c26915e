"""A law draws nothing itself: it changes a case, has both run, and says what must be equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...ir import Array, Facet, Op, QuantParams
from ..case import Case
from ..judge import Verdict, bounds, expected, judge

Run = Callable[[Case], Array]  # the first output of any implementation
Rng = np.random.Generator
Pairs = Iterator[tuple[Array, Array]]
Rule = Callable[[Run, Case, Rng], Pairs]


@dataclass(frozen=True)
class Law:
    """A law of an operator.

    Attributes:
        rule: yields pairs of results that are equal; nothing where the law does not apply to the case.
        formats: number formats in which it holds.
        exact: on float32 it is asked on small integers, on which sums are exact, so that bits are equal; else results
            may differ by what the envelope allows both of them.
    """

    rule: Rule
    formats: tuple[str, ...] = ("f32",)
    exact: bool = True

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.rule.__name__


LAWS: Facet[Op[..., Any], list[Law]] = Facet("law", "litegold.conformance.laws")


def law(
    *ops: Op[..., Any], formats: tuple[str, ...] = ("f32",), exact: bool = True
) -> Callable[[Rule], Rule]:
    """Enter the decorated rule as a law of `ops`."""

    def enter(rule: Rule) -> Rule:
        for op in ops:
            LAWS._table.setdefault(op, []).append(Law(rule, formats, exact))
        return rule

    return enter


def on_small_integers(case: Case) -> Case:
    """Return the case with its floats rounded to whole numbers from -8 to 8, and without an activation."""

    def whole(a: Array | None) -> Array | None:
        if a is None or a.dtype.kind != "f":
            return a
        with np.errstate(invalid="ignore"):
            return np.rint(np.nan_to_num(np.fmod(a, 9))).astype(a.dtype) + a.dtype.type(0)

    attributes = dict(case.attributes)
    if "activation" in case.op.attributes:
        attributes["activation"] = "none"
    return replace(case, args=tuple(whole(a) for a in case.args), attributes=attributes)


def changed(case: Case, *args: Any, **attributes: Any) -> Case:
    """Return the case with its first inputs, and some attributes, replaced; `...` leaves an input as it is."""
    new = tuple(old if a is ... else a for a, old in zip(args, case.args, strict=False))
    rest = case.args[len(args) :]
    return replace(case, args=(*new, *rest), attributes={**case.attributes, **attributes})


def zero_of(case: Case, position: int = 0) -> Any:
    """Return what stands for zero in an input."""
    quant = case.quant[position] if position < len(case.quant) else None
    value = case.args[position]
    assert value is not None
    return value.dtype.type(quant.zero_point[0] if quant else 0)


def permuted(quant: QuantParams | None, order: Array) -> QuantParams | None:
    """Return the quantization of slices in another order."""
    if quant is None or len(quant.scale) == 1:
        return quant
    scales = tuple(quant.scale[i] for i in order)
    return replace(quant, scale=scales, zero_point=tuple(np.resize(quant.zero_point, len(scales))))


def asked(law: Law, run: Run, case: Case, seed: int) -> tuple[Verdict, int]:
    """Ask a law of an implementation on a case; return the first verdict against it, and how many pairs it compared."""
    floating = case.out[0].dtype.kind == "f"
    case = on_small_integers(case) if law.exact and floating else case
    allowed: Any = 0.0
    if floating and not law.exact:
        allowed = 2 * np.max(bounds(case, expected(case))[0], initial=0.0)
    count = 0
    for got, want in law.rule(run, case, np.random.default_rng(seed)):
        count += 1
        got, want = (
            a + 0 if floating else a for a in (got, want)
        )  # the sign of a sum that is zero is free
        verdict = judge(got, want, allowed)
        if not verdict:
            return verdict, count
    return Verdict(True), count
