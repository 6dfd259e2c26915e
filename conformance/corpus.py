"""The frozen corpus of ONNX node cases, judged by our bounds instead of its own tolerance.

The wheel `onnx==1.22.0` carries it as files: a model of one node (or of the nodes that a function stands for) and the
values that go in and come out; later wheels have none. `find` looks for the wheel, `cases` reads it as a zip.

What the reference gives must lie within what a conforming float32 computation may be off (`allowed`) from what the
corpus holds, and so must the plan's results from the reference's; integers are equal.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..formats.onnx.reader import read
from ..formats.onnx.scope import DEFAULT_DOMAINS
from ..formats.onnx.tensors import Tensors
from ..ir import Array, Graph, LitegoldError, Node
from ..runtime.interpreter import interpret
from ..runtime.session import Session
from .agreement import expect as expect_outputs
from .judge import judge_value, node_bounds

VERSION: Final = "1.22.0"
WHEEL: Final = f"onnx-{VERSION}-*.whl"
ROOT: Final = "onnx/backend/test/data/node/"


@dataclass(frozen=True)
class CorpusCase:
    """A model of the corpus, with the inputs and outputs of each of its data sets, as they are stored.

    Attributes:
        default: whether all its operators are of ONNX's default domain.
        numeric: whether all values are tensors of numbers.
    """

    name: str
    model: bytes
    sets: tuple[tuple[tuple[bytes, ...], tuple[bytes, ...]], ...]
    default: bool
    numeric: bool


@dataclass(frozen=True)
class Outcome:
    """What came of a case: an empty reason is a pass."""

    name: str
    reference: str = ""
    plan: str = ""
    numeric: bool = True
    nodes: Mapping[str, int] = field(default_factory=dict)


def find() -> Path | None:
    """Return the wheel: `LITEGOLD_CORPUS` names it or its folder; by default it lies in `.venv/corpus`."""
    place = Path(
        os.environ.get("LITEGOLD_CORPUS", Path(__file__).resolve().parents[1] / ".venv/corpus")
    )
    if place.is_file():
        return place
    return next(iter(sorted(place.glob(WHEEL))), None) if place.is_dir() else None


def cases(wheel: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[CorpusCase]:
    """Yield the cases whose names are `wanted`, in the order of their names."""
    import onnx.onnx_ml_pb2 as schema

    with zipfile.ZipFile(wheel) as archive:
        folders: dict[str, list[str]] = {}
        for n in sorted(n for n in archive.namelist() if n.startswith(ROOT)):
            folders.setdefault(n[len(ROOT) :].split("/")[0], []).append(n)
        for name, files in folders.items():
            if f"{ROOT}{name}/model.onnx" in files and wanted(name):
                data = archive.read(f"{ROOT}{name}/model.onnx")
                model = schema.ModelProto.FromString(data)
                yield _case(name, data, model, archive, files)


def _case(
    name: str, data: bytes, model: Any, archive: zipfile.ZipFile, files: Sequence[str]
) -> CorpusCase:
    sets = sorted({f.rsplit("/", 1)[0] for f in files if "/test_data_set_" in f})
    graph, found = model.graph, []
    for folder in sets:
        stored = [
            tuple(archive.read(f"{folder}/{kind}_{i}.pb") for i in range(len(declared)))
            for kind, declared in (("input", graph.input), ("output", graph.output))
        ]
        found.append((stored[0], stored[1]))
    types = [v.type for v in (*graph.input, *graph.output)]
    numeric = all(t.HasField("tensor_type") and t.tensor_type.elem_type != 8 for t in types)
    default = all(node.domain in DEFAULT_DOMAINS for node in model.graph.node)
    return CorpusCase(name, data, tuple(found), default, numeric)


def values_of(case: CorpusCase) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Return inputs and outputs of each data set."""
    import onnx.onnx_ml_pb2 as schema

    graph, decoder = schema.ModelProto.FromString(case.model).graph, Tensors(None)
    return [
        (
            tuple(decode(r, v.type, decoder) for r, v in zip(inputs, graph.input, strict=True)),
            tuple(decode(r, v.type, decoder) for r, v in zip(outputs, graph.output, strict=True)),
        )
        for inputs, outputs in case.sets
    ]


def decode(raw: bytes, type: Any, decoder: Tensors) -> Any:
    """Return a stored value of a declared type: an array, a list for a sequence, None for an empty optional."""
    import onnx.onnx_data_pb2 as values
    import onnx.onnx_ml_pb2 as schema

    if type.HasField("tensor_type"):
        return decoder.array(schema.TensorProto.FromString(raw), "value")
    if type.HasField("sequence_type"):
        sequence = values.SequenceProto.FromString(raw)
        return [decoder.array(t, "value") for t in sequence.tensor_values]
    if type.HasField("optional_type"):
        optional = values.OptionalProto.FromString(raw)
        if optional.elem_type == 1:
            return decoder.array(optional.tensor_value, "value")
        if optional.elem_type == 3:
            return [decoder.array(t, "value") for t in optional.sequence_value.tensor_values]
        return None
    raise ValueError(f"a value of type {type}")


def run(case: CorpusCase) -> Outcome:
    """Run a case by the reference and by the plan, and judge both."""
    reference = plan = ""
    nodes: dict[str, int] = {}
    try:
        graph, sets = read(case.model), values_of(case)
    except LitegoldError as error:
        return Outcome(case.name, f"load: {error}", f"load: {error}", case.numeric)
    for inputs, outputs in sets:
        feeds = dict(zip(graph.inputs, inputs, strict=True))
        try:
            want, allowed = expect(graph, feeds, nodes)
        except LitegoldError as error:
            return Outcome(case.name, f"run: {error}", f"run: {error}", case.numeric, nodes)
        theirs = dict(zip(graph.outputs, outputs, strict=True))
        reference = reference or _judge(theirs, want, allowed)
        try:
            got = Session(graph).run(feeds)
            plan = plan or _judge(got, want, allowed)
        except LitegoldError as error:
            plan = plan or f"run: {error}"
    return Outcome(case.name, reference, plan, case.numeric, nodes)


def _judge(got: Mapping[str, Any], want: Mapping[str, Any], allowed: Mapping[str, Any]) -> str:
    """Return what is wrong, or an empty text."""
    for name, value in want.items():
        verdict = judge_value(got[name], value, allowed[name])
        if not verdict:
            return f"{name}: {verdict.reason}"
    return ""


def expect(
    graph: Graph, feeds: Mapping[str, Any], nodes: dict[str, int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the outputs of the reference, and how far float32 computations may be off them; count nodes.

    Where only what an output comes from directly is inexact, that is the node's envelope; behind it, what probes find
    (`agreement`).
    """
    bounds: dict[str, Array] = {}

    def observe(node: Node, types: Any, args: Any, results: Any) -> Any:
        nodes[node.op.__name__] = nodes.get(node.op.__name__, 0) + 1
        if not node.op.host:
            bounds.update(zip(node.outputs, node_bounds(node, types, args, results), strict=True))
        return results

    values = interpret(graph, feeds, observe=observe)
    want = {n: values[n] for n in graph.outputs}
    inexact = [n for n, bound in bounds.items() if np.any(bound)]
    if all(n in want for n in inexact):
        return want, {n: bounds.get(n, 0.0) for n in want}
    return want, dict(expect_outputs(graph, feeds).allowed)
