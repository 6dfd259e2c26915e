"""LiteRT as a judged or judging engine, in a child process: its crashes and hangs stay there."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ...ir import Array, LitegoldError

WORKER = Path(__file__).with_name("litert_worker.py")


class EngineError(LitegoldError):
    """Another engine refused a model, crashed or did not answer in time."""


def available() -> bool:
    """Whether LiteRT is installed; does not import it."""
    return importlib.util.find_spec("ai_edge_litert") is not None


class LiteRT:
    """A persistent child process that runs TFLite models.

    Attributes:
        resolver: "reference" (the reference kernels, all tensors kept), "builtin" (the optimized
            kernels, all tensors kept) or "default" (XNNPACK; outputs only).
        threads: LiteRT's own threads.
        timeout: seconds after which a request counts as hung and the child is ended.
    """

    def __init__(
        self,
        resolver: Literal["reference", "builtin", "default"] = "reference",
        threads: int = 1,
        timeout: float = 120.0,
    ) -> None:
        self.resolver, self.threads, self.timeout = resolver, threads, timeout
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def run(
        self,
        model: bytes,
        feeds: Sequence[Mapping[int, Array]],
        *,
        tensors: Sequence[int] | Literal["outputs"] | None = None,
        keep_state: bool = False,
    ) -> list[dict[int, Array]]:
        """Run `model` on each of `feeds` (tensor index -> array) and return tensors by index.

        `tensors` selects what comes back: all (None), the outputs, or some indices. States are reset
        before the first run, and before each unless `keep_state`. Feed only inputs without a buffer.
        """
        request = {
            "model": bytes(model),
            "feeds": [dict(f) for f in feeds],
            "tensors": tensors,
            "keep_state": keep_state,
            "resolver": self.resolver,
            "threads": self.threads,
        }
        ok, answer = self._ask(request)
        if not ok:
            raise EngineError(f"LiteRT refuses: {answer}")
        return answer

    def _ask(self, request: dict[str, Any]) -> tuple[bool, Any]:
        if self._connection is None:
            self._start()
        assert self._connection is not None
        try:
            self._connection.send(request)
            if not self._connection.poll(self.timeout):
                self.close()
                raise EngineError(f"LiteRT gave no answer in {self.timeout} s")
            return self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            code = self._child.wait(10) if self._child else None
            self.close()
            raise EngineError(f"LiteRT crashed (exit code {code})") from None

    def _start(self) -> None:
        if not available():
            raise EngineError("LiteRT is not installed: pip install ai-edge-litert")
        ours, theirs = socket.socketpair()
        # -P keeps this folder, whose module names are those of engines, off the child's path
        self._child = subprocess.Popen(
            [sys.executable, "-P", str(WORKER), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._connection = Connection(ours.detach())

    def close(self) -> None:
        """End the child; the next request starts a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def __enter__(self) -> LiteRT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
