"""OpenVINO on the CPU, in float32: left alone it computes in bfloat16 where the processor can."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from ....ir import Array
from .table import PEERS, ModelFile, Peer


@PEERS.of("OpenVINO")
class OpenVinoPeer(Peer):
    """ONNX files in OpenVINO, one request at a time."""

    package = "openvino"
    module = "openvino"
    reads = "onnx"
    setting = "INFERENCE_PRECISION_HINT=f32, PERFORMANCE_HINT=LATENCY, NUM_STREAMS=1, INFERENCE_NUM_THREADS"
    precision = "f32"

    def __init__(self, model: ModelFile, threads: int) -> None:
        # Without this module OpenVINO takes its own stub in place of what reports use to its maker.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
        }
        core = openvino.Core()
        self._compiled = core.compile_model(core.read_model(model.content), "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._inputs = [self._request.get_input_tensor(i) for i in range(len(model.inputs))]
        self._count = len(model.outputs)

    def feed(self, arrays: Sequence[Array]) -> None:
        for tensor, array in zip(self._inputs, arrays, strict=True):
            tensor.data[...] = array

    def invoke(self) -> None:
        self._request.start_async()  # infer() copies the outputs in addition
        self._request.wait()

    def outputs(self) -> list[Array]:
        return [np.array(self._request.get_output_tensor(i).data) for i in range(self._count)]
