"""LiteRT with its default delegate, XNNPACK."""

from __future__ import annotations

from collections.abc import Sequence

from ....ir import Array
from ..litert_worker import LocalLiteRT
from .table import PEERS, ModelFile, Peer


@PEERS.of("LiteRT")
class LiteRTPeer(Peer):
    """TFLite files in LiteRT's default resolver, which hands what it can to XNNPACK."""

    package = "ai-edge-litert"
    module = "ai_edge_litert"
    reads = "tflite"
    setting = "default resolver (XNNPACK), num_threads"

    def __init__(self, model: ModelFile, threads: int) -> None:
        local = LocalLiteRT(model.content, "default", threads)
        self._interpreter, self._outputs = local.interpreter, local.outputs
        self._inputs = list(local.shapes)
        self.invoke = self._interpreter.invoke  # type: ignore[method-assign]

    def feed(self, arrays: Sequence[Array]) -> None:
        for index, array in zip(self._inputs, arrays, strict=True):
            self._interpreter.set_tensor(index, array)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[Array]:
        return [self._interpreter.get_tensor(index) for index in self._outputs]
