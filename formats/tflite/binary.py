"""TFLite's arithmetic on two tensors, some of it with a fused activation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...ir import Node, Op, TensorType, UnsupportedError
from ...refimpl.binary import (
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    maximum,
    minimum,
    mul,
    squared_difference,
    sub,
)
from ...refimpl.binary import pow as pow_op
from ...refimpl.bitwise import bitwise_xor
from .alike import alike
from .table import (
    TFLITE,
    TFLITE_WRITER,
    TfliteOp,
    TfliteRecord,
    activation_name,
    activation_of,
)

alike("FLOOR_DIV", floor_div)
alike("FLOOR_MOD", floor_mod)
alike("MAXIMUM", maximum)
alike("MINIMUM", minimum)
alike("POW", pow_op)
alike("SQUARED_DIFFERENCE", squared_difference)
alike("ADD_N", add_n)
alike("BITWISE_XOR", bitwise_xor)

ARITHMETIC: dict[str, Op[..., Any]] = {"ADD": add, "SUB": sub, "MUL": mul, "DIV": div}
_CODE_OF = {op: code for code, op in ARITHMETIC.items()}


def _power_of_two(type: TensorType) -> bool:
    return type.quant is not None and math.frexp(type.quant.scale[0])[0] == 0.5


def _arithmetic(source: TfliteOp) -> Node:
    """Older files add int16 tensors whose scales are powers of two in an arithmetic of their own."""
    types = [source.type(0), source.type(1), source.types[source.outputs[0]]]
    special = source.options.get("pot_scale_int16", False) and types[0].format == "s16"
    if special and all(_power_of_two(t) for t in types):
        raise UnsupportedError(f"operator {source.name}: int16 sum with option pot_scale_int16")
    activation = activation_of(source.options["fused_activation_function"])
    return source.node(ARITHMETIC[source.code], activation=activation)


def _write_arithmetic(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The option that selects the older int16 arithmetic is on unless it is turned off."""
    code = _CODE_OF[node.op]
    activation = activation_name(node.attributes.get("activation", "none"))
    options: dict[str, Any] = {"fused_activation_function": activation}
    if code in ("ADD", "SUB"):
        options["pot_scale_int16"] = False
    return TfliteRecord(code, node.inputs, options)


TFLITE.of(*ARITHMETIC)(_arithmetic)
TFLITE_WRITER.of(*_CODE_OF)(_write_arithmetic)
