"""LiteRT as a judged or judging engine, in a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...ir import Array
from .child import Child, EngineError

__all__ = ["EngineError", "LiteRT"]


class LiteRT(Child):
    """A persistent child process that runs TFLite models.

    Attributes:
        resolver: "reference" (the reference kernels, all tensors kept), "builtin" (the optimized
            kernels, all tensors kept) or "default" (XNNPACK; outputs only).
        threads: LiteRT's own threads.
        timeout: seconds after which a request counts as hung and the child is ended.
    """

    name = "LiteRT"
    package = "ai-edge-litert"
    worker = Path(__file__).with_name("litert_worker.py")

    def __init__(
        self,
        resolver: Literal["reference", "builtin", "default"] = "reference",
        threads: int = 1,
        timeout: float = 120.0,
    ) -> None:
        super().__init__(timeout)
        self.resolver, self.threads = resolver, threads

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
        answer: list[dict[int, Array]] = self.ask(request)
        return answer
