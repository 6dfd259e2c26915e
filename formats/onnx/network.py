"""A whole network of ours -> an ONNX model as other engines expect it: NCHW, filters as OIHW initializers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...ir import Array, Graph, Node, TensorType, UnsupportedError, ValueNeededError
from ...passes.placements import Perm, Placement, inverse
from .layout import Layout, needed
from .table import NHWC, OnnxSite
from .writer import model_bytes, site_of


@dataclass(frozen=True)
class OnnxModel:
    """A file, and how its inputs and outputs are to be read.

    Attributes:
        data: the file.
        inputs, outputs: for each name the order of its axes: our array is the file's, transposed so; None: the same.
    """

    data: bytes
    inputs: Mapping[str, Perm | None]
    outputs: Mapping[str, Perm | None]

    def feeds(self, ours: Mapping[str, Array]) -> dict[str, Array]:
        """Return the arrays that the file takes, given ours."""
        return {
            name: ours[name] if perm is None else ours[name].transpose(inverse(perm)).copy()
            for name, perm in self.inputs.items()
        }

    def results(self, theirs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the arrays that we would give, given the file's."""
        return {
            name: theirs[name] if perm is None else theirs[name].transpose(perm)
            for name, perm in self.outputs.items()
        }


def write_graph(graph: Graph, *, channels_first: bool = False, every: bool = False) -> OnnxModel:
    """Return the ONNX model of a network.

    Axes that the network leaves open have the size 1. States are inputs, and their successors outputs. With
    `channels_first` images that go in and out have their channels second, as the file's nodes do; otherwise
    there is a Transpose at that place. With `every`, all tensors are outputs.

    Raises:
        UnsupportedError: a node cannot be said in ONNX.
    """
    types = {n: replace(t, value=graph.constants.get(n)) for n, t in graph.tensors.items()}
    inputs = (*graph.inputs, *(s.tensor for s in graph.states))
    outputs = (*graph.outputs, *(s.successor for s in graph.states))
    if every:
        outputs = tuple(dict.fromkeys((*(n for d in graph.nodes for n in d.outputs), *outputs)))
    placed = {
        n: Placement(n, NHWC) for n in graph.inputs if channels_first and len(types[n].shape) == 4
    }
    layout = Layout(graph.constants, types, outputs, placed)
    for site in _sites(graph.nodes, types):
        layout.constants |= site.constants
        for record in site.records:
            layout.add(record)
    orders = layout.finish(outputs, channels_first or every)
    records = needed(layout.records, outputs)
    read = {n for r in records for n in r.inputs}
    data = model_bytes(
        records,
        {n: _ordered(types[n], placed[n].perm if n in placed else None) for n in inputs},
        {n: _ordered(types[n], orders[n]) for n in outputs},
        {n: v for n, v in layout.constants.items() if n in read},
        graph.name,
    )
    orders_in = {n: placed[n].perm if n in placed else None for n in inputs}
    return OnnxModel(data, orders_in, orders)


def _sites(nodes: Sequence[Node], types: Mapping[str, TensorType]) -> list[OnnxSite]:
    sites = []
    for node in nodes:
        try:
            sites.append(site_of(node, types))
        except (UnsupportedError, ValueNeededError) as error:
            raise UnsupportedError(f"{node}: {error}") from error
    return sites


def _ordered(type: TensorType, perm: Perm | None) -> TensorType:
    """Return the type with its axes in the order that the file has."""
    if perm is None:
        return type
    return replace(type, shape=tuple(type.shape[a] for a in inverse(perm)), value=None)
