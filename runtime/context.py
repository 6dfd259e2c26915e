"""A context: the memory in which one run of a plan at a time takes place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np

from ..ir import Array, RunError
from ..jit_kernels import driver
from ..jit_kernels.kernel import CODES
from ..jit_kernels.loading import callable_of
from .plan import Plan
from .threads import Crew, aligned, crew, usable_cores


@functools.cache
def _drive() -> Callable[[int, int, int], int]:
    return callable_of(driver.drive)


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
        self._job_address = address_of(self._job)
        self._blocks, self._drive = blocks, _drive()  # kept alive: the job points at them
        self._inputs = [(n, self.view(n) if n in plan.places else None) for n in plan.inputs]
        self._outputs = [(n, self.view(n) if n in plan.places else None) for n in plan.outputs]

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
        for name, view in self._inputs:
            array = feeds[name]
            if view is not None:
                view[...] = array
            elif name in self.plan.patches:
                if not (array.flags.c_contiguous and array.flags.aligned):
                    array = np.array(array, order="C")
                alive.append(array)
                self._bind(name, array)
        results = {}
        for name, view in self._outputs:
            if view is None:
                t = self.plan.types[name]
                results[name] = out[name] if name in out else np.empty(t.shape, t.dtype)
                self._bind(name, results[name])
        failure = self.walk()
        if failure != driver.NONE:
            step, code = divmod(failure, 256)
            reason = CODES.get(code, f"the kernel returned {code}")
            raise RunError(f"{self.plan.steps[step].node}: {reason}")
        for name, view in self._outputs:
            if view is not None:
                results[name] = view.copy()
        return results

    def walk(self) -> int:
        """Run the kernels on what is in place; return what `driver.drive` returns."""
        if self._crew and self._crew.try_hire():
            with self._crew:
                self._crew.start(self._job_address, self.threads)
                return self._drive(self._job_address, 0, self.threads)
        return self._drive(self._job_address, 0, 1)
