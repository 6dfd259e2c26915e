"""Options tables of operators as dictionaries, through the published schema package's accessors."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping
from typing import Any

import flatbuffers
import tflite

from ...ir import FormatError, UnsupportedError

MAX_VECTOR = 64  # no option of a built-in operator lists more (dimensions, a shape)

_ENUM_OF_FIELD = {
    "padding": tflite.Padding,
    "fused_activation_function": tflite.ActivationFunctionType,
    "in_data_type": tflite.TensorType,
    "out_data_type": tflite.TensorType,
    "out_type": tflite.TensorType,
    "output_type": tflite.TensorType,
    "idx_out_type": tflite.TensorType,
    "quantized_bias_type": tflite.TensorType,
    "weights_format": tflite.FullyConnectedOptionsWeightsFormat,
    "kernel_type": tflite.LSTMKernelType,
    "mode": tflite.MirrorPadMode,
    "combiner": tflite.CombinerType,
    "type": tflite.LSHProjectionType,
}
# Operators whose options table is not called after them.
_OPTIONS_OF_CODE = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_ALL": "ReducerOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}


@functools.cache
def enum_names(enum: Any) -> dict[int, str]:
    """Return value -> name of an enumeration of the schema."""
    return {v: k for k, v in vars(enum).items() if isinstance(v, int) and not k.startswith("_")}


@functools.cache
def options_class(code: str) -> str | None:
    """Return the name of the options table of an operator, None where it has none.

    >>> options_class("CONV_2D"), options_class("MEAN"), options_class("RELU")
    ('Conv2DOptions', 'ReducerOptions', None)
    """
    if code in _OPTIONS_OF_CODE:
        return _OPTIONS_OF_CODE[code]
    plain = code.replace("_", "").lower() + "options"
    return next((n for n in vars(tflite.BuiltinOptions) if n.lower() == plain), None)


@functools.cache
def _fields(table: str) -> dict[str, str]:
    """Return snake_case name -> accessor of the fields of an options table."""
    names = [n for n in vars(getattr(tflite, table)) if n[0].isupper()]
    vectors = {n.removesuffix("Length") for n in names if n.endswith("Length")}
    return {
        re.sub(r"(?<!^)(?=[A-Z])", "_", n).lower(): n
        for n in names
        if n != "Init"
        and not n.startswith("GetRootAs")
        and not n.endswith("BufferHasIdentifier")
        and not any(n != v and n.startswith(v) for v in vectors)
    }


@functools.cache
def _empty_table() -> tuple[bytes, int]:
    """Return a file whose only table has no fields, and the table's position."""
    builder = flatbuffers.Builder(16)
    builder.StartObject(0)
    builder.Finish(builder.EndObject())
    data = bytes(builder.Output())
    return data, int.from_bytes(data[:4], "little")


def read_options(operator: Any, code: str, where: str) -> dict[str, Any]:
    """Return the options of a built-in operator; those that the file omits have the schema's default."""
    name, kind = options_class(code), operator.BuiltinOptionsType()
    if name is None:
        return {}
    position = _empty_table()
    if kind and operator.BuiltinOptions() is not None:
        found = enum_names(tflite.BuiltinOptions).get(kind, f"number {kind}")
        if found != name:
            raise FormatError(f"operator {where}: its options are {found}, expected {name}")
        table = operator.BuiltinOptions()
        position = table.Bytes, table.Pos
    options = getattr(tflite, name)()
    options.Init(*position)
    return {
        field: _read_field(options, accessor, field, where)
        for field, accessor in _fields(name).items()
    }


def _read_field(options: Any, accessor: str, field: str, where: str) -> Any:
    """Return a number, the name of an enumerator, or a tuple."""
    if hasattr(options, f"{accessor}Length"):
        count = getattr(options, f"{accessor}Length")()
        if count > MAX_VECTOR:
            raise FormatError(f"operator {where}: option {field} lists {count} elements")
        return tuple(getattr(options, f"{accessor}AsNumpy")().tolist()) if count else ()
    value = getattr(options, accessor)()
    if field in _ENUM_OF_FIELD:
        names = enum_names(_ENUM_OF_FIELD[field])
        if value not in names:
            raise FormatError(
                f"operator {where}: option {field} is {value}, known are {', '.join(names.values())}"
            )
        return names[value]
    return value


def write_options(builder: Any, code: str, options: Mapping[str, Any]) -> tuple[int, int]:
    """Add the options table of an operator; return its type's number and its offset (0, 0: none)."""
    name = options_class(code)
    if name is None:
        if options:
            raise UnsupportedError(f"{code} has no options, got {', '.join(options)}")
        return 0, 0
    module, fields = importlib.import_module(f"tflite.{name}"), _fields(name)
    unknown = sorted(set(options) - set(fields))
    if unknown:
        raise UnsupportedError(f"{name} has no {', '.join(unknown)}; it has {', '.join(fields)}")
    values: dict[str, Any] = {}
    for field, value in options.items():
        if isinstance(value, tuple | list):
            getattr(module, f"{name}Start{fields[field]}Vector")(builder, len(value))
            for element in reversed(value):
                builder.PrependInt32(int(element))
            values[field] = builder.EndVector()
        else:
            values[field] = _written(field, value)
    getattr(module, f"{name}Start")(builder)
    for field, value in values.items():
        getattr(module, f"{name}Add{fields[field]}")(builder, value)
    return getattr(tflite.BuiltinOptions, name), getattr(module, f"{name}End")(builder)


def _written(field: str, value: Any) -> Any:
    """Return a scalar as the builder takes it; enumerators are given by name."""
    if field not in _ENUM_OF_FIELD or not isinstance(value, str):
        return value
    known = {n: v for v, n in enum_names(_ENUM_OF_FIELD[field]).items()}
    if value not in known:
        raise UnsupportedError(f"option {field}: {value}; the schema has {', '.join(known)}")
    return known[value]
