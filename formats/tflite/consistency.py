"""Whether the shapes that a file declares follow from the shape rules of its operators."""

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
)


def check_nodes(
    graph: Graph,
    open_axes: Mapping[str, tuple[int, ...]],
    located: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Raise where a node has the wrong number of tensors or an output of another shape.

    Shapes are compared where they are settled: from constants and closed inputs onwards, as far as the
    rules can tell without values that only a run gives.
    """
    types = {
        name: replace(type, value=graph.constants.get(name)) for name, type in graph.tensors.items()
    }
    settled = {*graph.constants, *graph.inputs, *(s.tensor for s in graph.states)} - set(open_axes)
    for node in graph.nodes:
        with located(str(node)):
            _check_arity(node)
            known = all(n is None or n in settled for n in node.inputs)
            if known and _check_outputs(node, types, open_axes):
                settled |= set(node.outputs)


def _check_arity(node: Node) -> None:
    """Compare the node's inputs with the parameters of its operator."""
    parameters = [p for p in node.op.parameters if p.kind is not p.KEYWORD_ONLY]
    if not node.op.variadic and len(node.inputs) > len(parameters):
        raise FormatError(f"{node}: {len(node.inputs)} inputs, takes at most {len(parameters)}")
    for i, parameter in enumerate(parameters):
        given = node.inputs[i] if i < len(node.inputs) else None
        if (
            given is None
            and parameter.default is parameter.empty
            and parameter.kind is not parameter.VAR_POSITIONAL
        ):
            raise FormatError(f"{node}: input {i} ({parameter.name}) is absent")


def _check_outputs(
    node: Node, types: Mapping[str, TensorType], open_axes: Mapping[str, Any]
) -> bool:
    """Compare declared and inferred shapes; False where the rule cannot tell."""
    inputs = tuple(None if n is None else types[n] for n in node.inputs)
    try:
        inferred = node.op.output_types(inputs, dict(node.attributes))
    except (ValueNeededError, UnsupportedError):
        return False
    if len(inferred) != len(node.outputs):
        raise FormatError(f"{node}: {len(node.outputs)} outputs, gives {len(inferred)}")
    for name, type in zip(node.outputs, inferred, strict=True):
        if name not in open_axes and types[name].shape != type.shape:
            raise ConstraintError(
                "declared shape",
                f"output {name!r} is declared as {types[name].shape}, "
                f"but its inputs give {type.shape}; convert the model again",
            )
    return True
