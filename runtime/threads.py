"""The crew: worker threads that help to run plans, shared by all sessions of the process."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ..ir import Array
from ..jit_kernels import driver
from ..jit_kernels.loading import addresses, callable_of

ALIGNMENT = 64


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity mask and its container's quota."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(cores, 1)


_core = getattr(ctypes.CDLL(None), "sched_getcpu", lambda: -1)


def _move(thread: int, cores: set[int]) -> None:
    """Let a thread run on some cores only; where the system refuses that, it runs anyway."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(thread, cores)


def aligned(nbytes: int) -> Array:
    """Return zeroed bytes that start at a multiple of 64."""
    room = np.zeros(nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + nbytes]


def aligned_copy(value: Array) -> Array:
    """Return a C-contiguous copy that starts at a multiple of 64; the array itself where it does so."""
    if value.flags.c_contiguous and value.ctypes.data % ALIGNMENT == 0:
        return value
    room = aligned(value.nbytes).view(value.dtype).reshape(value.shape)
    room[...] = value
    return room


class Crew:
    """`size - 1` parked threads and the caller: together they walk a plan. One plan at a time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._words = aligned(8 * (driver.CREW_WORDS + driver.BOX_WORDS * size)).view(np.int64)
        self.address = self._words.ctypes.data
        self._busy = threading.Lock()
        self._wake = [threading.Lock() for _ in range(size)]  # held, but for a moment at a wake-up
        (self._drive,) = addresses([driver.drive])
        self._serve = callable_of(driver.serve)
        self._go_on = callable_of(driver.go_on)
        self._lead = callable_of(driver.lead)
        self._held: list[tuple[object, ...]] = []
        self._native = [0] * size  # the system's number of each worker
        self._allowed = [set[int]()] * size  # the cores that each may use
        for lock in self._wake:
            lock.acquire()
        for worker in range(1, size):
            threading.Thread(
                target=self._work, args=(worker,), name=f"litegold-{worker}", daemon=True
            ).start()

    def _work(self, worker: int) -> None:
        block = np.array([self.address, self._drive], np.int64)
        self._native[worker] = threading.get_native_id()
        while True:
            if self._serve(block.ctypes.data, worker, self.size):
                self._wake[worker].acquire()
                _move(0, self._allowed[worker])

    def runner(self, job: int, memory: object) -> Callable[[], int | None]:
        """Return a function that walks a job together, and returns what `driver.drive` does; None if the crew is busy.

        `memory` owns what the job points at: a worker that comes late may still look at it when the run is over.
        """
        block = np.array([self._drive, job, self.address], np.int64)
        given = [ctypes.c_int64(n) for n in (block.ctypes.data, 0, self.size)]
        lead, go_on = partial(self._lead, *given), partial(self._go_on, *given)
        owners = (memory, block)

        def run() -> int | None:
            if not self._busy.acquire(blocking=False):
                return None
            try:
                if not self._held or self._held[-1] is not owners:
                    self._hold(owners)
                failure = lead()
                if failure < 0:
                    self._rouse(-failure)
                    failure = go_on()
                return failure
            finally:
                self._busy.release()

        return run

    def _rouse(self, asleep: int) -> None:
        """Wake parked workers, given as bits, on other cores than this one.

        The system may wake a worker where it last ran, behind its caller, while another core is idle (Linux looks for
        none after a busy time): the worker would then come only when a time slice is over, milliseconds later. It is
        free to go anywhere again once it runs.
        """
        here = {_core()}
        while asleep:
            worker = asleep.bit_length() - 1
            allowed = self._allowed[worker] = os.sched_getaffinity(self._native[worker])
            _move(self._native[worker], allowed - here or allowed)
            self._wake[worker].release()
            asleep ^= 1 << worker

    def _hold(self, owners: tuple[object, ...]) -> None:
        """Keep the memory of the job to come, and forget that of earlier ones if no worker looks at it any more."""
        boxes = self._words[driver.CREW_WORDS :].reshape(self.size, driver.BOX_WORDS)
        if not boxes[:, driver.BUSY].any():
            self._held.clear()
        self._held.append(owners)


@functools.cache
def crew(size: int) -> Crew:
    """Return the crew of that size; it lives as long as the process."""
    return Crew(size)


# A forked child has none of the threads.
os.register_at_fork(after_in_child=crew.cache_clear)
