"""TFLite's recurrent layers. Their states are variable tensors, which we list as outputs too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...ir import FORMATS, FormatError, Node, QuantParams, TensorType
from ...refimpl.recurrent import lstm, svdf
from .table import (
    TFLITE,
    TFLITE_WRITER,
    TfliteOp,
    TfliteRecord,
    activation_name,
    activation_of,
)

# Our names of the inputs of UNIDIRECTIONAL_SEQUENCE_LSTM, in the file's order.
LSTM_INPUTS = (
    *(
        "x",
        "wi",
        "wf",
        "wc",
        "wo",
        "ri",
        "rf",
        "rc",
        "ro",
        "pi",
        "pf",
        "po",
        "bi",
        "bf",
        "bc",
        "bo",
    ),
    *("projection", "projection_bias", "output_state", "cell_state", "ni", "nf", "nc", "no"),
)
HIDDEN = 4  # the intermediate tensor that is the output before the projection


@TFLITE.of("SVDF")
def read_svdf(source: TfliteOp) -> Node:
    """The bias stands before the state in the file."""
    state = source.input(4)
    return source.node(
        svdf,
        (source.input(0), source.input(1), source.input(2), state, source.optional(3)),
        (*source.outputs, source.state(state)),
        rank=source.options["rank"],
        activation=activation_of(source.options["fused_activation_function"]),
    )


@TFLITE_WRITER.of(svdf)
def write_svdf(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Put the bias before the state."""
    x, feature, time, state, bias = (*node.inputs, None)[:5]
    options = {
        "rank": node.attributes["rank"],
        "fused_activation_function": activation_name(node.attributes.get("activation", "none")),
    }
    return TfliteRecord("SVDF", (x, feature, time, bias, state), options)


@TFLITE.of("UNIDIRECTIONAL_SEQUENCE_LSTM")
def read_lstm(source: TfliteOp) -> Node:
    """An integer layer has five tensors beside, which only carry quantization."""
    if len(source.inputs) not in (20, 24):
        raise FormatError(f"{source.name}: {len(source.inputs)} inputs, not 20 or 24")
    given = dict(zip(LSTM_INPUTS, source.inputs, strict=False))
    options = source.options
    activation = options["fused_activation_function"]
    attributes: dict[str, Any] = {
        "activation": "tanh" if activation == "TANH" else activation_of(activation),
        "cell_clip": options["cell_clip"],
        "proj_clip": options["proj_clip"],
        "time_major": bool(options["time_major"]),
    }
    if source.type(0).format == "s8":
        attributes |= _quantization(source, given.get("nf") is not None)
    states = [source.state(source.input(i)) for i in (18, 19)]
    inputs = [given.get(name) for name in lstm.inputs]
    while inputs[-1] is None:
        inputs.pop()
    return source.node(lstm, inputs, (*source.outputs, *states), **attributes)


def _quantization(source: TfliteOp, normalized: bool) -> dict[str, Any]:
    """Return the attributes that are scales of the intermediate tensors."""
    quants = [source.types[name].quant for name in source.intermediates]
    needed = (*range(4), HIDDEN) if normalized else (HIDDEN,)
    if len(quants) != HIDDEN + 1 or any(quants[i] is None for i in needed):
        raise FormatError(f"{source.name}: intermediate tensors without quantization")
    found = [q or QuantParams((0.0,)) for q in quants]
    return {
        "gate_scales": tuple(q.scale[0] for q in found[:HIDDEN]) if normalized else (),
        "hidden_scale": found[HIDDEN].scale[0],
        "hidden_zero_point": found[HIDDEN].zero_point[0],
    }


@TFLITE_WRITER.of(lstm)
def write_lstm(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Write all 24 inputs, and the intermediate tensors of an integer layer."""
    given = dict(zip(lstm.inputs, node.inputs, strict=False))
    attributes = {**lstm.attributes, **node.attributes}
    activation = attributes["activation"]
    options = {
        "fused_activation_function": "TANH"
        if activation == "tanh"
        else activation_name(activation),
        "cell_clip": attributes["cell_clip"],
        "proj_clip": attributes["proj_clip"],
        "time_major": attributes["time_major"],
    }
    intermediates: tuple[TensorType, ...] = ()
    if types[given["x"] or ""].format == "s8":
        gates: list[QuantParams | None] = [QuantParams((s,)) for s in attributes["gate_scales"]]
        gates = gates or [None] * 4
        hidden = QuantParams((attributes["hidden_scale"],), (attributes["hidden_zero_point"],))
        intermediates = (
            *(TensorType((1,), FORMATS["s16"], q) for q in gates),
            TensorType((1,), FORMATS["s8"], hidden),
        )
    inputs = tuple(given.get(name) for name in LSTM_INPUTS)
    return TfliteRecord(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, options, intermediates=intermediates
    )
