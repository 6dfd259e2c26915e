"""A context: the memory in which one run of a plan at a time takes place."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from ..ir import Array, RunError
from ..jit_kernels import driver
from ..jit_kernels.kernel import CODES
from ..jit_kernels.loading import address_of, callable_of
from .plan import Plan
from .threads import Crew, aligned, crew, usable_cores

SHORT = (
    1 << 17
)  # bytes that a plan may read and write to count as short: far less than a millisecond
LONG = 8 << 20  # bytes from which on other threads are a help, whatever waking them costs
TRIALS = 4  # runs of a kind in a row
GAIN = 0.95  # of the time alone that other threads must stay below


class Trial:
    """A walk that finds out by its first runs whether to take other threads: the bits are the same either way.

    Handing over steps of microseconds, and the lines that one core wrote to another, may cost more than the help is
    worth; how much depends on the machine, and on whether runs follow each other while the others are awake.
    """

    def __init__(self, alone: Callable[[], int], together: Callable[[], int]) -> None:
        self._ways = 2 * (TRIALS * [together] + TRIALS * [alone])
        self._best = {alone: math.inf, together: math.inf}
        self._alone, self._together, self._walk = alone, together, self._try

    def __call__(self) -> int:
        return self._walk()

    def _try(self) -> int:
        way, start = self._ways.pop(), time.perf_counter()
        failure = way()
        self._best[way] = min(self._best[way], time.perf_counter() - start)
        if not self._ways:
            pays = self._best[self._together] < GAIN * self._best[self._alone]
            self._walk = self._together if pays else self._alone
        return failure


class Context:
    """An arena with the argument blocks that point into it."""

    def __init__(self, plan: Plan, split_from: int = 0, profile: bool = False) -> None:
        self.plan = plan
        self.arena = aligned(plan.arena_bytes)
        self.slots = plan.slots.copy()
        self.slots[plan.in_arena] += address_of(self.arena)
        blocks = address_of(self.slots) + 8 * plan.starts
        self.times = np.zeros(2 * (len(plan.steps) + 1) if profile else 0, np.int64)
        stages = plan.stages(split_from)
        worth = stages[:, 2].any() and plan.traffic >= split_from
        fits = len(stages) <= driver.MOST_STAGES
        self.threads = min(plan.threads, usable_cores(), driver.SHARES) if worth and fits else 1
        self._crew: Crew | None = crew(self.threads) if self.threads > 1 else None
        job = [
            *(address_of(a) if a.size else 0 for a in (plan.kernels, blocks)),
            *(len(plan.steps), address_of(stages) if stages.size else 0, len(stages)),
            self._crew.address if self._crew else 0,
            *(address_of(self.times) if profile else 0, 0),
        ]
        self._job = np.array(job, np.int64)
        # What a worker that comes late may still look at; not all of the plan.
        self._owners = (plan.kernels, blocks, stages, self.times, self._job)
        self.walk = self._walk(settled=profile or split_from == 0 or plan.traffic >= LONG)
        self._bound = [n for n in plan.inputs if n in plan.patches]
        self.copied = [(n, self.view(n)) for n in plan.inputs if n in plan.places]
        types = [(n, plan.types[n]) for n in plan.outputs if n not in plan.places]
        self._made = [(n, t.shape, t.dtype) for n, t in types]
        self._left = [(n, self.view(n)) for n in plan.outputs if n in plan.places]

    def view(self, name: str) -> Array:
        """Return a tensor's place in the arena."""
        t, place = self.plan.types[name], self.plan.places[name]
        return self.arena[place.offset : place.offset + t.nbytes].view(t.dtype).reshape(t.shape)

    def _bind(self, name: str, array: Array) -> None:
        start = address_of(array)
        for slot, offset in self.plan.patches[name]:
            self.slots[slot] = start + offset

    def run(self, feeds: Mapping[str, Array], out: Mapping[str, Array]) -> dict[str, Array]:
        """Run the plan. Arrays in `out` are used where possible, others are new."""
        alive = []  # bound arrays must outlive the run
        for name, view in self.copied:
            view[...] = feeds[name]
        for name in self._bound:
            array = feeds[name]
            if not (array.flags.c_contiguous and array.flags.aligned):
                array = np.array(array, order="C")
            alive.append(array)
            self._bind(name, array)
        results = {}
        for name, shape, dtype in self._made:
            results[name] = out[name] if name in out else np.empty(shape, dtype)
            self._bind(name, results[name])
        failure = self.walk()
        if failure != driver.NONE:
            step, code = divmod(failure, 256)
            reason = CODES.get(code, f"the kernel returned {code}")
            raise RunError(f"{self.plan.steps[step].node}: {reason}")
        for name, view in self._left:
            if name in out:
                results[name] = out[name]
                out[name][...] = view
            else:
                results[name] = view.copy()
        return results

    def _walk(self, settled: bool) -> Callable[[], int]:
        """Return a function that runs the kernels on what is in place, and returns what `driver.drive` returns.

        Unless it is `settled`, the first runs tell whether the crew is a help.
        """
        # Made beforehand: turning Python's numbers into C's takes longer than a small plan.
        job, first, one = map(ctypes.c_int64, (address_of(self._job), 0, 1))
        short = self._crew is None and self.plan.traffic < SHORT
        alone = partial(callable_of(driver.drive, keeps_lock=short), job, first, one)
        if self._crew is None:
            return alone
        together = self._crew.runner(job.value, self._owners)

        def walk() -> int:
            failure = together()
            return alone() if failure is None else failure

        return walk if settled else Trial(alone, walk)
