"""Faults in kernels are hunted in a process of their own that has the changed sources: `python -m ...hunt KEY ...`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ...ir import LitegoldError
from ..case import Case
from ..judge import Verdict
from ..laws.law import by_plan, by_reference, laws_hold
from ..properties import oracles_agree, plan_agrees
from .mutant import LIMIT, ROOT, Mutant, cases_until_caught, injected, key_of

SECONDS = 500


# What faults are hunted by, in the reference and in kernels.
QUESTIONS: dict[str, tuple[Callable[[Case], Verdict], Callable[[Case], Verdict]]] = {
    "properties": (oracles_agree, plan_agrees),
    "laws": (lambda case: laws_hold(case, by_reference), lambda case: laws_hold(case, by_plan)),
}


def caught_after(fault: Mutant, limit: int = LIMIT, question: str = "properties") -> int:
    """Return how many cases it took to catch a fault, 0 if it was not caught; by the properties, or by laws alone."""
    if not fault.compiled:
        with injected(fault):
            return cases_until_caught(fault.keys, QUESTIONS[question][0], limit)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "litegold"
        shutil.copytree(ROOT, package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / fault.file).write_text(fault.source())
        environment = {**os.environ, "PYTHONPATH": folder}
        for isa in {key.partition("@")[2] for key in fault.keys} - {""}:
            environment["LITEGOLD_ISA"] = isa
        command = [sys.executable, "-m", __name__, str(limit), question, *fault.keys]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    if done.returncode:
        raise LitegoldError(f"{fault.what}: {done.stderr[-800:]}")
    return int(done.stdout)


def force_winograd(m: int) -> None:
    """Let the Winograd variant do what it can, whatever it costs."""
    import functools

    from ...jit_kernels import winograd
    from ...jit_kernels.lowering import CPU, Lowering

    key = key_of("conv2d-f32")
    chosen = Lowering(functools.partial(winograd.lower_winograd, m), winograd.takes)
    CPU._table[key] = (chosen, *CPU[key])


def main(limit: str, question: str, *keys: str) -> None:
    """Print the number of cases; the processor is the environment's matter."""
    names = []
    for key in keys:
        name, _, algorithm = key.partition("@")[0].partition(":")
        if algorithm:
            force_winograd(int(algorithm.removeprefix("winograd")))
        names.append(name)
    print(cases_until_caught(tuple(names), QUESTIONS[question][1], int(limit)))


if __name__ == "__main__":
    main(*sys.argv[1:])
