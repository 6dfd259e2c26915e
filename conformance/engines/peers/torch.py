"""PyTorch on the CPU: it reads no files, so an ONNX file's nodes are said in its functions, traced and frozen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ....ir import Array
from ..child import EngineError
from .table import PEERS, ModelFile, Peer

Tensor = Any
Translation = Callable[..., Any]
# ONNX's operator -> f(torch, attributes, *tensors), for the operators of networks that are timed.
TRANSLATIONS: dict[str, Translation] = {}
WARM_UP = 3  # runs in which a traced function is optimised


def translates(name: str) -> Callable[[Translation], Translation]:
    """Enter the decorated function as what an operator is in PyTorch."""
    return lambda f: TRANSLATIONS.setdefault(name, f)


def _simple(name: str, path: str) -> None:
    """Enter an operator that is one of PyTorch's functions, without attributes."""

    def call(torch: Any, attributes: Mapping[str, Any], *tensors: Tensor) -> Tensor:
        found = torch
        for part in path.split("."):
            found = getattr(found, part)
        return found(*tensors)

    TRANSLATIONS[name] = call


for _name, _path in (
    ("Add", "add"),
    ("Mul", "mul"),
    ("Relu", "relu"),
    ("MatMul", "matmul"),
):
    _simple(_name, _path)


def _padded(torch: Any, x: Tensor, attributes: Mapping[str, Any], value: float) -> Tensor:
    """Return `x` with the padding that differs from side to side, and what is left: the same on both."""
    pads = list(attributes.get("pads", [0] * (2 * (x.dim() - 2))))
    half = len(pads) // 2
    if pads[:half] == pads[half:]:
        return x, pads[:half]
    order = [pads[axis + side * half] for axis in reversed(range(half)) for side in (0, 1)]
    return torch.nn.functional.pad(x, order, value=value), [0] * half


@translates("Conv")
def conv(
    torch: Any, attributes: Mapping[str, Any], x: Tensor, w: Tensor, b: Tensor | None = None
) -> Tensor:
    """Images of any number of axes; padding that PyTorch cannot say goes before."""
    x, pad = _padded(torch, x, attributes, 0.0)
    run = getattr(torch.nn.functional, f"conv{x.dim() - 2}d")
    ones = [1] * (x.dim() - 2)
    more = (attributes.get("strides", ones), pad, attributes.get("dilations", ones))
    return run(x, w, b, *more, attributes.get("group", 1))


@translates("MaxPool")
def max_pool(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """Windows over planes, what is around them left out."""
    x, pad = _padded(torch, x, attributes, float("-inf"))
    sizes = attributes["kernel_shape"]
    return torch.nn.functional.max_pool2d(x, sizes, attributes.get("strides", [1, 1]), pad)


@translates("AveragePool")
def average_pool(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """Windows over planes, what is around them not counted; padding is the same on both sides."""
    if _padded(torch, x, attributes, 0.0)[0] is not x:
        raise EngineError("PyTorch pads averages the same on both sides")
    pad = list(attributes.get("pads", [0, 0, 0, 0]))[:2]
    strides = attributes.get("strides", [1, 1])
    pool = torch.nn.functional.avg_pool2d
    return pool(x, attributes["kernel_shape"], strides, pad, count_include_pad=False)


@translates("GlobalAveragePool")
def global_average_pool(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """The mean of each plane."""
    return torch.nn.functional.adaptive_avg_pool2d(x, 1)


@translates("Clip")
def clip(torch: Any, attributes: Mapping[str, Any], x: Tensor, *ends: Tensor | None) -> Tensor:
    """Ends are constants; from 0 to 6 it is a function that PyTorch fuses."""
    values = [None if end is None else float(end) for end in (*ends, None, None)[:2]]
    return torch.nn.functional.relu6(x) if values == [0.0, 6.0] else torch.clamp(x, *values)


@translates("Gemm")
def gemm(
    torch: Any, attributes: Mapping[str, Any], x: Tensor, w: Tensor, b: Tensor | None = None
) -> Tensor:
    """Fully connected layers: factors of one, rows as they are."""
    if {attributes.get("alpha", 1.0), attributes.get("beta", 1.0)} != {1.0} or attributes.get(
        "transA"
    ):
        raise EngineError("Gemm with factors or a transposed A")
    return torch.nn.functional.linear(x, w if attributes.get("transB") else w.T, b)


@translates("Concat")
def concat(torch: Any, attributes: Mapping[str, Any], *tensors: Tensor) -> Tensor:
    """Along an axis."""
    return torch.cat(tensors, attributes["axis"])


@translates("Softmax")
def softmax(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """Along one axis."""
    return torch.softmax(x, attributes.get("axis", -1))


@translates("LayerNormalization")
def layer_norm(
    torch: Any, attributes: Mapping[str, Any], x: Tensor, scale: Tensor, b: Tensor | None = None
) -> Tensor:
    """Over the axes that the scale has."""
    return torch.nn.functional.layer_norm(x, scale.shape, scale, b, attributes.get("epsilon", 1e-5))


@translates("Gelu")
def gelu(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """Exact, or by the hyperbolic tangent."""
    kind = attributes.get("approximate", b"none").decode()
    return torch.nn.functional.gelu(x, approximate=kind)


@translates("Flatten")
def flatten(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """To a matrix."""
    return torch.flatten(x, 1) if attributes.get("axis", 1) == 1 else x.reshape(1, -1)


@translates("Reshape")
def reshape(torch: Any, attributes: Mapping[str, Any], x: Tensor, shape: Tensor) -> Tensor:
    """To a constant shape."""
    return torch.reshape(x, [int(n) for n in shape])


@translates("Transpose")
def transpose(torch: Any, attributes: Mapping[str, Any], x: Tensor) -> Tensor:
    """Order the axes."""
    return x.permute(list(attributes["perm"]))


@translates("Squeeze")
def squeeze(torch: Any, attributes: Mapping[str, Any], x: Tensor, axes: Tensor) -> Tensor:
    """Leave axes out."""
    return torch.squeeze(x, tuple(int(a) for a in axes))


@translates("LSTM")
def lstm(
    torch: Any, attributes: Mapping[str, Any], x: Tensor, w: Tensor, r: Tensor,
    b: Tensor | None = None, *rest: Tensor | None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """One direction, activations as they come; PyTorch's gates are in another order: i f c o, not i o f c."""
    if any(t is not None for t in (rest[0] if rest else None, *rest[3:])) or w.shape[0] != 1:
        raise EngineError("an LSTM of lengths, peepholes or two directions")
    order = [0, 2, 3, 1]

    def gates(t: Tensor) -> Tensor:
        return torch.cat([t.chunk(4)[i] for i in order])

    size = r.shape[2]
    halves = (torch.zeros(4 * size),) * 2 if b is None else b[0].chunk(2)
    weights = [gates(w[0]), gates(r[0]), *(gates(t) for t in halves)]
    start = [
        t if t is not None else torch.zeros(1, x.shape[1], size) for t in (*rest, None, None)[1:3]
    ]
    y, h, c = torch._VF.lstm(x, start, weights, True, 1, 0.0, False, False, False)
    return y.unsqueeze(1), h, c


@PEERS.of("torch")
class TorchPeer(Peer):
    """ONNX files' nodes in PyTorch, float32, which it does not make narrower unless told to."""

    package = "torch"
    module = "torch"
    reads = "onnx"
    setting = "traced, frozen, optimize_for_inference, oneDNN, set_num_threads"

    def __init__(self, model: ModelFile, threads: int) -> None:
        import torch

        self._torch, self._threads = torch, threads
        torch.set_num_threads(threads)
        function, given = _module(torch, model), [torch.zeros(shape) for shape in model.shapes]
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # constants that are looked at while it is traced
            traced = torch.jit.trace(function.eval(), given, check_trace=False)
            self._run = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            for _ in range(WARM_UP):
                self._run(*given)
        self._fed: list[Any] = given
        self._results: Any = None

    def feed(self, arrays: Sequence[Array]) -> None:
        self._torch.set_num_threads(self._threads)
        self._fed = [self._torch.from_numpy(np.array(a, order="C")) for a in arrays]

    def invoke(self) -> None:
        with self._torch.inference_mode():
            self._results = self._run(*self._fed)

    def outputs(self) -> list[Array]:
        return [y.numpy().copy() for y in self._results]


def _module(torch: Any, model: ModelFile) -> Any:
    """Return the network of an ONNX file as a module from tensors to a tuple of tensors."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(model.content).graph
    missing = sorted({n.op_type for n in graph.node} - TRANSLATIONS.keys())
    if missing:
        raise EngineError(f"not said in PyTorch: {', '.join(missing)}")
    constants = {
        t.name: torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in graph.initializer
    }
    nodes = [
        (n, {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}) for n in graph.node
    ]

    class Network(torch.nn.Module):  # type: ignore[misc]
        def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
            values = {**constants, **dict(zip(model.inputs, inputs, strict=True)), "": None}
            for node, attributes in nodes:
                y = TRANSLATIONS[node.op_type](torch, attributes, *(values[n] for n in node.input))
                results = y if isinstance(y, tuple) else (y,)
                values.update(zip(node.output, results, strict=False))
            return tuple(values[name] for name in model.outputs)

    return Network()
