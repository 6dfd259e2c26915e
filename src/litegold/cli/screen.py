"""What the verbs show: tables, a progress bar for what takes long, JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID

# A file or a pipe has no width: tables are then laid out for 120 columns.
out = Console(width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True)


def emit_json(value: Any) -> None:
    """Print a value as JSON, NumPy numbers included; infinities and NaN become strings."""
    print(json.dumps(_plain(value), indent=1))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


class Bar:
    """A progress bar on stderr that appears only once two seconds have passed."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._began = progress, time.monotonic()
        self._task: TaskID | None = None

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show that `done` of `of` steps are done, and what is under way."""
        if self._task is None:
            if time.monotonic() - self._began < 2:
                return
            self._progress.start()
            self._task = self._progress.add_task(what, total=of)
        self._progress.update(self._task, description=what, completed=done, total=of)


@contextmanager
def bar() -> Iterator[Bar]:
    """Give a progress callback `(what, done, of)`."""
    progress = Progress(console=err, transient=True)
    try:
        yield Bar(progress)
    finally:
        progress.stop()
