"""A mutant is a line of ours changed into a wrong one; it is caught if a generic property fails on a drawn case."""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from ...ir import Facet, Op
from ..case import Case
from ..half_properties import MODES, Rng, narrow_agrees, widen_agrees
from ..judge import Verdict
from ..properties import oracles_agree
from ..tables import CASES

ROOT = Path(__file__).parents[2]  # of the package
LIMIT = 100  # cases of an operator in a format: as many as the tests draw
# The functions of half arithmetic have properties of their own; a case is one number in each mode.
HALF: dict[str, Callable[[Rng, Any], bool]] = {
    "half-narrow": lambda rng, mode: narrow_agrees(rng, mode, 1),
    "half-widen": lambda rng, mode: widen_agrees(rng, 1),
}
FUTURE = __future__.annotations.compiler_flag


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        file: the source, in the package: "refimpl/norm.py".
        old: what stands there once.
        new: what is put in its place.
        keys: "operator-format" whose cases are drawn.
        what: the fault in words.
        origin: where it was met ("onnx #7805"); empty for faults that are usual in ports.
    """

    file: str
    old: str
    new: str
    keys: tuple[str, ...]
    what: str
    origin: str = ""

    @property
    def compiled(self) -> bool:
        """Whether the fault is in a kernel."""
        return self.file.startswith("jit_kernels")

    def source(self) -> str:
        """Return the changed source."""
        text = (ROOT / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {self.old!r} {text.count(self.old)} times, not once")
        return text.replace(self.old, self.new)


# By name: "lrn_over_the_batch".
MUTANTS: Facet[str, Mutant] = Facet("mutant", "litegold.conformance.mutants")


def mutants(file: str, text: str) -> None:
    """Enter the mutants of a file, parted by empty lines.

    Each is "name: operator-format ...", "# what", sometimes "# origin", then the lines that go, "- ", and those that
    come, "+ ", of the code from the first to the last character that matters.
    """
    for entry in text.strip("\n").split("\n\n"):
        lines = entry.split("\n")
        name, keys = lines[0].split(": ")
        what, *origin = (n[2:] for n in lines[1:] if n.startswith("# "))
        old, new = ("\n".join(n[2:] for n in lines if n.startswith(mark)) for mark in ("- ", "+ "))
        MUTANTS.of(name)(Mutant(file, old, new, tuple(keys.split()), what, *origin))


def _plain(value: Any) -> FunctionType:
    """Return the function inside of an operator and its decorators."""
    value = value.reference if isinstance(value, Op) else value
    found = inspect.unwrap(value)
    assert isinstance(found, FunctionType)
    return found


@contextmanager
def injected(fault: Mutant) -> Iterator[None]:
    """Run the body with the fault in the reference or rule: its function gets other code, wherever it is known."""
    module = importlib.import_module("litegold." + fault.file.removesuffix(".py").replace("/", "."))
    original = (ROOT / fault.file).read_text()
    place = original.index(fault.old)
    text = fault.source()
    line = text[:place].count("\n") + 1
    (node,) = (
        n
        for n in ast.parse(text).body
        if isinstance(n, ast.FunctionDef) and n.lineno <= line <= (n.end_lineno or 0)
    )
    node.decorator_list = []
    namespace = dict(vars(module))
    code = compile(ast.Module([node], []), fault.file, "exec", FUTURE, dont_inherit=True)
    exec(code, namespace)  # our own source, with one change
    target = _plain(getattr(module, node.name))
    kept = target.__code__
    target.__code__ = namespace[node.name].__code__
    try:
        yield
    finally:
        target.__code__ = kept


def key_of(name: str) -> tuple[Op[..., Any], str]:
    """Return the key of "conv2d-s8" in CASES."""
    operator, form = name.rsplit("-", 1)
    return next(k for k in CASES if (k[0].__name__, k[1]) == (operator, form))


def cases_until_caught(
    keys: tuple[str, ...], check: Callable[[Case], Verdict] = oracles_agree, limit: int = LIMIT
) -> int:
    """Draw cases, up to `limit` for each key, until `check` refuses one; return their number, 0 if none is.

    An exception is a refusal too. Half arithmetic has but its properties.
    """
    count = 0
    for name in keys:
        if name in HALF and check is not oracles_agree:
            continue
        if name in HALF:
            rng = np.random.default_rng(0)
            for _ in range(limit):
                count += 1
                if not all(HALF[name](rng, mode) for mode in MODES):
                    return count
            continue

        @settings(
            max_examples=limit,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(case=CASES[key_of(name)])
        def holds(case: Case) -> None:
            nonlocal count
            count += 1
            if not check(case):
                raise _Caught

        try:
            holds()
        except Exception:
            return count
    return 0


class _Caught(Exception):  # noqa: N818  # no error: what is wanted
    pass
