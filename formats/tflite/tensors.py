"""Tensors of a TFLite subgraph: unique names, types, quantization and constant data, all checked."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

import numpy as np
import tflite

from ...ir import FORMATS, Array, FormatError, QuantParams, TensorType, UnsupportedError
from .options import enum_names
from .table import FORMAT_OF_TYPE, Workspace

MAX_RANK: Final = 8
MAX_BYTES: Final = 1 << 30
MAX_STATE_BYTES: Final = 1 << 28  # variables are allocated when the file is read
INT32: Final = np.iinfo(np.int32)


class Tensors:
    """The tensors of one subgraph, entered into a workspace.

    Attributes:
        names: name of each tensor by its index in the file.
        open_axes: axes that the file leaves open (declared as -1), by name; the type has 1 there.
        variables: names of the tensors whose values live on between runs.
    """

    def __init__(self, model: Any, subgraph: Any, data: bytes, workspace: Workspace) -> None:
        self.model, self.data, self.workspace = model, data, workspace
        self.open_axes = workspace.open_axes
        self.variables: list[str] = []
        self._state_bytes = 0
        self._arrays: dict[tuple[int, str], Array] = {}
        tensors = [subgraph.Tensors(i) for i in range(subgraph.TensorsLength())]
        own = [(t.Name() or b"").decode("utf-8", "backslashreplace") for t in tensors]
        uses = Counter(own)
        taken = {name for name in own if name and uses[name] == 1}
        self.names = []
        for i, (tensor, name) in enumerate(zip(tensors, own, strict=True)):
            unique = name
            if name not in taken:
                unique = f"{name}#{i}"
                while unique in taken or unique in workspace.tensors:
                    unique += "#"
            self.names.append(unique)
            self._enter(tensor, unique, i)

    def name(self, index: int, where: str) -> str:
        """Return the name of tensor `index`, which a list of the file gives."""
        if not 0 <= index < len(self.names):
            raise FormatError(f"{where}: tensor {index} of {len(self.names)}; the file is damaged")
        return self.names[index]

    def _enter(self, tensor: Any, name: str, index: int) -> None:
        where = f"tensor {index} {name!r}"
        if tensor.Type() == tflite.TensorType.STRING:
            self._enter_texts(tensor, name, index, where)
            return
        shape, open_axes = _shape_of(tensor, where)
        dtype = _dtype_of(tensor, where)
        if math.prod(shape) * dtype.itemsize > MAX_BYTES:
            raise FormatError(f"{where}: shape {shape} takes more than {MAX_BYTES} bytes")
        type = TensorType(shape, dtype, _quant_of(tensor, shape, dtype, where))
        value = self._value_of(tensor, type, where)
        if value is not None:
            self.workspace.constants[name] = value
            type = TensorType(shape, dtype, type.quant, value)
        elif tensor.IsVariable():
            self.variables.append(name)
            self._state_bytes += type.nbytes
            if self._state_bytes > MAX_STATE_BYTES:
                raise FormatError(f"{where}: variables take more than {MAX_STATE_BYTES} bytes")
        elif open_axes:
            self.open_axes[name] = open_axes
        self.workspace.tensors[name] = type
        self.workspace.origin[name] = index

    def _enter_texts(self, tensor: Any, name: str, index: int, where: str) -> None:
        """Enter a tensor of strings as what it is stored as: bytes, whose number is open (refimpl.packed)."""
        buffer, raw = tensor.Buffer(), np.zeros(0, np.uint8)
        if not 0 <= buffer < self.model.BuffersLength() or tensor.IsVariable():
            raise FormatError(f"{where}: buffer {buffer}, or strings that live on between runs")
        if buffer:
            raw = self._bytes_of(self.model.Buffers(buffer), where)
        type = TensorType((1,), np.dtype(np.uint8))
        if len(raw):
            value = np.array(raw, np.uint8)
            value.flags.writeable = False
            self.workspace.constants[name] = value
            type = TensorType.of(value)
        else:
            self.open_axes[name] = (0,)
        self.workspace.tensors[name] = type
        self.workspace.origin[name] = index

    def _value_of(self, tensor: Any, type: TensorType, where: str) -> Array | None:
        """Return the tensor's data as a read-only array over the file, None where it has none."""
        buffer = tensor.Buffer()
        if buffer == 0 and type.size:
            return None
        if not 0 <= buffer < self.model.BuffersLength():
            raise FormatError(f"{where}: buffer {buffer} of {self.model.BuffersLength()}")
        raw = self._bytes_of(self.model.Buffers(buffer), where)
        if not len(raw):
            return None if type.size else np.zeros(type.shape, type.dtype)
        if tensor.Sparsity() is not None:
            raise UnsupportedError(
                f"{where} is stored sparsely; convert the model without sparsity"
            )
        if tensor.IsVariable():
            raise UnsupportedError(f"{where} is a variable that starts from stored data")
        if len(raw) != type.nbytes:
            raise FormatError(
                f"{where}: buffer {buffer} has {len(raw)} bytes, "
                f"but shape {type.shape} of {type.format} takes {type.nbytes}"
            )
        key = (buffer, type.format)
        if key not in self._arrays:
            self._arrays[key] = _array(raw, type)
        return self._arrays[key].reshape(type.shape)

    def _bytes_of(self, buffer: Any, where: str) -> Array:
        """Return the bytes of a buffer, which may stand behind the tables of the file."""
        if buffer.Offset() > 1:
            start, count = buffer.Offset(), buffer.Size()
            if count > len(self.data) or start > len(self.data) - count:
                raise FormatError(f"{where}: bytes {start} to {start + count} exceed the file")
            return np.frombuffer(self.data, np.uint8, count, start)
        if not buffer.DataLength():
            return np.empty(0, np.uint8)
        found: Array = buffer.DataAsNumpy()
        return found


def _array(raw: Array, type: TensorType) -> Array:
    """Interpret bytes as an aligned, flat, read-only array of the element type of `type`."""
    if type.format == "bool":
        value = raw != 0
    else:
        value = np.require(raw.view(type.dtype), requirements="A")
        if not value.flags.aligned:
            value = value.copy()
    value.flags.writeable = False
    return value


def _vector(table: Any, field: str) -> list[Any]:
    """Return a vector of numbers as a list, empty where it is absent."""
    if not getattr(table, f"{field}Length")():
        return []
    numbers: list[Any] = getattr(table, f"{field}AsNumpy")().tolist()
    return numbers


def _shape_of(tensor: Any, where: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape with 1 for open axes, and the open axes."""
    if max(tensor.ShapeLength(), tensor.ShapeSignatureLength()) > MAX_RANK:
        raise FormatError(f"{where}: field shape has more than {MAX_RANK} dimensions")
    shape, signature = _vector(tensor, "Shape"), _vector(tensor, "ShapeSignature")
    if signature and len(signature) != len(shape):
        raise FormatError(f"{where}: shape {shape} and shape_signature {signature} differ in rank")
    if any(n < -1 for n in shape + signature):
        raise FormatError(f"{where}: field shape is {shape}, with signature {signature}")
    marks = signature or shape
    open_axes = tuple(i for i, n in enumerate(shape) if n == -1 or marks[i] == -1)
    for i, (n, mark) in enumerate(zip(shape, marks, strict=True)):
        if i not in open_axes and n != mark:
            raise FormatError(f"{where}: shape {shape} contradicts shape_signature {signature}")
    return tuple(max(n, 1) if i in open_axes else n for i, n in enumerate(shape)), open_axes


def _dtype_of(tensor: Any, where: str) -> np.dtype[Any]:
    name = enum_names(tflite.TensorType).get(tensor.Type())
    if name is None:
        raise FormatError(f"{where}: field type is {tensor.Type()}, which the schema does not have")
    if name not in FORMAT_OF_TYPE:
        raise UnsupportedError(f"{where}: element type {name}; known: {', '.join(FORMAT_OF_TYPE)}")
    return FORMATS[FORMAT_OF_TYPE[name]]


def _quant_of(
    tensor: Any, shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> QuantParams | None:
    """Return the affine quantization of an integer tensor, None where it has no scale."""
    table = tensor.Quantization()
    if table is None or not table.ScaleLength():
        return None
    scale, zero, axis = (
        _vector(table, "Scale"),
        _vector(table, "ZeroPoint"),
        table.QuantizedDimension(),
    )
    if table.DetailsType():
        raise UnsupportedError(f"{where}: field quantization.details holds a custom quantization")
    if axis < 0 or (shape and axis >= len(shape)):
        raise FormatError(
            f"{where}: field quantized_dimension is {axis}, but the tensor has {len(shape)} dimensions"
        )
    if len(scale) > 1 and (not shape or len(scale) != shape[axis]):
        raise FormatError(
            f"{where}: field scale has {len(scale)} elements, expected 1 or "
            f"the size of dimension {axis} of {shape}"
        )
    if not all(math.isfinite(s) and s > 0 for s in scale):
        raise FormatError(f"{where}: field scale is not finite and positive everywhere")
    if len(zero) not in (0, 1, len(scale)):
        raise FormatError(f"{where}: field zero_point has {len(zero)} elements, scale {len(scale)}")
    limits = np.iinfo(dtype) if dtype.kind in "iu" and dtype.itemsize <= 2 else INT32
    if not all(limits.min <= z <= limits.max for z in zero):
        raise FormatError(f"{where}: field zero_point leaves the range of {dtype}")
    if dtype.kind not in "iu":
        return None
    zeros = tuple(zero) if len(zero) == len(scale) else tuple(zero or [0]) * len(scale)
    return QuantParams(tuple(scale), zeros, axis if len(scale) > 1 else None)


def start_of(type: TensorType) -> Array:
    """Return what a variable starts from: zero; int8 ones from their zero point, as LiteRT does."""
    zero = type.quant.zero_point[0] if type.quant and type.format == "s8" else 0
    return np.full(type.shape, zero, type.dtype)
