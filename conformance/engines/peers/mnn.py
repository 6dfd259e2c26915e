"""MNN on the CPU, through its module interface."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....ir import Array
from .table import PEERS, ModelFile, Peer, converted, python

# What the executable `mnnconvert` calls. Its Python wrapper, which would install a package that reports each
# conversion to its maker, is left out.
CONVERT = "import sys, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"


@PEERS.of("MNN")
class MnnPeer(Peer):
    """ONNX files, converted, in MNN.

    A session of MNN's older interface may overwrite its inputs as it runs; a module keeps them, in the same time.
    Inputs are built from tuples: from arrays they have come out wrong.
    """

    package = "mnn"
    module = "MNN"
    reads = "onnx"
    setting = "precision high, numThread"

    def __init__(self, model: ModelFile, threads: int) -> None:
        import MNN.expr
        import MNN.nn

        self._expr = MNN.expr
        self._shapes = model.shapes
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "model.onnx").write_bytes(model.content)
            files = ["--modelFile", "model.onnx", "--MNNModel", "model.mnn"]
            converted([*python(), CONVERT, "-f", "ONNX", *files, "--bizCode", "litegold"], folder)
            config = {"backend": "CPU", "numThread": threads, "precision": "high"}
            self._runtime = MNN.nn.create_runtime_manager((config,))
            self._module = MNN.nn.load_module_from_file(
                str(folder / "model.mnn"),
                list(model.inputs),
                list(model.outputs),
                runtime_manager=self._runtime,
                dynamic=False,
                shape_mutable=False,
            )
        self._fed: list[Any] = []
        self._results: Any = None

    def feed(self, arrays: Sequence[Array]) -> None:
        e = self._expr
        kinds = {"f": e.float, "i": e.int}
        self._fed = [
            e.const(tuple(a.ravel().tolist()), list(a.shape), e.NCHW, kinds[a.dtype.kind])
            for a in arrays
        ]

    def invoke(self) -> None:
        self._results = self._module.onForward(self._fed)

    def outputs(self) -> list[Array]:
        e = self._expr
        return [np.array(e.convert(r, e.NCHW).read(), copy=True) for r in self._results]
