"""Nodes of ours -> an ONNX file, through the published `onnx` package.

A quantized node has no equal in ONNX, whose integers are rounded in another way: it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from ...ir import FORMAT_OF, Array, Node, TensorType, UnsupportedError
from ...quant.rule import INT8, number_format
from .table import ONNX_WRITER, OnnxRecord, OnnxSite

OPSET: Final = 21
# What came later, element types and operators, and the version of the file format that operator sets came with.
SINCE: Final = {"f4e2m1": 23, "f8e8m0": 24, "s2": 25, "u2": 25, "BitCast": 26}
IR_VERSION: Final = {21: 10, 23: 11, 24: 12, 25: 13, 26: 13}


def site_of(node: Node, types: Mapping[str, TensorType]) -> OnnxSite:
    """Return the ONNX nodes for one of ours; `types` are those of its inputs and outputs.

    Raises:
        UnsupportedError: there is no rule, the node is quantized, or ONNX cannot say it.
    """
    given = tuple(None if n is None else types[n] for n in node.inputs)
    form = number_format(node.op, given, node.dialect)
    out = tuple(types[n] for n in node.outputs)
    quantized = any(t and t.quant for t in (*given, *out))
    if form == "hybrid" or (quantized and (node.op, form) in INT8):
        raise UnsupportedError("ONNX rounds quantized numbers in another way")
    if node.op not in ONNX_WRITER:
        raise UnsupportedError(f"ONNX has no equal of {node.op.__name__}")
    site = OnnxSite(node, types, out)
    site.finish(ONNX_WRITER[node.op](site))
    return site


def write(
    nodes: Sequence[Node],
    types: Mapping[str, TensorType],
    constants: Mapping[str, Array] | None = None,
) -> tuple[bytes, tuple[str, ...]]:
    """Return the file of `nodes`, of which every output is an output, and the names of its inputs.

    Whatever the nodes read that is neither computed by them nor in `constants` is an input.
    """
    sites = [site_of(node, types) for node in nodes]
    stored = dict(constants or {})
    computed = [name for node in nodes for name in node.outputs]
    read = dict.fromkeys(name for s in sites for r in s.records for name in r.inputs if name)
    extra = {name: value for s in sites for name, value in s.constants.items()}
    made = {name for s in sites for r in s.records for name in r.outputs} | extra.keys()
    inputs = tuple(n for n in read if n not in made and n not in stored)
    extra |= {name: value for name, value in stored.items() if name in read}
    records = [r for s in sites for r in s.records]
    outputs = {n: types[n] for n in computed}
    return model_bytes(records, {n: types[n] for n in inputs}, outputs, extra), inputs


def model_bytes(
    records: Iterable[OnnxRecord],
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    constants: Mapping[str, Array],
    name: str = "",
) -> bytes:
    """Return the file of ONNX nodes in execution order."""
    onnx, records = _package(), list(records)
    version = _opset(records, inputs, outputs, constants)
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node(r.code, r.inputs, r.outputs, **_attributes(onnx, r.attributes))
            for r in records
        ],
        name or "litegold",
        [_declared(onnx, n, t) for n, t in inputs.items()],
        [_declared(onnx, n, t) for n, t in outputs.items()],
        [onnx.numpy_helper.from_array(np.asarray(v, order="C"), n) for n, v in constants.items()],
    )
    opset = onnx.helper.make_opsetid("", version)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION[version])
    return bytes(model.SerializeToString())


def _opset(records: Sequence[OnnxRecord], *tensors: Mapping[str, Any]) -> int:
    """Return the least operator set, from OPSET on, that has all operators and element types."""
    dtypes = {t.dtype for some in tensors for t in some.values()}
    dtypes |= {v for r in records for v in r.attributes.values() if isinstance(v, np.dtype)}
    needed = {FORMAT_OF[d] for d in dtypes} | {r.code for r in records}
    return max(OPSET, *(SINCE.get(name, OPSET) for name in needed))


def _attributes(onnx: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as ONNX spells them: an element type is a number."""
    return {
        name: onnx.helper.np_dtype_to_tensor_dtype(v) if isinstance(v, np.dtype) else v
        for name, v in attributes.items()
    }


def _declared(onnx: Any, name: str, type: TensorType) -> Any:
    number = onnx.helper.np_dtype_to_tensor_dtype(type.dtype)
    return onnx.helper.make_tensor_value_info(name, number, type.shape)


def _package() -> Any:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise UnsupportedError("ONNX files are written by onnx: pip install onnx") from None
    return onnx
