"""Whether the types that a file declares follow from the shape rules of its operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from ...ir import (
    ConstraintError,
    FormatError,
    Graph,
    Node,
    TensorType,
    UnsupportedError,
    ValueNeededError,
    format_of,
)
from ...quant.rule import INT8


def check_nodes(
    graph: Graph,
    open_axes: Mapping[str, tuple[int, ...]],
    located: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Raise where a node has the wrong number of tensors, or outputs of another type.

    Shapes are compared where they are settled: from constants and closed inputs onwards, as far as the
    rules can tell without values that only a run gives.
    """
    types = {
        name: replace(type, value=graph.constants.get(name)) for name, type in graph.tensors.items()
    }
    settled = {*graph.constants, *graph.inputs, *(s.tensor for s in graph.states)} - set(open_axes)
    for node in graph.nodes:
        with located(f"node {node.name}"):
            _check_inputs(node)
            closed = all(n is None or n in settled for n in node.inputs)
            if _check_outputs(node, types, open_axes, closed):
                settled |= set(node.outputs)


def _check_inputs(node: Node) -> None:
    """Compare the node's inputs with the parameters of its operator."""
    parameters = [p for p in node.op.parameters if p.kind is not p.KEYWORD_ONLY]
    if not node.op.variadic and len(node.inputs) > len(parameters):
        raise FormatError(f"{node}: {len(node.inputs)} inputs, takes at most {len(parameters)}")
    for i, parameter in enumerate(parameters):
        given = node.inputs[i] if i < len(node.inputs) else None
        optional = parameter.default is None or parameter.kind is parameter.VAR_POSITIONAL
        if given is None and not optional:
            raise FormatError(f"{node}: input {i} ({parameter.name}) is absent")


def _check_outputs(
    node: Node, types: Mapping[str, TensorType], open_axes: Mapping[str, Any], closed: bool
) -> bool:
    """Compare declared and inferred types; False where shapes remain unsettled.

    Where inputs have open axes their stand-in sizes tell nothing of the shapes, but the element types hold.
    """
    inputs = tuple(None if n is None else types[n] for n in node.inputs)
    try:
        inferred = node.op.output_types(inputs, dict(node.attributes))
    except (ValueNeededError, UnsupportedError):
        return False
    except ConstraintError:
        if closed:
            raise
        return False
    if len(inferred) != len(node.outputs):
        raise FormatError(f"{node}: {len(node.outputs)} outputs, gives {len(inferred)}")
    quantized = (node.op, format_of(node.op, inputs)) in INT8
    for name, type in zip(node.outputs, inferred, strict=True):
        declared = types[name]
        if not quantized and declared.dtype != type.dtype:
            raise ConstraintError(
                "declared type",
                f"output {name!r} is declared as {declared.format}, but its inputs give {type.format}",
            )
        if closed and name not in open_axes and declared.shape != type.shape:
            raise ConstraintError(
                "declared shape",
                f"output {name!r} is declared as {declared.shape}, "
                f"but its inputs give {type.shape}; convert the model again",
            )
    return closed
