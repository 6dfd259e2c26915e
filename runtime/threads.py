"""The crew: worker threads that help to run plans, shared by all sessions of the process."""

from __future__ import annotations

import functools
import math
import os
import threading
from pathlib import Path
from types import TracebackType

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
        self._control = aligned(8 * driver.WORKER_WORDS * size)
        self._sync = aligned(8 * driver.SYNC_WORDS * (size + 1))
        self._busy = threading.Lock()
        self._wake = [threading.Lock() for _ in range(size)]  # held, but for a moment at a wake-up
        self._job = np.zeros(3, np.int64)
        (self._drive,) = addresses([driver.drive])
        self._serve = callable_of(driver.serve)
        self._publish = callable_of(driver.publish, keeps_lock=True)
        for lock in self._wake:
            lock.acquire()
        for worker in range(1, size):
            threading.Thread(
                target=self._work, args=(worker,), name=f"litegold-{worker}", daemon=True
            ).start()

    def _work(self, worker: int) -> None:
        block = np.array([self._control.ctypes.data, self._drive], np.int64)
        while True:
            if self._serve(block.ctypes.data, worker, self.size):
                self._wake[worker].acquire()

    def sync(self, threads: int) -> int:
        """Return the address of the words at which so many threads meet."""
        return self._sync.ctypes.data + 8 * driver.SYNC_WORDS * threads

    def try_hire(self) -> bool:
        """Take the crew for one plan, unless it is busy."""
        return self._busy.acquire(blocking=False)

    def start(self, job: int, threads: int) -> None:
        """Set the workers 1 .. threads - 1 going; the caller, who has hired, then drives as thread 0."""
        self._job[:] = self._control.ctypes.data, job, self.sync(threads)
        asleep = self._publish(self._job.ctypes.data, 0, threads)
        while asleep:
            worker = asleep.bit_length() - 1
            self._wake[worker].release()
            asleep ^= 1 << worker

    def dismiss(self) -> None:
        """Give the crew back; `drive` has returned."""
        self._busy.release()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.dismiss()


@functools.cache
def crew(size: int) -> Crew:
    """Return the crew of that size; it lives as long as the process."""
    return Crew(size)


# A forked child has none of the threads.
os.register_at_fork(after_in_child=crew.cache_clear)
