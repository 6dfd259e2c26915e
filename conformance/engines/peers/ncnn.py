"""ncnn on the CPU; its files are made by pnnx."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....ir import Array
from ..child import EngineError
from .table import PEERS, ModelFile, Peer, converted

# All that would store or compute in fewer bits than float32.
NARROW = (
    "use_fp16_packed",
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_bf16_packed",
    "use_bf16_storage",
)


@PEERS.of("ncnn")
class NcnnPeer(Peer):
    """ONNX files, converted by pnnx, in ncnn. Its tensors have no batch axis: only batches of one can be run.

    pnnx is an executable in a package that asks for PyTorch, which the executable does not need.
    """

    package = "ncnn"
    module = "ncnn"
    reads = "onnx"
    setting = "fp16 and bf16 off, num_threads; the rest as it comes (Winograd, packing)"

    @classmethod
    def available(cls) -> bool:
        """Return whether both ncnn and its converter are installed."""
        return super().available() and importlib.util.find_spec("pnnx") is not None

    @classmethod
    def installation(cls) -> str:
        """Return the commands that install both."""
        return f"pip install {cls.package}; pip install --no-deps pnnx"

    def __init__(self, model: ModelFile, threads: int) -> None:
        import ncnn

        if any(shape[:1] != (1,) for shape in model.shapes):
            raise EngineError("ncnn runs batches of one")
        self._ncnn, self._net = ncnn, ncnn.Net()
        self._net.opt.num_threads = threads
        for option in NARROW:
            setattr(self._net.opt, option, False)
        shapes = ",".join(str(list(shape)).replace(" ", "") for shape in model.shapes)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "model.onnx").write_bytes(model.content)
            converted([_pnnx(), "model.onnx", f"inputshape={shapes}", "fp16=0"], folder)
            files = [str(folder / f"model.ncnn.{end}") for end in ("param", "bin")]
            if self._net.load_param(files[0]) or self._net.load_model(files[1]):
                raise EngineError("ncnn lacks an operator of the converted network")
        self._outputs = [f"out{i}" for i in range(len(model.outputs))]
        self._fed = dict[str, Any]()
        self._results: list[Any] = []

    def feed(self, arrays: Sequence[Array]) -> None:
        # a Mat made of an array refers to it without keeping it alive
        first = [np.array(a[0], order="C") for a in arrays]
        self._fed = {f"in{i}": self._ncnn.Mat(a).clone() for i, a in enumerate(first)}

    def invoke(self) -> None:
        run = self._net.create_extractor()
        for name, mat in self._fed.items():
            run.input(name, mat)
        self._results = [run.extract(name)[1] for name in self._outputs]

    def outputs(self) -> list[Array]:
        return [np.array(mat)[None] for mat in self._results]


def _pnnx() -> Path:
    spec = importlib.util.find_spec("pnnx")
    if spec is None or spec.origin is None:
        raise EngineError(f"pnnx is not installed: {NcnnPeer.installation()}")
    return Path(spec.origin).with_name("pnnx")
