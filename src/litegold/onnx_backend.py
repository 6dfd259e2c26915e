"""litegold as a backend of ONNX: the interface `onnx.backend.base`, by which other tools and ONNX's own tests run it.

    import litegold.onnx_backend as backend
    outputs = backend.prepare(model).run([x])

Models run by compiled plans; `backend="reference"` runs the readable operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

from .face import Network, load
from .ir import InputError, LitegoldError


class LitegoldRep(BackendRep):
    """A model that is ready to run."""

    def __init__(self, net: Network, names: Sequence[str], backend: str) -> None:
        self.net, self.names, self.backend = net, tuple(names), backend
        self._results = namedtupledict("Outputs", self.names)

    def run(self, inputs: Any, **options: Any) -> tuple[Any, ...]:
        """Return the outputs in the model's order, by name too; inputs are in its order, or a dict by name."""
        if isinstance(inputs, Mapping):
            feeds = dict(inputs)
        else:
            values = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
            wanted = self.net.graph.inputs
            if len(values) != len(wanted):
                raise InputError(f"{len(values)} inputs for {', '.join(wanted) or 'none'}")
            feeds = dict(zip(wanted, values, strict=True))
        found = self.net.run(feeds, backend=self.backend)
        results: tuple[Any, ...] = self._results(*(found[n] for n in self.names))
        return results


class LitegoldBackend(Backend):
    """Prepares models on the CPU."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **options: Any) -> bool:
        """Whether the model can be read: all its operators are there."""
        try:
            load(model.SerializeToString())
        except LitegoldError:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(
        cls, model: onnx.ModelProto, device: str = "CPU", *, backend: str = "jit", **options: Any
    ) -> LitegoldRep:
        """Read a model.

        Raises:
            InputError: another device than the CPU.
            UnsupportedError: operators are missing; all are named.
        """
        if not cls.supports_device(device):
            raise InputError(f"device {device!r}: it is 'CPU'")
        names = [v.name for v in model.graph.output]
        return LitegoldRep(load(model.SerializeToString()), names, backend)

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **options: Any
    ) -> tuple[Any, ...]:
        """Read a model and run it once."""
        return cls.prepare(model, device, **options).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Any = None,
        **options: Any,
    ) -> tuple[Any, ...]:
        """Run one node on arrays for its inputs that are not absent, in order; `opset_version` is the newest."""
        values = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        names = [n for n in node.input if n]
        if len(values) != len(names):
            raise InputError(f"{len(values)} arrays for the inputs {', '.join(names) or 'none'}")
        version = options.pop("opset_version", None) or onnx.defs.onnx_opset_version()
        graph = onnx.helper.make_graph(
            [node],
            node.op_type,
            [_declared(n, v) for n, v in zip(names, values, strict=True)],
            [onnx.ValueInfoProto(name=n) for n in node.output if n],
        )
        imports = [onnx.helper.make_opsetid(node.domain, version)]
        model = onnx.helper.make_model(graph, opset_imports=imports)
        return cls.run_model(model, values, device, **options)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """The CPU alone."""
        return device.split(":")[0] == "CPU"


def _declared(name: str, value: Any) -> onnx.ValueInfoProto:
    """Return what a value's input is declared as; a sequence or an optional as nothing."""
    if not isinstance(value, np.ndarray):
        return onnx.ValueInfoProto(name=name)
    element = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
    return onnx.helper.make_tensor_value_info(name, element, value.shape)


is_compatible = LitegoldBackend.is_compatible
prepare = LitegoldBackend.prepare
run = LitegoldBackend.run_model
run_model = LitegoldBackend.run_model
run_node = LitegoldBackend.run_node
supports_device = LitegoldBackend.supports_device
