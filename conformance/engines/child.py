"""Another engine in a child process: its crashes and hangs stay there."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from ...ir import LitegoldError


class EngineError(LitegoldError):
    """Another engine refused a model, crashed or did not answer in time."""


class Child:
    """A persistent child process that answers requests; a new one follows where it died.

    Attributes:
        name: of the engine, for messages.
        package: that must be installed, as the package index calls it.
        worker: the script that the child runs.
        timeout: seconds after which a request counts as hung and the child is ended.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    worker: ClassVar[Path]

    def __init__(self, timeout: float = 120.0) -> None:
        self.timeout = timeout
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @classmethod
    def available(cls) -> bool:
        """Return whether the engine is installed; does not import it."""
        return importlib.util.find_spec(cls.package.replace("-", "_")) is not None

    def ask(self, request: dict[str, Any]) -> Any:
        """Return the answer to a request; whatever goes wrong there is an EngineError."""
        if self._connection is None:
            self._start()
        assert self._connection is not None
        try:
            self._connection.send(request)
            if not self._connection.poll(self.timeout):
                self.close()
                raise EngineError(f"{self.name} gave no answer in {self.timeout} s")
            ok, answer = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            code = self._child.wait(10) if self._child else None
            self.close()
            raise EngineError(f"{self.name} crashed (exit code {code})") from None
        if not ok:
            raise EngineError(f"{self.name} refuses: {answer}")
        return answer

    def _start(self) -> None:
        if not self.available():
            raise EngineError(f"{self.name} is not installed: pip install {self.package}")
        ours, theirs = socket.socketpair()
        # -P keeps this folder, whose module names are those of engines, off the child's path
        self._child = subprocess.Popen(
            [sys.executable, "-P", str(self.worker), str(theirs.fileno())],
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

    def __enter__(self) -> Self:
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
