"""An operator in a file of its own gets what the operators here have: rule, oracles, bound, vectors, kernels, laws.

The file declares it and enters into the tables what there is, under the operator: `CASES`, `EXACT`, `ENVELOPE`, kernels
into `CPU`. `try_operator` says what of this holds, with the smallest case against it. `docs/new_operator.md` has an
example.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from ..ir import OPS, Array, InputError, LitegoldError, Op, load_all
from ..jit_kernels.lowering import CPU
from .case import Case
from .golden import load, save
from .judge import Verdict, bounds, expected, judge
from .laws.law import by_plan, by_reference, laws_hold, laws_of
from .properties import oracles_agree, plan_agrees
from .tables import CASES, ENVELOPE, EXACT, EXACT_INT8

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


@dataclass(frozen=True)
class Finding:
    """What came of one question to an operator in a number format.

    Attributes:
        ok: whether it holds; None if there is nothing to ask, as something was not written.
        cases: how many were asked.
        reason: what is wrong, or not there.
        case: the smallest case against it that was found.
        seconds: how long it took.
    """

    operator: str
    form: str
    question: str
    ok: bool | None
    cases: int = 0
    reason: str = ""
    case: Case | None = None
    seconds: float = 0.0


def try_operator(source: str | Path | ModuleType, count: int = 100) -> list[Finding]:
    """Ask an operator's file, or module, everything that the operators here are asked, of `count` cases each.

    Raises `InputError` where the file defines no operator.
    """
    return list(findings(source, count))


def findings(source: str | Path | ModuleType, count: int = 100) -> Iterator[Finding]:
    """Yield what `try_operator` returns, as it is found."""
    load_all("litegold.refimpl")
    known = set(OPS)
    module = source if isinstance(source, ModuleType) else _imported(Path(source))
    fresh = [op for op in OPS.values() if op.__module__ == module.__name__]
    if not fresh:
        raise InputError(f"{module.__name__}: no new operator; known are {len(known)}")
    for table in (CASES, CPU):  # what there is for float32 is there for float16
        for rule in table._rules:
            for key, entry in rule().items():
                if key not in table:
                    table.of(key)(entry)
    for op in fresh:
        yield from _findings(op, count)


def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # kernels are compiled in a process that imports the file as well
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(path.stem)
    except LitegoldError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {type(error).__name__}: {error}") from error


def _findings(op: Op[..., Any], count: int) -> Iterator[Finding]:
    yield Finding(op.__name__, "", "documented", *_documented(op))
    forms = [form for o, form in CASES if o is op]  # what was written, then what comes of it
    if not forms:
        yield Finding(op.__name__, "", "cases", None, 0, "nothing in CASES")
    ready = [_compiled(op, form) for form in forms if (op, form) in CPU]
    for form in forms:
        for question, there, check in (
            ("shape rule", True, _shape_rule),
            ("second oracle", op in EXACT or (op, form) in EXACT_INT8, oracles_agree),
            ("bound", op in ENVELOPE, _bounded),
            ("golden vector", op in ENVELOPE, _kept),
            ("kernel", (op, form) in CPU, plan_agrees),
            ("laws", bool(laws_of(op)), _lawful),
        ):
            if there and question == "kernel":
                ready.pop(0).join()
            if there:
                yield _asked(op, form, question, check, count if question != "golden vector" else 1)
            else:
                yield Finding(op.__name__, form, question, None, 0, "not written")


def _compiled(op: Op[..., Any], form: str) -> threading.Thread:
    """Have the kernels of a first case compiled, in a process of its own, while other questions are asked."""
    case = _drawn(op, form, 1)[0]

    def compile_them() -> None:
        with contextlib.suppress(Exception):  # it comes again when kernels are asked
            plan_agrees(case)

    thread = threading.Thread(target=compile_them)
    thread.start()
    return thread


def _documented(op: Op[..., Any]) -> tuple[bool, int, str]:
    """Whether the docstring says what the operator does, and its inputs; and labels its constraints in order."""
    text = (op.__doc__ or "").strip()
    labels = re.findall(r"\((C\d+)\)", text)
    lacking = [part for part in ("Inputs:", ">>>") if part not in text]
    if not text or not text.splitlines()[0].endswith("."):
        return False, 0, "the first line is no sentence"
    if lacking:
        return False, 0, f"the docstring has no {' and no '.join(lacking)}"
    return labels == sorted(set(labels)), 0, "" if labels == sorted(set(labels)) else "labels"


def _asked(
    op: Op[..., Any], form: str, question: str, check: Callable[[Case], Verdict], count: int
) -> Finding:
    """Ask a question of drawn cases; what is found first is shrunk."""
    start, asked = time.perf_counter(), 0
    last: list[tuple[Case, str]] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(case=CASES[op, form])
    def hold(case: Case) -> None:
        nonlocal asked
        asked += 1
        try:
            verdict = check(case)
        except Exception as error:
            verdict = Verdict(False, reason=f"{type(error).__name__}: {error}")
        if not verdict:
            last.append((case, verdict.reason))
            raise AssertionError

    try:
        hold()
    except AssertionError:
        case, reason = last[-1]  # Hypothesis runs the smallest once more
        seconds = time.perf_counter() - start
        return Finding(op.__name__, form, question, False, asked, reason, case, seconds)
    seconds = time.perf_counter() - start
    return Finding(op.__name__, form, question, True, asked, seconds=seconds)


def _shape_rule(case: Case) -> Verdict:
    """What comes out has the shape and the type that the rule says (`evaluate` looks)."""
    expected(case)
    return Verdict(True)


def _bounded(case: Case) -> Verdict:
    """The bound has the result's shape, or one that broadcasts to it; it is not negative and no NaN."""
    want = expected(case)
    for bound in bounds(case, want):
        if np.isnan(bound).any() or (bound < 0).any():
            return Verdict(False, reason=f"a bound is {np.min(bound)}")
    return Verdict(True)


def _lawful(case: Case) -> Verdict:
    """What is true of all operators of its kind holds of the reference, and of the kernel."""
    verdict = laws_hold(case, by_reference)
    return laws_hold(case, by_plan) if verdict and (case.op, case.format) in CPU else verdict


def _kept(case: Case) -> Verdict:
    """A golden vector of the case is written, read and computed again."""
    want = expected(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{case.format}.npz"
        save(path, case, want, bounds(case, want))
        again, kept, _ = load(path)
    verdicts = [judge(a, b) for a, b in zip(expected(again), kept, strict=True)]
    return next((v for v in verdicts if not v), Verdict(True))


def vector(op: Op[..., Any], form: str, path: Path) -> tuple[Array, ...]:
    """Write the golden vector of an operator's plainest telling case; return its results."""
    case = max(_drawn(op, form, 20), key=lambda c: sum(a.size for a in c.args if a is not None))
    want = expected(case)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, case, want, bounds(case, want))
    return want


def _drawn(op: Op[..., Any], form: str, count: int) -> list[Case]:
    drawn: list[Case] = []
    options = settings(
        max_examples=count, database=None, derandomize=True, phases=[Phase.generate], deadline=None
    )
    options(given(case=CASES[op, form])(lambda case: drawn.append(case)))()
    return drawn
