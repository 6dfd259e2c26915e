"""The reference interpreter: every node by its reference or its quantized rule, every intermediate kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..ir import (
    Array,
    ConstraintError,
    Graph,
    InputError,
    LitegoldError,
    Node,
    RunError,
    TensorType,
    UnsupportedError,
    format_of,
)
from ..quant.rule import INT8, Quantized
from .arena import check_memory


def attributes_of(node: Node) -> dict[str, Any]:
    """Return the node's attributes with the operator's defaults filled in."""
    return {**node.op.attributes, **node.attributes}


def located(error: LitegoldError, node: Node) -> LitegoldError:
    """Return the same error with the node's name in front."""
    if isinstance(error, ConstraintError):
        return ConstraintError(error.label, f"{node}: {error.reason}")
    return type(error)(f"{node}: {error}")


def infer(
    node: Node, types: Sequence[TensorType | None], declared: Mapping[str, TensorType]
) -> tuple[TensorType, ...]:
    """Return the types of a node's outputs: shapes by the operator's rule, quantization as declared.

    The element type is the declared one where the node has a quantized rule, which is told of it.
    """
    try:
        found = node.op.output_types(tuple(types), attributes_of(node))
    except LitegoldError as error:
        raise located(error, node) from None
    out = []
    for name, t in zip(node.outputs, found, strict=True):
        want = declared.get(name, t)
        if want.dtype != t.dtype and (node.op, format_of(node.op, tuple(types))) not in INT8:
            raise ConstraintError(
                "types", f"{node}: tensor {name} is declared {want.format}, but {t.format} comes out"
            )
        check_memory(f"{node}: tensor {name} of shape {t.shape}", t.size * want.dtype.itemsize)
        out.append(TensorType(t.shape, want.dtype, want.quant))
    return tuple(out)


def lacking(node: Node, types: Sequence[TensorType | None], out: Sequence[TensorType]) -> str | None:
    """Return what is missing for the reference to run this node: `conv2d f32`, or None."""
    form = format_of(node.op, tuple(types))
    if (node.op, form) in INT8 and any(t and t.quant for t in (*types, *out)):
        return None
    return None if form in node.op.dtypes else f"{node.op.__name__} {form}"


def evaluate(
    node: Node,
    types: Sequence[TensorType | None],
    out: tuple[TensorType, ...],
    args: Sequence[Array | None],
) -> tuple[Array, ...]:
    """Run one node: by its quantized rule where it has one and a tensor is quantized, else plainly."""
    missing = lacking(node, types, out)
    if missing:
        raise UnsupportedError(f"{node}: no reference for {missing}")
    form, attributes = format_of(node.op, tuple(types)), attributes_of(node)
    try:
        with np.errstate(all="ignore"):
            if (node.op, form) in INT8 and any(t and t.quant for t in (*types, *out)):
                given = [
                    None if a is None or t is None else Quantized(a, t.quant)
                    for a, t in zip(args, types, strict=True)
                ]
                rule = INT8[node.op, form]
                result = rule(*given, out=out, dialect=node.dialect, **attributes)
            else:
                result = node.op(*args, **attributes)
    except (IndexError, ZeroDivisionError) as error:
        raise RunError(f"{node}: {error}") from error
    except LitegoldError as error:
        raise located(error, node) from None
    results = tuple(np.asarray(r) for r in (result if isinstance(result, tuple) else (result,)))
    for name, r, t in zip(node.outputs, results, out, strict=True):
        if r.shape != t.shape or r.dtype != t.dtype:
            raise AssertionError(
                f"{node}: tensor {name} came out as {r.dtype}{list(r.shape)}, "
                f"its shape rule says {t.dtype}{list(t.shape)}"
            )
    return results


def check_supported(graph: Graph) -> None:
    """Raise one error that names all operators of a file for which there is nothing here."""
    unsupported = graph.metadata.get("unsupported", ())
    if unsupported:
        raise UnsupportedError(f"no implementation of {', '.join(map(str, unsupported))}")


def check_feed(graph: Graph, name: str, value: Any) -> Array:
    """Return the array for an input, or say what was expected and what came."""
    want = graph.tensors[name]
    array = np.asarray(value)
    if array.dtype != want.dtype:
        raise InputError(f"input {name}: expected {want.format}, got {array.dtype}")
    free = graph.dynamic.get(name, ())
    same = len(array.shape) == len(want.shape) and all(
        a == w or axis in free for axis, (a, w) in enumerate(zip(array.shape, want.shape, strict=True))
    )
    if not same:
        shape = ["any" if axis in free else n for axis, n in enumerate(want.shape)]
        shown = ", ".join(map(str, shape))
        raise InputError(f"input {name}: expected shape ({shown}), got {array.shape}")
    return array


def check_names(graph: Graph, feeds: Mapping[str, Any]) -> None:
    """Raise where inputs are missing or unknown."""
    missing = [n for n in graph.inputs if n not in feeds]
    unknown = [n for n in feeds if n not in graph.inputs]
    if missing or unknown:
        problems = [f"missing {', '.join(missing)}"] * bool(missing)
        problems += [f"unknown {', '.join(map(str, unknown))}"] * bool(unknown)
        raise InputError(f"inputs: {'; '.join(problems)}; there are {', '.join(graph.inputs) or 'none'}")


def initial_states(graph: Graph) -> dict[str, Array]:
    """Return what each state tensor holds before the first run."""
    return {s.tensor: s.initial for s in graph.states}


def interpret(
    graph: Graph, feeds: Mapping[str, Any], states: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Run `graph` by the references; return all tensors that were fed or computed, and constants, by name.

    `states` holds the values of the state tensors, the initial ones by default. Their successors are in the
    result, under the names in `graph.states`.
    """
    check_supported(graph)
    check_names(graph, feeds)
    values = {**graph.constants, **initial_states(graph), **(states or {})}
    values |= {name: check_feed(graph, name, feeds[name]) for name in graph.inputs}
    missing = dict[str, None]()
    total = 0
    for node in graph.nodes:
        if missing:
            _note_missing(graph, node, missing)
            continue
        args = [None if n is None else values[n] for n in node.inputs]
        types = [
            None if n is None or a is None else TensorType.of(a, _quant(graph, n))
            for n, a in zip(node.inputs, args, strict=True)
        ]
        out = infer(node, types, graph.tensors)
        if lacking(node, types, out):
            _note_missing(graph, node, missing)
            continue
        total += sum(t.nbytes for t in out)
        check_memory("all intermediates together", total)
        values.update(zip(node.outputs, evaluate(node, types, out, args), strict=True))
    if missing:
        raise UnsupportedError(f"no reference for {', '.join(missing)}")
    return values


def _quant(graph: Graph, name: str) -> Any:
    return graph.tensors[name].quant if name in graph.tensors else None


def _note_missing(graph: Graph, node: Node, missing: dict[str, None]) -> None:
    """Add what a node lacks, judged by the declared types: values are no longer there."""
    types = [None if n is None else graph.tensors.get(n) for n in node.inputs]
    out = [graph.tensors[n] for n in node.outputs if n in graph.tensors]
    if types[node.op.format_input] is not None:
        what = lacking(node, [t and replace(t, value=None) for t in types], out)
        if what:
            missing[f"{node}: {what}"] = None
