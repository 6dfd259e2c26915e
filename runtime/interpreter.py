"""The reference interpreter: every node by its reference or its quantized rule, every intermediate kept."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..ir import (
    FORMATS,
    Array,
    ConstraintError,
    Deferred,
    Graph,
    InputError,
    LitegoldError,
    Node,
    RunError,
    TensorType,
    UnsupportedError,
)
from ..ir.op import RUN
from ..quant.rule import INT8, Quantized, number_format
from ..refimpl.native_half import NATIVE, ORDERS, is_native
from .arena import check_memory


def attributes_of(node: Node) -> dict[str, Any]:
    """Return the node's attributes with the operator's defaults filled in."""
    return {**node.op.attributes, **node.attributes}


def _format(node: Node, types: Sequence[TensorType | None]) -> str:
    return number_format(node.op, tuple(types), node.dialect)


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
    if len(found) != len(node.outputs):
        raise ConstraintError(
            "outputs", f"{node}: it has {len(node.outputs)} outputs, {len(found)} come out"
        )
    out = []
    for name, t in zip(node.outputs, found, strict=True):
        want = declared.get(name, t)
        if want.dtype != t.dtype and (node.op, _format(node, types)) not in INT8:
            raise ConstraintError(
                "types",
                f"{node}: tensor {name} is declared {want.format}, but {t.format} comes out",
            )
        if any(n < 0 for n in t.shape):
            raise ConstraintError("shape", f"{node}: tensor {name} comes out with shape {t.shape}")
        check_memory(
            f"{node}: tensor {name} of shape {t.shape}", math.prod(t.shape) * want.dtype.itemsize
        )
        out.append(TensorType(t.shape, want.dtype, want.quant))
    _check_quantized(node, types, out)
    return tuple(out)


def _check_quantized(
    node: Node, types: Sequence[TensorType | None], out: Sequence[TensorType]
) -> None:
    """Raise where a node has a quantized rule, and some of its small integers stand for nothing."""
    tensors = dict(zip((*node.inputs, *node.outputs), (*types, *out), strict=False))
    if not any(t and t.quant for t in tensors.values()):
        return
    if (node.op, _format(node, types)) not in INT8:
        return
    for name, t in tensors.items():
        if t is not None and t.format in ("s8", "u8", "s16") and t.quant is None:
            raise ConstraintError(
                "quantization",
                f"{node}: tensor {name} is {t.format} without a scale; {node.op.__name__} needs one",
            )


def lacking(
    node: Node, types: Sequence[TensorType | None], out: Sequence[TensorType]
) -> str | None:
    """Return what is missing for the reference to run this node: `conv2d f32`, or None."""
    form = _format(node, types)
    if (node.op, form) in INT8 and any(t and t.quant for t in (*types, *out)):
        return None
    return None if node.op.takes(form) else f"{node.op.__name__} {form}"


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
    form, attributes = _format(node, types), attributes_of(node)
    try:
        with np.errstate(all="ignore"):
            if (node.op, form) in INT8 and any(t and t.quant for t in (*types, *out)):
                given = [
                    None if a is None or t is None else Quantized(a, t.quant)
                    for a, t in zip(args, types, strict=True)
                ]
                rule = INT8[node.op, form]
                result = rule(*given, out=out, dialect=node.dialect, **attributes)
            elif is_native(node.op, form, node.dialect):
                result = NATIVE[node.op](*args, order=ORDERS[node.dialect], **attributes)
            else:
                result = node.op(*args, **attributes)
    except (IndexError, ZeroDivisionError, MemoryError) as error:
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


def check_graph(graph: Graph) -> None:
    """Raise where a file asks for operators that are not here (all at once), or its nodes make no sense."""
    unsupported = graph.metadata.get("unsupported", ())
    if unsupported:
        raise UnsupportedError(f"no implementation of {', '.join(map(str, unsupported))}")
    defined = {*graph.inputs, *graph.constants, *(s.tensor for s in graph.states)}
    for node in graph.nodes:
        _check_node(node, defined)
        defined.update(node.outputs)
    later = graph.later.outputs if graph.later else ()
    for name in (*graph.kept, *graph.outputs):
        if name not in defined and name not in later:
            raise InputError(f"output {name}: no node computes it")


def _check_node(node: Node, defined: set[str]) -> None:
    """Raise where a node's inputs or attributes do not fit its operator's signature."""
    unknown = node.attributes.keys() - node.op.attributes.keys()
    if unknown:
        raise InputError(f"{node}: unknown attributes {', '.join(sorted(unknown))}")
    for name in node.inputs:
        if name is not None and name not in defined:
            raise InputError(f"{node}: it reads {name}, which nothing has computed before")
    if node.op.variadic:
        holes = [n for n in node.inputs if n is None]
        fits = (node.op.host or not holes) and len(node.inputs) >= len(node.op.inputs) - 1
    else:
        tensors = [p for p in node.op.parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        given = (*node.inputs, *[None] * (len(tensors) - len(node.inputs)))
        fits = len(given) == len(tensors) and all(
            n is not None or p.default is None for n, p in zip(given, tensors, strict=True)
        )
    if not fits:
        raise InputError(f"{node}: inputs {node.inputs} do not fit ({', '.join(node.op.inputs)})")


def check_feed(graph: Graph, name: str, value: Any) -> Any:
    """Return the array for an input, or say what was expected and what came."""
    want = graph.tensors.get(name)
    if want is None:  # any type, or no tensor
        return value if value is None or isinstance(value, list) else np.asarray(value)
    array = np.asarray(value)
    if want.dtype == FORMATS["str"] and array.dtype.kind in "UT":
        array = array.astype(object)
    if array.dtype != want.dtype:
        raise InputError(f"input {name}: expected {want.format}, got {array.dtype}")
    free = graph.dynamic.get(name, ())
    same = len(array.shape) == len(want.shape) and all(
        a == w or axis in free
        for axis, (a, w) in enumerate(zip(array.shape, want.shape, strict=True))
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
        raise InputError(
            f"inputs: {'; '.join(problems)}; there are {', '.join(graph.inputs) or 'none'}"
        )


def initial_states(graph: Graph) -> dict[str, Array]:
    """Return what each state tensor holds before the first run."""
    return {s.tensor: s.initial for s in graph.states}


def run_host(
    node: Node, args: Sequence[Any], run: Callable[[Graph | Deferred, Sequence[Any]], Any]
) -> tuple[Any, ...]:
    """Run a node that runs in Python; `run` runs the networks in its attributes."""
    attributes = attributes_of(node)
    if any(p.name == RUN for p in node.op.parameters):
        attributes[RUN] = run
    try:
        with np.errstate(all="ignore"):
            found = node.op.reference(*args, **attributes)
    except (IndexError, ZeroDivisionError, MemoryError) as error:
        raise RunError(f"{node}: {error}") from error
    except LitegoldError as error:
        raise located(error, node) from None
    results = found if isinstance(found, tuple) else (found,)
    if len(results) != len(node.outputs):
        raise RunError(f"{node}: {len(results)} results for {len(node.outputs)} outputs")
    return results


def unchanged(node: Node, types: Any, args: Any, results: Any) -> Any:
    """Look at nothing."""
    return results


Observe = Callable[[Node, Sequence[TensorType | None], Sequence[Any], tuple[Any, ...]], Any]


def interpret(
    graph: Graph,
    feeds: Mapping[str, Any],
    states: Mapping[str, Array] | None = None,
    observe: Observe = unchanged,
) -> dict[str, Array]:
    """Run `graph` by the references; return all tensors that were fed or computed, and constants, by name.

    `states` holds the values of the state tensors, the initial ones by default. Their successors are in the
    result, under the names in `graph.states`. `observe(node, types, arguments, results)` sees each node that runs,
    those of networks inside of nodes among them, and returns what its results shall be.
    """
    check_graph(graph)
    check_names(graph, feeds)
    given = {name: check_feed(graph, name, feeds[name]) for name in graph.inputs}
    graph = graph.at(given)
    values = {**graph.constants, **initial_states(graph), **(states or {}), **given}
    missing = dict[str, None]()
    total = 0
    for node in graph.nodes:
        if missing:
            _note_missing(graph, node, missing)
            continue
        args = [None if n is None else values[n] for n in node.inputs]
        if node.op.host:
            results = run_host(node, args, partial(run_network, observe=observe))
            values.update(zip(node.outputs, observe(node, (), args, results), strict=True))
            continue
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
        results = observe(node, types, args, evaluate(node, types, out, args))
        values.update(zip(node.outputs, results, strict=True))
    if missing:
        raise UnsupportedError(f"no reference for {', '.join(missing)}")
    if graph.later is not None:
        rest = graph.later.graph({n: values[n] for n in graph.later.inputs})
        values |= interpret(rest, {n: values[n] for n in rest.inputs}, observe=observe)
    return values


def run_network(
    body: Graph | Deferred, args: Sequence[Any], observe: Observe = unchanged
) -> tuple[Any, ...]:
    """Return what a network inside of a node makes of values for its inputs, by the references."""
    given = dict(zip(body.inputs, args, strict=True))
    graph = body.graph(given) if isinstance(body, Deferred) else body
    values = interpret(graph, {n: given[n] for n in graph.inputs}, observe=observe)
    return tuple(values[n] for n in body.outputs)


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
