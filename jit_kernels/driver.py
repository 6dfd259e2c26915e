"""The driver: compiled code that walks a plan, on one thread or on several that share its stages.

A stage is one step that threads share, or some in a row that one thread does. A word says where a run stands: the
run's number, the stage, which shares of it are done, and which are claimed. A thread claims its own share, then any
other that nobody has begun: so one that is late (it slept, or the system gave its core to others) is not waited for,
only a share in the making is. A stage that is not shared is the caller's, whose cache has what it wrote. Who does the
last share opens the next stage. Shares are the same whoever does them, and so are the bits.

A thread that is late may look at a run's job after its end; it claims nothing then, since the number of the run is
another, but the job's memory must still be there: `BUSY` says so. Words that threads share lie 64 bytes apart. The
crew's words: 0 where the run stands, 8 the failure (256 * step + code, or NONE), 16 the number of the last run. A
worker's letter box: its job or 0, whether it may be looking at one, and whether it is parked.
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
from .kernel import I64, OK, S64, inlined, kernel

STAND, FAILURE, RUN, CREW_WORDS = 0, 8, 16, 24  # words of the crew
JOB, BUSY, PARKED, BOX_WORDS = 0, 1, 2, 8  # and of a worker, after these
JOB_RUN = 7  # position of the number of the run in a job, the argument block of `drive`
SHARES = 12  # most shares of a stage, and so threads
DONE_AT, STAGE_AT, RUN_AT = (
    12,
    24,
    40,
)  # lowest bits in the word where the run stands; claims are below
MOST_STAGES = (1 << (RUN_AT - STAGE_AT)) - 2
RUNS = 1 << 23
NONE = 1 << 62
SPINS = 4000  # rounds of a waiting loop before it lets others have the core
FEWEST_SPINS = 30  # so few where that did not do: the threads seem to share a core
RETRIES = 64  # such hand-overs before an idle worker parks


@inlined
def do_share(kernels, blocks, first, stop, share, shares, times):  # type: ignore[no-untyped-def]
    """Run one share of some steps; return the first failure."""
    for i in range(first, stop):
        code = call_address(kernels[i], blocks[i], share, shares)
        if times != 0:
            read_clock(times + 16 * (i + 1))
        if code != OK:
            return 256 * i + (code & 255)
    return NONE


@inlined
def free_share(stand, shares, tid):  # type: ignore[no-untyped-def]
    """Return a share that nobody has claimed, mine if it is one; else -1."""
    if tid < shares and (stand >> tid) & 1 == 0:
        return tid
    for share in range(shares):
        if (stand >> share) & 1 == 0:
            return share
    return -1


@inlined
def walk_together(kernels, blocks, stages, count, crew, times, run, tid, threads):  # type: ignore[no-untyped-def]
    """Do shares until the run is over; return the first failure of any thread."""
    patience, spins = SPINS, 0
    while True:
        stand = atomic_load(crew + 8 * STAND)
        stage = (stand >> STAGE_AT) & (MOST_STAGES + 1)
        if stand >> RUN_AT != run or stage == count:
            break
        shares = threads if stages[3 * stage + 2] != 0 else 1
        share = free_share(stand, shares, tid) if shares > 1 or tid == 0 else -1
        if share < 0:
            spins += 1
            if spins < patience:
                pause()
            else:
                give_way()
            continue
        if atomic_replace(crew + 8 * STAND, stand, stand | (1 << share)) == 0:
            continue
        if spins >= patience:
            patience = max(patience // 8, FEWEST_SPINS)
        elif spins > 0:
            patience = min(2 * patience, SPINS)
        spins = 0
        failure = do_share(
            kernels, blocks, stages[3 * stage], stages[3 * stage + 1], share, shares, times
        )
        if failure != NONE:
            atomic_min(crew + 8 * FAILURE, failure)
        stand = atomic_add(crew + 8 * STAND, 1 << (DONE_AT + share)) >> DONE_AT
        if (stand | (1 << share)) & ((1 << shares) - 1) == (1 << shares) - 1:
            following = stage + 1 if atomic_load(crew + 8 * FAILURE) == NONE else count
            atomic_store(crew + 8 * STAND, (run << RUN_AT) | (following << STAGE_AT))
    return atomic_load(crew + 8 * FAILURE)


@kernel
def drive(
    kernels: S64,
    blocks: S64,
    steps: I64,
    stages: S64,
    count: I64,
    crew: I64,
    times: I64,
    run: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Walk a plan; return NONE, or 256 * step + code of the first failure.

    The job is this function's own argument block. `stages` has the first step of each, the one after its last, and
    whether threads share it.
    """
    if times != 0 and tid == 0:
        read_clock(times)
    if threads == 1:
        return do_share(kernels, blocks, 0, steps, 0, 1, times)
    return walk_together(kernels, blocks, stages, count, crew, times, run, tid, threads)


@inlined
def drive_to_the_end(drive, job, crew, threads):  # type: ignore[no-untyped-def]
    """Walk the plan as thread 0, then take the job from the workers that have not."""
    failure = call_address(drive, job, 0, threads)
    for worker in range(1, threads):
        atomic_replace(crew + 8 * (CREW_WORDS + BOX_WORDS * worker + JOB), job, 0)
    return failure


@kernel
def lead(drive: I64, job: I64, crew: I64, tid: I64, threads: I64) -> I64:
    """Hand `job` to the workers and walk it with them; return what `drive` does.

    If some are parked, return these at once, as bits of a negative number: `go_on` does the rest.
    """
    run = (atomic_load(crew + 8 * RUN) + 1) % RUNS
    atomic_store(crew + 8 * RUN, run)
    atomic_store(job + 8 * JOB_RUN, run)
    atomic_store(crew + 8 * FAILURE, NONE)
    atomic_store(crew + 8 * STAND, run << RUN_AT)
    asleep = 0
    for worker in range(1, threads):
        box = crew + 8 * (CREW_WORDS + BOX_WORDS * worker)
        atomic_store(box + 8 * JOB, job)
        if atomic_replace(box + 8 * PARKED, 1, 0) != 0:
            asleep |= 1 << worker
    if asleep != 0:
        return -asleep
    return drive_to_the_end(drive, job, crew, threads)


@kernel
def go_on(drive: I64, job: I64, crew: I64, tid: I64, threads: I64) -> I64:
    """Do what `lead` left, now that workers are being woken."""
    return drive_to_the_end(drive, job, crew, threads)


@kernel
def serve(crew: I64, drive: I64, tid: I64, threads: I64) -> I64:
    """Do jobs as worker `tid` until none comes for a while; the caller then parks this thread.

    Returns 1 when parked, 0 when a job has just come.
    """
    box = crew + 8 * (CREW_WORDS + BOX_WORDS * tid)
    idle = 0
    while idle < SPINS + RETRIES:
        if atomic_load(box + 8 * JOB) != 0:
            atomic_store(
                box + 8 * BUSY, 1
            )  # before the job is taken: it may end any time until then
            job = atomic_load(box + 8 * JOB)
            if job != 0 and atomic_replace(box + 8 * JOB, job, 0) != 0:
                call_address(drive, job, tid, threads)
                idle = 0
            atomic_store(box + 8 * BUSY, 0)
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
