"""Control flow: nodes with networks in their attributes."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import FormatError
from ...refimpl import control as ours
from .source import ONNX, OnnxSource


@ONNX.of("If")
def if_of(source: OnnxSource) -> Sequence[str]:
    """The branches take all that they need from outside."""
    then, taken = source.body("then_branch")
    otherwise, others = source.body("else_branch")
    inputs = (source.input(0), *taken, *others)
    bodies = {"then": then, "otherwise": otherwise, "split": len(taken)}
    return source.host(ours.if_else, *inputs, outputs=len(source.outputs), **bodies)


@ONNX.of("Loop")
def loop_of(source: OnnxSource) -> Sequence[str]:
    """After the limit and the condition come the carried values."""
    body, outside = source.body("body")
    state = [source.input(i) for i in range(2, len(source.inputs))]
    inputs = (source.optional(0), source.optional(1), *state, *outside)
    return source.host(
        ours.loop, *inputs, outputs=len(body.outputs) - 1, body=body, carried=len(state)
    )


@ONNX.of("Scan")
def scan_of(source: OnnxSource) -> Sequence[str]:
    """Version 8 has a batch axis in front, and lengths of its elements, which are not supported."""
    body, outside = source.body("body")
    scanned, batched = source.attribute("num_scan_inputs", 0), source.version < 9
    source.require(not batched or source.optional(0) is None, "Scan with sequence_lens")
    given = source.inputs[batched:]
    carried, stacked = len(given) - scanned, len(body.outputs) - len(given) + scanned
    if scanned < 1 or carried < 0 or stacked < 0:
        raise FormatError(f"num_scan_inputs is {scanned}, of {len(given)} inputs")
    names = [source.input(i + batched) for i in range(len(given))]
    directions = source.attribute(
        "directions" if batched else "scan_input_directions", (0,) * scanned
    )
    return source.host(
        ours.scan,
        *names,
        *outside,
        outputs=carried + stacked,
        body=body,
        carried=carried,
        scanned=scanned,
        axes=source.attribute("scan_input_axes", (0,) * scanned),
        backward=tuple(map(bool, directions)),
        out_axes=source.attribute("scan_output_axes", (0,) * stacked),
        out_backward=tuple(map(bool, source.attribute("scan_output_directions", (0,) * stacked))),
        batched=batched,
    )
