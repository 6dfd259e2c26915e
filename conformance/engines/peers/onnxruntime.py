"""onnxruntime on the CPU, inputs and outputs bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ir import Array
from .table import PEERS, ModelFile, Peer


@PEERS.of("onnxruntime")
class OnnxRuntimePeer(Peer):
    """ONNX files in onnxruntime. Its idle workers spin, as is its default; they must rest before others are timed."""

    package = "onnxruntime"
    module = "onnxruntime"
    reads = "onnx"
    setting = "ORT_ENABLE_ALL, ORT_SEQUENTIAL, intra_op_num_threads, IO binding"

    def __init__(self, model: ModelFile, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 4
        self._session = ort.InferenceSession(model.content, options, ["CPUExecutionProvider"])
        self._value = ort.OrtValue.ortvalue_from_numpy
        self._inputs, self._fed = list(model.inputs), dict[str, Any]()
        self._binding = self._session.io_binding()
        for name in model.outputs:
            self._binding.bind_output(name)

    def feed(self, arrays: Sequence[Array]) -> None:
        for name, array in zip(self._inputs, arrays, strict=True):
            if name in self._fed:
                self._fed[name].update_inplace(array)
            else:
                self._fed[name] = self._value(np.array(array, order="C"))
                self._binding.bind_ortvalue_input(name, self._fed[name])

    def invoke(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> list[Array]:
        return list(self._binding.copy_outputs_to_cpu())
