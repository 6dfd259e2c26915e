"""What is drawn to test an operator: Hypothesis strategies of cases, for the tests here and for those of other engines.

`cases("conv2d", "s8")` is a strategy of cases: an operator, its inputs, attributes and quantizations. What an engine
makes of one is judged by `litegold.conformance.judge.judge_case`. Nothing is drawn and then thrown away: shapes have
distinct sizes, now and then one of 1 or 0, and reach past the ends of vectors; floats hold NaN, infinities, -0,
subnormals and ties; scales and zero points fit the results, saturate and make ties.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis.strategies import SearchStrategy

from ...ir import Array, InputError
from ..case import Case
from ..tables import CASES

__all__ = ["Case", "cases", "example", "formats", "operators"]


def operators() -> list[str]:
    """Return the names of all operators that have cases."""
    return sorted({op.__name__ for op, _ in CASES})


def formats(operator: str) -> list[str]:
    """Return the number formats in which an operator has cases: "f32", "f16", "s8", "hybrid", ...

    >>> "s8" in formats("conv2d")
    True
    """
    found = sorted(form for op, form in CASES if op.__name__ == operator)
    if not found:
        raise InputError(f"no operator {operator!r}; `operators()` lists them")
    return found


def cases(operator: str, form: str = "f32") -> SearchStrategy[Case]:
    """Return the strategy of an operator's cases in a number format.

    Raises `InputError` where there is no such operator, or not in that format.
    """
    known = formats(operator)
    if form not in known:
        raise InputError(f"{operator} has no cases in {form!r}, but in {', '.join(known)}")
    return next(s for (op, f), s in CASES.items() if (op.__name__, f) == (operator, form))


def example(operator: str, form: str = "f32", *, seed: int = 0) -> tuple[Case, tuple[Array, ...]]:
    """Return one case, the same for a seed, and what the reference makes of it."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as start_from

    from ..judge import expected

    drawn: list[Case] = []
    collect: Callable[[Case], None] = drawn.append
    options = settings(
        max_examples=20,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    options(start_from(seed)(given(cases(operator, form))(lambda case: collect(case))))()
    case = max(drawn, key=lambda c: sum(a.size for a in c.args if a is not None))
    return case, expected(case)
