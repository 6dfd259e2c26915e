"""A context: the memory in which one run of a plan at a time takes place."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from ..ir import Array, RunError
from ..jit_kernels import driver
from ..jit_kernels.kernel import CODES
from ..jit_kernels.loading import callable_of
from .plan import Plan
from .threads import Crew, aligned, crew, usable_cores

SHORT = (
    1 << 17
)  # bytes that a plan may read and write to count as short: far less than a millisecond


def address_of(array: Array) -> int:
    """Return where an array's elements start."""
    return int(array.__array_interface__["data"][0])


class Context:
    """An arena with the argument blocks that point into it."""

    def __init__(self, plan: Plan, split_from: int = 0, profile: bool = False) -> None:
        self.plan = plan
        self.arena = aligned(plan.arena_bytes)
        self.slots = plan.slots.copy()
        self.slots[plan.in_arena] += address_of(self.arena)
        blocks = address_of(self.slots) + 8 * plan.starts
        self.times = np.zeros(2 * (len(plan.steps) + 1) if profile else 0, np.int64)
        parallel = any(not flag & driver.SERIAL for flag in plan.flags)
        worth = parallel and plan.traffic >= split_from
        self.threads = min(plan.threads, usable_cores()) if worth else 1
        self._crew: Crew | None = crew(self.threads) if self.threads > 1 else None
        sync = self._crew.sync(self.threads) if self._crew else 0
        job = [
            *(address_of(a) if a.size else 0 for a in (plan.kernels, blocks, plan.flags)),
            *(len(plan.steps), sync, address_of(self.times) if profile else 0),
        ]
        self._job = np.array(job, np.int64)
        self._blocks = blocks  # kept alive: the job points at them
        self.walk = self._walk()
        self._bound = [n for n in plan.inputs if n in plan.patches]
        self._copied = [(n, self.view(n)) for n in plan.inputs if n in plan.places]
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
        for name, view in self._copied:
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
            results[name] = view.copy()
        return results

    def _walk(self) -> Callable[[], int]:
        """Return a function that runs the kernels on what is in place, and returns what `driver.drive` returns."""
        crew, threads = self._crew, self.threads
        # Made beforehand: turning Python's numbers into C's takes longer than a small plan.
        job, first, one, all_of_them = map(ctypes.c_int64, (address_of(self._job), 0, 1, threads))
        short = crew is None and self.plan.traffic < SHORT
        alone = partial(callable_of(driver.drive, keeps_lock=short), job, first, one)
        if crew is None:
            return alone
        together = partial(callable_of(driver.drive), job, first, all_of_them)
        address = job.value

        def walk() -> int:
            if not crew.try_hire():
                return alone()
            with crew:
                crew.start(address, threads)
                return together()

        return walk
