"""The driver: compiled code that walks a plan, on one thread or on several that meet after each step.

Words that threads share lie 64 bytes apart. Where threads meet (`sync`): 0 those arrived, 8 the epoch (it grows by
2 with each meeting, and is odd after one where a step had failed), 16 the failure (256 * step + code, or NONE).
These words outlive the job, and a number of threads has its own: a slow worker may still read them when the next
job begins. A worker's letter box: its job or 0, the job's threads, and whether the worker is parked.
"""

from __future__ import annotations

from .atomics import (
    atomic_add,
    atomic_load,
    atomic_min,
    atomic_replace,
    atomic_store,
    call_address,
    give_way,
    pause,
    read_clock,
)
from .kernel import I64, OK, S64, U8, inlined, kernel

SERIAL, MEET = 1, 2  # flags of a step: one thread does it; all threads meet after it
ARRIVED, EPOCH, FAILURE = 0, 8, 16  # words of `sync`
SYNC_WORDS = 24
NONE = 1 << 62
JOB, JOB_THREADS, PARKED, WORKER_WORDS = 0, 1, 2, 8
SPINS = 4000  # rounds of a waiting loop before it lets others have the core
FEWEST_SPINS = 30  # so few where that did not do: the threads seem to share a core
RETRIES = 64  # such hand-overs before an idle worker parks


@inlined
def meet(sync, threads, patience):  # type: ignore[no-untyped-def]
    """Wait until all threads are here; return whether a step has failed, and how long to spin next time."""
    epoch = atomic_load(sync + 8 * EPOCH)
    if atomic_add(sync + 8 * ARRIVED, 1) == threads - 1:
        atomic_store(sync + 8 * ARRIVED, 0)
        failed = 1 if atomic_load(sync + 8 * FAILURE) != NONE else 0
        atomic_store(sync + 8 * EPOCH, (epoch | 1) + 1 + failed)
        return failed, patience
    spins = 0
    now = atomic_load(sync + 8 * EPOCH)
    while now == epoch:
        spins += 1
        if spins < patience:
            pause()
        else:
            give_way()
        now = atomic_load(sync + 8 * EPOCH)
    if spins < patience:
        return now & 1, min(2 * patience, SPINS)
    return now & 1, max(patience // 8, FEWEST_SPINS)


@inlined
def walk_alone(kernels, blocks, flags, steps, times):  # type: ignore[no-untyped-def]
    """Run all steps; return the first failure."""
    for i in range(steps):
        code = call_address(kernels[i], blocks[i], 0, 1)
        if times != 0:
            read_clock(times + 16 * (i + 1))
        if code != OK:
            return 256 * i + (code & 255)
    return NONE


@inlined
def walk_together(kernels, blocks, flags, steps, sync, times, tid, threads):  # type: ignore[no-untyped-def]
    """Run my share of all steps; return the first failure of any thread."""
    failed, stop, patience = 0, 0, SPINS
    for i in range(steps):
        code = 0
        if failed == 0 and flags[i] & SERIAL == 0:
            code = call_address(kernels[i], blocks[i], tid, threads)
        elif failed == 0 and tid == 0:
            code = call_address(kernels[i], blocks[i], 0, 1)
        if code != OK:
            failed = 1
            atomic_min(sync + 8 * FAILURE, 256 * i + (code & 255))
        if flags[i] & MEET != 0:
            stop, patience = meet(sync, threads, patience)
            if stop != 0:
                break
        if times != 0 and tid == 0:
            read_clock(times + 16 * (i + 1))
    return atomic_load(sync + 8 * FAILURE)


@kernel
def drive(
    kernels: S64, blocks: S64, flags: U8, steps: I64, sync: I64, times: I64, tid: I64, threads: I64
) -> I64:
    """Walk a plan; return NONE, or 256 * step + code of the first failure.

    The job is this function's own argument block. The last step's flags must have MEET.
    """
    if times != 0 and tid == 0:
        read_clock(times)
    if threads == 1:
        return walk_alone(kernels, blocks, flags, steps, times)
    return walk_together(kernels, blocks, flags, steps, sync, times, tid, threads)


@kernel
def publish(control: I64, job: I64, sync: I64, tid: I64, threads: I64) -> I64:
    """Hand `job` to the workers 1 .. threads - 1; return the set of those that are parked, as bits."""
    atomic_store(sync + 8 * FAILURE, NONE)
    asleep = 0
    for worker in range(1, threads):
        box = control + 8 * WORKER_WORDS * worker
        atomic_store(box + 8 * JOB_THREADS, threads)
        atomic_store(box + 8 * JOB, job)
        if atomic_replace(box + 8 * PARKED, 1, 0) != 0:
            asleep |= 1 << worker
    return asleep


@kernel
def serve(control: I64, run: I64, tid: I64, threads: I64) -> I64:
    """Do jobs as worker `tid` until none comes for a while; the caller then parks this thread.

    `run` is the address of `drive`. Returns 1 when parked, 0 when a job has just come.
    """
    box = control + 8 * WORKER_WORDS * tid
    idle = 0
    while idle < SPINS + RETRIES:
        job = atomic_load(box + 8 * JOB)
        if job != 0:
            count = atomic_load(box + 8 * JOB_THREADS)
            atomic_store(box + 8 * JOB, 0)
            call_address(run, job, tid, count)
            idle = 0
        idle += 1
        if idle < SPINS:
            pause()
        else:
            give_way()
    atomic_store(box + 8 * PARKED, 1)
    if atomic_load(box + 8 * JOB) == 0:
        return 1
    # A job came in between: whoever takes the mark away decides whether a wake-up call is under way.
    return 1 - atomic_replace(box + 8 * PARKED, 1, 0)
