"""A chain of operators that passes have joined: one node whose attribute `body` is the graph that it stands for."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Array, Graph, Op, TensorType


def _infer(*xs: TensorType | None, body: Graph) -> tuple[TensorType, ...]:
    types: dict[str, TensorType | None] = dict(zip(body.inputs, xs, strict=True))
    for node in body.nodes:
        given = tuple(None if n is None else types[n] for n in node.inputs)
        out = node.op.output_types(given, {**node.op.attributes, **node.attributes})
        types.update(zip(node.outputs, out, strict=True))
    return tuple(t for n in body.outputs if (t := types[n]) is not None)


def _fused(*xs: Array | None, body: Graph) -> tuple[Array, ...]:
    """Run the nodes of `body` one by one, each rounding its result: bit for bit what they gave alone."""
    values = run_body(body, xs)
    return tuple(values[n] for n in body.outputs)


def run_body(body: Graph, xs: Sequence[Array | None]) -> dict[str, Array]:
    """Return the inputs, the constants and all that the nodes of `body` compute, by name."""
    values = dict(body.constants)
    values |= {n: x for n, x in zip(body.inputs, xs, strict=True) if x is not None}
    for node in body.nodes:
        args = [None if n is None else values[n] for n in node.inputs]
        found = node.op(*args, **node.attributes)
        values.update(
            zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=True)
        )
    return values


# It is in no list of operators: no file holds it, and what it means is the meaning of its body.
fused: Op[..., tuple[Array, ...]] = Op(_fused, _infer, ("f32",), (), 0, False)
fused.__name__ = "fused"
