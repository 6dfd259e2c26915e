"""`litegold info`: what is in a model file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..face import Network, load
from ..ir import Deferred, Graph, LitegoldError, TensorType
from ..quant.rule import number_format
from ..refimpl.fused import fused
from . import app, screen


@app.command()
def info(
    model: Annotated[Path, typer.Argument(help="model file")],
    nodes: Annotated[bool, typer.Option("--nodes", help="list every node")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show inputs, outputs, operators and sizes of MODEL, and what of it is missing here."""
    net = load(model)
    facts = describe(net)
    if as_json:
        screen.emit_json(facts)
        return
    screen.out.print(
        f"[bold]{model}[/bold]: {facts['nodes']} nodes, {facts['constant_bytes']:,} bytes of constants"
    )
    for what in ("inputs", "outputs", "states"):
        for name, text in facts[what].items():
            screen.out.print(f"  {what[:-1]:7} {name}: {text}", highlight=False)
    table = Table()
    table.add_column("operator")
    table.add_column("type")
    table.add_column("nodes", justify="right")
    for key, count in facts["operators"].items():
        name, _, form = key.partition(" ")
        table.add_row(name, form, str(count))
    screen.out.print(table)
    if facts["unsupported"]:
        screen.out.print("not supported: " + ", ".join(facts["unsupported"]), style="red")
    _show_plan(facts["plan"])
    if facts["later"]:
        _show_later(facts["later"])
    if nodes:
        _list_nodes(net)


def describe(net: Network) -> dict[str, Any]:
    """Return the facts of a network as plain values."""
    graph = net.graph
    counts = Counter(
        (
            n.op.__name__,
            number_format(
                n.op, tuple(graph.tensors.get(i) if i else None for i in n.inputs), n.dialect
            )
            if n.inputs
            else "",
        )
        for n in graph.nodes
    )
    dynamic = graph.dynamic
    return {
        "nodes": len(graph.nodes),
        "constant_bytes": sum(a.nbytes for a in graph.constants.values()),
        "inputs": {n: spell(t, dynamic.get(n, ())) for n, t in net.inputs.items()},
        "outputs": {n: spell(t, dynamic.get(n, ())) for n, t in net.outputs.items()},
        "states": {s.tensor: spell(graph.tensors[s.tensor]) for s in graph.states},
        "operators": {f"{name} {form}": count for (name, form), count in counts.most_common()},
        "later": describe_later(graph),
        "unsupported": list(graph.metadata.get("unsupported", ())),
        "plan": describe_plan(net),
    }


def describe_later(graph: Graph) -> dict[str, Any]:
    """Return what is read only when a run has come to it: what it waits for, and its operators; or nothing."""
    if graph.later is None:
        return {}
    return {
        "contents_of": list(graph.later.needs),
        "operators": dict(Counter(graph.later.operators).most_common()),
    }


def describe_plan(net: Network) -> dict[str, Any]:
    """Return what the passes and the planner make of a network at its declared shapes; or why they cannot."""
    try:
        session = net.session()
        given = {**net.inputs, **{s.tensor: net.graph.tensors[s.tensor] for s in net.graph.states}}
        plan = session.plan_for({name: t for name, t in given.items() if t is not None})
    except LitegoldError as error:
        return {"error": str(error)}
    return {
        "nodes": len(session.planned.nodes),
        "fused": [n.name for n in session.planned.nodes if n.op is fused],
        "kernel_calls": len(plan.steps),
        "nodes_after_cut": len(plan.rest),
        "in_python": [n.name for n in session.planned.nodes if n.op.host],
        "arena_bytes": plan.arena_bytes,
        "arena_bound_bytes": plan.arena_bound,
        "packed_bytes": sum(a.nbytes for a in plan.pool.values()),
    }


def _show_plan(plan: dict[str, Any]) -> None:
    if "error" in plan:
        screen.out.print(f"no plan: {plan['error']}", style="red", markup=False)
        return
    joined = f", {len(plan['fused'])} of them joined from several" if plan["fused"] else ""
    screen.out.print(
        f"plan: {plan['nodes']} nodes after passes{joined}; {plan['kernel_calls']} kernel calls; "
        f"arena {plan['arena_bytes']:,} bytes (no packing takes less than {plan['arena_bound_bytes']:,}); "
        f"constants as kernels read them {plan['packed_bytes']:,} bytes",
        highlight=False,
    )
    if plan["nodes_after_cut"]:
        what = (
            "a node that runs in Python" if plan["in_python"] else "a value that only a run brings"
        )
        screen.out.print(
            f"  the first part ends before {what}: {plan['nodes_after_cut']} nodes more"
        )
    for name in plan["in_python"]:
        screen.out.print(f"  in Python: {name}", highlight=False, markup=False)
    for name in plan["fused"]:
        screen.out.print(f"  joined: {name}", highlight=False, markup=False)


def _show_later(later: dict[str, Any]) -> None:
    names = ", ".join(later["contents_of"])
    what = f"the contents of {names}" if names else "types that only a run tells"
    counts = ", ".join(f"{n} {name}" for name, n in later["operators"].items())
    screen.out.print(f"read when a run brings {what}: {counts}", highlight=False, markup=False)


def spell(type: TensorType | None, dynamic: tuple[int, ...] = ()) -> str:
    """Return a type in words: s8 [1, 96, 96, 3], scale 0.0078 zero point -1; open axes are ?."""
    if type is None:
        return "any value"
    sizes = ", ".join("?" if i in dynamic else str(n) for i, n in enumerate(type.shape))
    text = f"{type.format} [{sizes}]"
    if type.quant is None:
        return text
    if type.quant.per_channel:
        return f"{text}, {len(type.quant.scale)} scales along axis {type.quant.axis}"
    return f"{text}, scale {type.quant.scale[0]:.6g}, zero point {type.quant.zero_point[0]}"


def _list_nodes(net: Network) -> None:
    tensors = net.graph.tensors
    for node in net.graph.nodes:
        inputs = ", ".join(spell(tensors.get(i)) if i else "-" for i in node.inputs)
        outputs = ", ".join(spell(tensors.get(o)) for o in node.outputs)
        attributes = ", ".join(f"{k}={_brief(v)}" for k, v in node.attributes.items())
        screen.out.print(
            f"{node.name}: {node.op.__name__}({inputs}; {attributes}) -> {outputs}", highlight=False
        )


def _brief(value: Any) -> str:
    """Return an attribute's value in words; of a network inside of a node what it takes and gives."""
    if isinstance(value, Graph | Deferred):
        return f"network({', '.join(value.inputs)}) -> {', '.join(value.outputs)}"
    return str(value)
