"""A law draws nothing itself: it changes a case, has both run, and says what must be equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...ir import Array, Facet, Op, QuantParams
from ...runtime import Session
from ..case import Case
from ..judge import Verdict, bounds, expected, judge

Rng = np.random.Generator
Pairs = Iterator[tuple[Array, ...]]  # (got, want), or (got, want, by how much they may differ)
EVERY = ("every",)  # format that cases are drawn for


@dataclass(frozen=True)
class Run:
    """Any implementation; called, it gives the first output.

    Attributes:
        all: gives all of them.
    """

    all: Callable[[Case], Sequence[Array]]

    def __call__(self, case: Case) -> Array:
        return self.all(case)[0]


Rule = Callable[[Run, Case, Rng], Pairs]


@dataclass(frozen=True)
class Law:
    """A law of an operator.

    Attributes:
        rule: yields pairs of results that are equal; nothing where the law does not apply to the case.
        formats: number formats in which it holds; EVERY is every one that cases are drawn for.
        exact: floats are rounded to small whole numbers, of which sums are exact, and the sign of a sum that is zero is
            free. Results are equal bit by bit but where the rule yields a third array, of what they may differ by.
    """

    rule: Rule
    formats: tuple[str, ...] = ("f32",)
    exact: bool = True

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.rule.__name__

    def holds_in(self, form: str) -> bool:
        """Whether it holds in a number format."""
        return self.formats == EVERY or form in self.formats


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


KINDS: list[tuple[Callable[[Op[..., Any]], bool], Law]] = []


def law_of(kind: Callable[[Op[..., Any]], bool], exact: bool = False) -> Callable[[Rule], Rule]:
    """Enter the decorated rule as a law of all operators of a kind, in every format."""

    def enter(rule: Rule) -> Rule:
        KINDS.append((kind, Law(rule, EVERY, exact)))
        return rule

    return enter


def laws_of(op: Op[..., Any]) -> list[Law]:
    """Return the laws of an operator: those of its kind, then its own."""
    own = dict(LAWS.items()).get(op, [])  # the look-up imports all of them
    return [] if op.host else [*(law for kind, law in KINDS if kind(op)), *own]


def on_small_integers(case: Case) -> Case:
    """Return the case with its floats rounded to whole numbers from -8 to 8, and without an activation."""

    def whole(a: Array | None) -> Array | None:
        if a is None or a.dtype.kind != "f":
            return a
        with np.errstate(invalid="ignore"):
            return np.asarray(np.rint(np.nan_to_num(np.fmod(a, 9))).astype(a.dtype) + 0, a.dtype)

    attributes = dict(case.attributes)
    if "activation" in case.op.attributes:
        attributes["activation"] = "none"
    return replace(case, args=tuple(whole(a) for a in case.args), attributes=attributes)


def changed(case: Case, *args: Any, **attributes: Any) -> Case:
    """Return the case with its first inputs, and some attributes, replaced; `...` leaves an input as it is."""
    new = tuple(
        old if a is ... else a if a is None else np.asarray(a)
        for a, old in zip(args, case.args, strict=False)
    )
    rest = case.args[len(args) :]
    return replace(case, args=(*new, *rest), attributes={**case.attributes, **attributes})


def value_of(case: Case, attribute: str) -> Any:
    """Return an attribute, its default where the case has none."""
    return {**case.op.attributes, **case.attributes}[attribute]


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


def slack(case: Case, output: int = 0) -> Array:
    """Return by how much two right results of a case may differ: its envelope, twice."""
    return 2 * bounds(case, expected(case))[output]


by_reference = Run(expected)


@Run
def by_plan(case: Case) -> Sequence[Array]:
    """Run the compiled kernels, on one thread."""
    session = Session(case.graph(), 1, fold=False, split_from=0)
    values = session.run(case.feeds())
    return [values[name] for name in session.graph.outputs]


def laws_hold(case: Case, run: Run, seed: int = 0) -> Verdict:
    """Ask an implementation all laws of a case's operator; return the first verdict against it."""
    laws = (law for law in laws_of(case.op) if law.holds_in(case.format))
    verdicts = (asked(law, run, case, seed)[0] for law in laws)
    return next((verdict for verdict in verdicts if not verdict), Verdict(True))


def asked(law: Law, run: Run, case: Case, seed: int) -> tuple[Verdict, int]:
    """Ask a law of an implementation on a case; return the first verdict against it, and how many pairs it compared."""
    case = on_small_integers(case) if law.exact else case
    count = 0
    for got, want, *allowed in law.rule(run, case, np.random.default_rng(seed)):
        count += 1
        got, want = (a + 0 if law.exact and a.dtype.kind == "f" else a for a in (got, want))
        verdict = judge(np.asarray(got), np.asarray(want), *allowed)
        if not verdict:
            return verdict, count
    return Verdict(True), count
