"""Have kernels compiled by child processes, two at a time, under a watchdog."""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..ir import LitegoldError
from .cache import module_digest
from .isa import cpu
from .kernel import Kernel

TIMEOUT = 120.0  # seconds that one kernel may take, the start of the child included
QUIET = 2.0  # seconds before progress is reported


class CompileError(LitegoldError):
    """A kernel could not be compiled: a mistake in it, or the compiler hung or crashed."""


def _report(done: int, total: int, name: str) -> None:
    """Say on stderr what is being compiled."""
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    print(
        f"litegold: compiling kernels, {done} of {total} done: {name:40}", end=end, file=sys.stderr
    )


report: Callable[[int, int, str], None] = _report  # report(done, total, what is being compiled)


class _Child:
    """One compiler process and the kernel it is busy with."""

    def __init__(self) -> None:
        name, features = cpu()
        paths = os.pathsep.join(os.path.abspath(p) for p in sys.path)
        limits = {"PYTHONPATH": paths, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.compiler"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env={**os.environ, **limits, "NUMBA_DISABLE_JIT": "0"},
        )  # fmt: skip
        self.kernel: Kernel | None = None
        self.since = 0.0
        self.received = b""

    def ask(self, kernel: Kernel, symbol: str) -> None:
        self.kernel, self.since, self.received = kernel, time.monotonic(), b""
        function = kernel.function
        request = {
            "module": function.__module__, "function": function.__qualname__, "file": kernel.file,
            "symbol": symbol, "abi": list(kernel.abi), "sources": module_digest(kernel.file),
        }  # fmt: skip
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.failure("crashed") from None

    def read(self) -> dict[str, Any] | None:
        """Return the answer, once all of it is there."""
        assert self.process.stdout
        part = os.read(self.process.stdout.fileno(), 1 << 20)
        if not part:
            raise self.failure(f"crashed (exit status {self.process.wait()})")
        self.received += part
        return json.loads(self.received) if part.endswith(b"\n") else None

    def failure(self, how: str) -> CompileError:
        self.log.seek(max(self.log.seek(0, os.SEEK_END) - 2000, 0))
        tail = self.log.read().decode(errors="replace").strip()
        name = self.kernel.name if self.kernel else "?"
        return CompileError(f"kernel {name}: the compiler {how}" + (f"\n{tail}" if tail else ""))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


_children: list[
    _Child
] = []  # idle ones, kept: starting one takes as long as compiling five kernels
_lock = threading.RLock()


def _stop_all() -> None:
    while _children:
        _children.pop().stop()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_children.clear)


def compile_batch(wanted: Mapping[Kernel, str]) -> dict[Kernel, tuple[bytes, bool]]:
    """Compile each kernel under its symbol. Returns the object code, and whether it may be kept."""
    with _lock:
        todo, done = list(wanted.items()), dict[Kernel, tuple[bytes, bool]]()
        busy: list[_Child] = []
        start = said = time.monotonic()
        try:
            workers = min(2, len(os.sched_getaffinity(0)), (len(todo) + 3) // 4)
            while todo or busy:
                while todo and len(busy) < workers:
                    child = _children.pop() if _children else _Child()
                    busy.append(child)
                    child.ask(*todo.pop(0))
                for child in _ready(busy):
                    answer = child.read()
                    if answer is None:
                        continue
                    assert child.kernel
                    done[child.kernel] = _object(child.kernel, answer)
                    if todo:
                        child.ask(*todo.pop(0))
                    else:
                        busy.remove(child)
                        _children.append(child)
                now = time.monotonic()
                if now - start > QUIET and now - said > QUIET:
                    said = now
                    report(
                        len(done),
                        len(wanted),
                        ", ".join(c.kernel.__name__ for c in busy if c.kernel),
                    )
        finally:
            for child in busy:
                child.stop()
        if said != start:
            report(len(done), len(wanted), "finished")
        return done


def _object(kernel: Kernel, answer: dict[str, Any]) -> tuple[bytes, bool]:
    if "error" in answer:
        raise CompileError(f"kernel {kernel.name}: {answer['error']}\n{answer['where']}")
    return base64.b64decode(answer["object"]), answer["current"]


def _ready(busy: list[_Child]) -> list[_Child]:
    """Wait up to a moment for answers; a child that is over its time is an error."""
    with selectors.DefaultSelector() as selector:
        for child in busy:
            assert child.process.stdout
            selector.register(child.process.stdout, selectors.EVENT_READ, child)
        ready = [key.data for key, _ in selector.select(timeout=0.5)]
    for child in busy:
        if child not in ready and time.monotonic() - child.since > TIMEOUT:
            raise child.failure(f"did not finish in {TIMEOUT:.0f} s")
    return ready
