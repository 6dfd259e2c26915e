"""From NHWC to NCHW: ONNX nodes between transpositions -> the same network with the channels second throughout.

No transposition is written where it stands. What it makes is a *placement*: the name of a tensor of the file and
the order in which its axes are read. Nodes that can work on any order of the axes (elementwise ones,
concatenations, reductions ...) are written for the order at hand, two opposite transpositions make none, and only a
node that needs its axes as they are has its input reordered. Constants are reordered here and now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from ...ir import Array, TensorType
from ...passes.placements import Perm, Placement, composed, inverse
from .table import OnnxRecord


class Layout:
    """One walk over the nodes in execution order.

    Attributes:
        placed: placement of every tensor so far.
        records: the nodes of the file so far.
        constants: values that are known.
        types: types of the tensors of the graph.
        outputs: names that must not be given to a tensor with reordered axes.
    """

    def __init__(
        self,
        constants: Mapping[str, Array],
        types: Mapping[str, TensorType],
        outputs: Iterable[str],
        placed: Mapping[str, Placement],
    ) -> None:
        self.constants, self.types, self.outputs = dict(constants), types, set(outputs)
        self.placed: dict[str, Placement] = dict(placed)
        self.records: list[OnnxRecord] = []
        self._plain: dict[str, str] = {}

    def where(self, name: str) -> Placement:
        """Return the placement of a tensor."""
        return self.placed.get(name, Placement(name))

    def perm(self, record: OnnxRecord) -> Perm | None:
        """Return the order of the axes that all inputs of a node have which are no constants, if there is one."""
        found = [self.where(n) for n in record.inputs if n and n not in self.constants]
        perms = {w.perm for w in found}
        return perms.pop() if len(perms) == 1 and all(w.columns is None for w in found) else None

    def fresh(self, base: str) -> str:
        """Return a name near `base` that no tensor has."""
        taken = (
            self.types.keys() | self.constants.keys() | {n for r in self.records for n in r.outputs}
        )
        name = base
        while name in taken:
            name += "_"
        return name

    def constant(self, base: str, value: Array) -> str:
        """Enter a constant under a name near `base`."""
        name = self.fresh(base)
        self.constants[name] = np.ascontiguousarray(value).reshape(value.shape)
        return name

    def plain(self, name: str) -> str:
        """Return the name of a tensor of the file whose axes are in the order that `name` has."""
        where = self.where(name)
        if where.perm is None and where.columns is None:
            return where.name
        if name not in self._plain:
            self._plain[name] = self._reordered(name, where)
        return self._plain[name]

    def _reordered(self, name: str, where: Placement) -> str:
        y = name if name in self.outputs else self.fresh(f"{name}/reordered")
        if where.columns is not None:
            places = self.constant(f"{name}/columns", where.columns)
            self.records.append(OnnxRecord("Gather", (where.name, places), (y,), {"axis": 1}))
        else:
            perm = list(where.perm or ())
            self.records.append(OnnxRecord("Transpose", (where.name,), (y,), {"perm": perm}))
        return y

    def emit(self, record: OnnxRecord, perm: Perm | None = None) -> None:
        """Write a node on the inputs given; its results' axes are to be read in the order `perm`."""
        names = []
        for name in record.outputs:
            own = name if perm is None or name not in self.outputs else self.fresh(f"{name}/nchw")
            self.placed[name] = Placement(own, perm)
            names.append(own)
        self.records.append(replace(record, outputs=tuple(names)))

    def add(self, record: OnnxRecord) -> None:
        """Take in the next node."""
        if record.inputs and all(n in self.constants for n in record.inputs if n):
            value = folded(record, self.constants)
            if value is not None:
                self.constants[record.outputs[0]] = value
                return
        rule = RULES.get(record.code)
        if rule is None or not rule(self, record):
            inputs = tuple(self.plain(n) if n else n for n in record.inputs)
            self.emit(replace(record, inputs=inputs))

    def finish(self, outputs: Iterable[str], free: bool) -> dict[str, Perm | None]:
        """See to it that the outputs have their names; with `free`, 4-D ones may have their axes in NCHW.

        Returns the order in which the axes of the file's output are to be read, by its name.
        """
        orders: dict[str, Perm | None] = {}
        for name in outputs:
            where = self.where(name)
            keep = free and where.perm is not None and len(where.perm) == 4
            keep = keep and name not in self._plain
            own = where.name if keep else self.plain(name)
            if own != name:
                self.records.append(OnnxRecord("Identity", (own,), (name,)))
            orders[name] = where.perm if keep else None
        return orders


def folded(record: OnnxRecord, constants: Mapping[str, Array]) -> Array | None:
    """Return what a node makes of constants, where NumPy says it in a word; else None."""
    x = constants[record.inputs[0]]
    if record.code == "Transpose":
        return np.ascontiguousarray(np.transpose(x, record.attributes["perm"]))
    if record.code == "Reshape":
        return x.reshape(constants[record.inputs[1]].tolist())
    if record.code == "Cast" and x.dtype.kind in "iub" and record.attributes["to"].kind in "iub":
        return x.astype(record.attributes["to"])
    if record.code == "Concat":
        parts = [constants[n] for n in record.inputs]
        return np.concatenate(parts, record.attributes["axis"])
    if record.code == "Unsqueeze":
        return np.expand_dims(x, tuple(constants[record.inputs[1]].tolist()))
    return x if record.code == "Identity" else None


def transpose(layout: Layout, record: OnnxRecord) -> bool:
    """Write nothing: only the order of the axes is another one."""
    where = layout.where(record.inputs[0])
    if where.columns is not None:
        return False
    perm = composed(where.perm, tuple(record.attributes["perm"]))
    layout.placed[record.outputs[0]] = Placement(where.name, perm)
    return True


def identity(layout: Layout, record: OnnxRecord) -> bool:
    """Write nothing: it is the same tensor."""
    layout.placed[record.outputs[0]] = layout.where(record.inputs[0])
    return True


def elementwise(layout: Layout, record: OnnxRecord) -> bool:
    """Work on any order of the axes; constants take the same one."""
    perm = layout.perm(record)
    if perm is None:
        return False
    inputs = [_like(layout, name, perm) for name in record.inputs]
    layout.emit(replace(record, inputs=tuple(inputs)), perm)
    return True


def _like(layout: Layout, name: str, perm: Perm) -> str:
    value = layout.constants.get(name)
    if value is None:
        return layout.where(name).name if name else name
    if not value.ndim:
        return name
    wide = value.reshape((1,) * (len(perm) - value.ndim) + value.shape)
    return layout.constant(f"{name}/nchw", wide.transpose(inverse(perm)))


def along_axis(layout: Layout, record: OnnxRecord) -> bool:
    """Work along one axis, an attribute."""
    perm = layout.perm(record)
    if perm is None:
        return False
    axis = perm[record.attributes["axis"]]
    parts = record.inputs if record.code == "Concat" else record.inputs[:1]
    inputs = tuple(_like(layout, n, perm) for n in parts) + record.inputs[len(parts) :]
    attributes = {**record.attributes, "axis": axis}
    layout.emit(replace(record, inputs=inputs, attributes=attributes), perm)
    return True


def reduction(layout: Layout, record: OnnxRecord) -> bool:
    """Reduce other axes; without them, the rest may stand in order."""
    where = layout.where(record.inputs[0])
    if where.perm is None or record.inputs[1] not in layout.constants:
        return False
    axes = {int(a) % len(where.perm) for a in layout.constants[record.inputs[1]]}
    there = sorted(where.perm[a] for a in axes)
    rest = [where.perm[a] for a in range(len(where.perm)) if a not in axes]
    keep = record.attributes["keepdims"]
    perm = where.perm if keep else composed(None, tuple(sorted(rest).index(a) for a in rest))
    if record.code == "ReduceMean" and there == [2, 3] and len(where.perm) == 4:
        return _pixel_mean(layout, record, where.name, perm)
    places = layout.constant(f"{record.outputs[0]}/axes", np.array(there, np.int64))
    layout.emit(replace(record, inputs=(where.name, places)), perm)
    return True


def _pixel_mean(layout: Layout, record: OnnxRecord, x: str, perm: Perm | None) -> bool:
    """Write the mean over all pixels by the operator that says just that."""
    if record.attributes["keepdims"]:
        layout.emit(OnnxRecord("GlobalAveragePool", (x,), record.outputs), perm)
        return True
    pooled = layout.fresh(f"{record.outputs[0]}/pooled")
    layout.records.append(OnnxRecord("GlobalAveragePool", (x,), (pooled,)))
    layout.emit(OnnxRecord("Flatten", (pooled,), record.outputs), perm)
    return True


def padding(layout: Layout, record: OnnxRecord) -> bool:
    """Pad the same axes, wherever they stand."""
    where = layout.where(record.inputs[0])
    if where.perm is None or record.inputs[1] not in layout.constants:
        return False
    sides = layout.constants[record.inputs[1]].reshape(2, -1)[:, inverse(where.perm)]
    amounts = layout.constant(f"{record.outputs[0]}/sides", sides.reshape(-1))
    layout.emit(replace(record, inputs=(where.name, amounts, *record.inputs[2:])), where.perm)
    return True


def slicing(layout: Layout, record: OnnxRecord) -> bool:
    """Slice the same axes, wherever they stand."""
    where, axes = layout.where(record.inputs[0]), layout.constants.get(record.inputs[3])
    if where.perm is None or axes is None:
        return False
    there = np.array([where.perm[a] for a in axes], np.int64)
    inputs = list(record.inputs)
    inputs[0], inputs[3] = where.name, layout.constant(f"{record.outputs[0]}/axes", there)
    layout.emit(replace(record, inputs=tuple(inputs)), where.perm)
    return True


def flattening(layout: Layout, record: OnnxRecord) -> bool:
    """Flatten the tensor of the file; only its columns are then in another order."""
    x, where = record.inputs[0], layout.where(record.inputs[0])
    shape = tuple(layout.constants[record.inputs[1]].tolist())
    if where.perm is None or x not in layout.types or where.perm[0]:
        return False
    sizes = layout.types[x].shape
    if len(shape) != 2 or shape[0] != sizes[0]:
        return False
    there = np.arange(shape[1]).reshape([sizes[a] for a in inverse(where.perm)[1:]])
    columns = there.transpose([a - 1 for a in where.perm[1:]]).reshape(-1)
    layout.emit(replace(record, inputs=(where.name, record.inputs[1])))
    if not np.array_equal(columns, np.arange(shape[1])):
        y = record.outputs[0]
        own = layout.placed[y].name
        if own in layout.outputs:
            own = layout.fresh(f"{y}/nchw")
            layout.records[-1] = replace(layout.records[-1], outputs=(own,))
        layout.placed[y] = Placement(own, None, columns)
    return True


def product(layout: Layout, record: OnnxRecord) -> bool:
    """Reorder the weights instead of the columns of a flattened tensor."""
    where, weights = layout.where(record.inputs[0]), layout.constants.get(record.inputs[1])
    if where.columns is None or weights is None or not record.attributes.get("transB"):
        return False
    there = np.empty_like(weights)
    there[:, where.columns] = weights
    w = layout.constant(f"{record.inputs[1]}/nchw", there)
    layout.emit(replace(record, inputs=(where.name, w, *record.inputs[2:])))
    return True


# A rule writes a node for the order of the axes at hand and says True, or leaves it as it is.
RULES: Final[dict[str, Callable[[Layout, OnnxRecord], bool]]] = {
    "Transpose": transpose,
    "Identity": identity,
    "Pad": padding,
    "Slice": slicing,
    "Reshape": flattening,
    "Gemm": product,
    **dict.fromkeys(("Concat", "Softmax", "LogSoftmax", "Split"), along_axis),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL2"), reduction
    ),
    **dict.fromkeys(
        (
            *("Abs", "Cast", "Ceil", "Clip", "Cos", "Erf", "Exp", "Floor", "Gelu", "LeakyRelu"),
            *("Log", "Neg", "Not", "Reciprocal", "Relu", "Round", "Sigmoid", "Sin", "Sqrt", "Tanh"),
            *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan", "Sign"),
            *("Celu", "HardSigmoid", "Mish", "Selu", "Shrink", "Softplus", "Softsign"),
            *("ThresholdedRelu", "BitwiseNot"),
            *("Add", "Div", "Mod", "Mul", "Pow", "PRelu", "Sub", "Sum"),
            *("And", "Or", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
        ),
        elementwise,
    ),
}


def needed(records: Iterable[OnnxRecord], outputs: Iterable[str]) -> list[OnnxRecord]:
    """Return the nodes that the outputs depend on."""
    wanted, kept = set(outputs), []
    for record in reversed(list(records)):
        if wanted & set(record.outputs):
            kept.append(record)
            wanted |= set(record.inputs)
    return kept[::-1]
