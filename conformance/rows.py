"""The operator matrix of MindSpore Lite 1.1, row by row: which operators of ours each row is, and what of it ran.

A row stands in a column (float16, float32, int8, uint8) where each of its operators has a reference, a second oracle,
drawn cases and a compiled kernel in that number format, and a run of the tests has recorded that both agreements held
on its cases (`ran.py`). For bytes that may be in either dialect: LiteRT confirms TFLite's. No engine here confirms
nnacl's, which follows published formulas.

The names of the rows and what MindSpore Lite marks are those of its documentation, r1.1 ("Lite operator list").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..ir import OPS, load_all
from ..jit_kernels.lowering import CPU
from ..quant.rule import INT8
from .ran import ran
from .tables import CASES, EXACT, EXACT_INT8, HOST_CASES, HOST_EXACT

BOTH = ("tflite", "nnacl")
COLUMNS = ("fp16", "fp32", "int8", "uint8")
FORMS = {"fp16": "f16", "fp32": "f32", "int8": "s8", "uint8": "u8"}
# What r1.1 marks by column; every row is marked for float32.
DOCUMENTED = {"fp16": 62, "fp32": 121, "int8": 70, "uint8": 70}


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        operators: names of ours that it needs, each `name` or `name:format`.
        marks: "h" where MindSpore Lite marks float16, "b" where it marks int8 and uint8.
        note: how it maps, where the name does not say so.
        only: operators of a column, where they are others.
    """

    name: str
    operators: str
    marks: str = ""
    note: str = ""
    only: Mapping[str, str] = field(default_factory=dict)

    def marked(self, column: str) -> bool:
        """Whether MindSpore Lite marks a column of this row."""
        return column == "fp32" or ("h" if column == "fp16" else "b") in self.marks

    def needs(self, column: str) -> list[tuple[str, str]]:
        """Return the (operator, format) pairs of a column; none where the row has nothing to do with its numbers."""
        names = self.only.get(column, self.operators).split()
        if column != "fp32" and column not in self.only and any(":" in name for name in names):
            return []  # texts, truth values, networks: float32 stands for them
        pairs = (name.partition(":") for name in names)
        return [(name, form or FORMS[column]) for name, _, form in pairs]


_STACKED = "a list is its tensors stacked"
_TRUTH = "numbers are cast to truth values before, and these to numbers after"
_SCALARS = {"fp16": "cast:f16 {0}:bool", "fp32": "cast {0}:bool"}


def _logical(name: str) -> dict[str, str]:
    return {column: text.format(name) for column, text in _SCALARS.items()}


ROWS = (
    Row("Abs", "abs", "hb"),
    Row("Add", "add", "hb"),
    Row("AddN", "add_n"),
    Row("Assert", "assertion:bool", note="a run ends with an error where the condition does not hold"),
    Row("Argmax", "arg_max", "b"),
    Row("Argmin", "arg_min", "b"),
    Row("AvgPool", "avg_pool2d", "hb", "the whole image is a window where it is global"),
    Row("BatchNorm", "batch_norm", "hb", "without scale and offset"),
    Row("BatchToSpace", "batch_to_space_nd", "b", "a block of two sizes"),
    Row("BiasAdd", "add", "b", "with a vector along the channels"),
    Row("Broadcast", "broadcast_to"),
    Row(
        "Cast",
        "cast",
        "hb",
        "between real numbers and stored integers: quantize, dequantize",
        {
            "fp32": "cast quantize",
            "int8": "cast quantize dequantize",
            "uint8": "cast quantize dequantize",
        },
    ),
    Row("Ceil", "ceil", "hb"),
    Row("Concat", "concat", "hb"),
    Row("ConstantOfShape", "fill"),
    Row("Conv2d", "conv2d", "hb", "groups by the depth of the filters"),
    Row("Conv2dTranspose", "conv2d_transpose", "hb"),
    Row("Cos", "cos", "hb"),
    Row("Crop", "slice", "hb", "from the offsets, to the sizes of the second input, from `axis` on"),
    Row("CustomExtractFeatures", "custom_extract_features:u8", note="on the bytes of packed texts"),
    Row("CustomNormalize", "custom_normalize:u8", note="on the bytes of packed texts"),
    Row("CustomPredict", "custom_predict"),
    Row("DeDepthwiseConv2D", "conv_transpose", "b", "filters of depth 1: a group for each channel"),
    Row("DepthToSpace", "depth_to_space", "b"),
    Row("DepthwiseConv2dNative", "depthwise_conv2d", "hb"),
    Row("DetectionPostProcess", "detection_postprocess", "b"),
    Row("Div", "div", "hb"),
    Row("Eltwise", "add mul maximum", "hb", "by its mode: sum (coefficients are factors), product, maximum"),
    Row("Elu", "elu"),
    Row("Equal", "equal", "hb"),
    Row("Exp", "exp"),
    Row("ExpandDims", "expand_dims", "b"),
    Row("Fill", "fill"),
    Row("Flatten", "reshape", note="to (N, the rest)"),
    Row("Floor", "floor", "hb"),
    Row("FloorDiv", "floor_div", "h"),
    Row("FloorMod", "floor_mod", "h"),
    Row("FullConnection", "fully_connected", "hb"),
    Row("FusedBatchNorm", "batch_norm", "hb", "with scale and offset"),
    Row("GatherNd", "gather_nd", "b"),
    Row("Gather", "gather", "b"),
    Row("Greater", "greater", "hb"),
    Row("GreaterEqual", "greater_equal", "hb"),
    Row("HashtableLookup", "hashtable_lookup"),
    Row("Hswish", "hard_swish", "hb"),
    Row("InstanceNorm", "instance_norm"),
    Row("L2Norm", "l2_normalization"),
    Row("LeakyReLU", "leaky_relu", "hb"),
    Row("Less", "less", "hb"),
    Row("LessEqual", "less_equal", "hb"),
    Row("LRN", "local_response_normalization"),
    Row("Log", "log", "hb"),
    Row("LogicalAnd", "logical_and", "h", _TRUTH, _logical("logical_and")),
    Row("LogicalNot", "logical_not", "hb", _TRUTH, _logical("logical_not")),
    Row("LogicalOr", "logical_or", "h", _TRUTH, _logical("logical_or")),
    Row("LshProjection", "lsh_projection:s32", note="of whole numbers"),
    Row("LSTM", "lstm"),
    Row("MatMul", "matmul", "hb"),
    Row("Maximum", "maximum", "h"),
    Row("MaxPool", "max_pool2d", "hb", "the whole image is a window where it is global"),
    Row("Minimum", "minimum", "h"),
    Row("Mul", "mul", "hb"),
    Row("Neg", "neg", "h"),
    Row("NotEqual", "not_equal", "hb"),
    Row("OneHot", "one_hot"),
    Row("Pad", "pad", "hb"),
    Row("Pow", "pow", "b", "of scale x + shift: mul and add before"),
    Row("PReLU", "prelu"),
    Row("Range", "range"),
    Row("Rank", "rank"),
    Row("ReduceAll", "reduce_all", only={"fp32": "reduce_all:bool"}),
    Row("ReduceASum", "reduce_sum_abs"),
    Row("ReduceMax", "reduce_max", "hb"),
    Row("ReduceMean", "mean", "hb"),
    Row("ReduceMin", "reduce_min", "hb"),
    Row("ReduceProd", "reduce_prod", "hb"),
    Row("ReduceSum", "sum", "hb"),
    Row("ReduceSumSquare", "reduce_sum_square", "hb"),
    Row("ReLU", "relu", "hb"),
    Row("ReLU6", "relu6", "hb"),
    Row("Reshape", "reshape", "hb"),
    Row("Resize", "resize_bilinear resize_nearest_neighbor", "b", "by its method"),
    Row("Reverse", "reverse"),
    Row("ReverseSequence", "reverse_sequence"),
    Row("Round", "round", "hb"),
    Row("Rsqrt", "rsqrt", "hb"),
    Row("Scale", "scale", "hb"),
    Row("ScatterNd", "scatter_nd"),
    Row("Shape", "shape", "b"),
    Row("Sigmoid", "logistic", "hb"),
    Row("Sin", "sin", "hb"),
    Row("Slice", "slice", "hb"),
    Row("SkipGram", "skip_gram:u8", note="on the bytes of packed texts"),
    Row("Softmax", "softmax", "hb"),
    Row("SpaceToBatch", "space_to_batch_nd", "b", "a block of two sizes"),
    Row("SpaceToBatchND", "space_to_batch_nd", "b"),
    Row("SpaceToDepth", "space_to_depth"),
    Row("SparseToDense", "sparse_to_dense"),
    Row("Split", "split split_v", "hb", "in equal parts, or in given ones"),
    Row("Sqrt", "sqrt", "hb"),
    Row("Square", "square", "hb"),
    Row("SquaredDifference", "squared_difference", "h"),
    Row("Squeeze", "squeeze", "b"),
    Row("StridedSlice", "strided_slice", "b"),
    Row("Stack", "pack", "h"),
    Row("Sub", "sub", "hb"),
    Row("Tanh", "tanh", "h"),
    Row("TensorListFromTensor", "reshape", note=_STACKED),
    Row("TensorListGetItem", "gather", note=f"one place, {_STACKED}"),
    Row("TensorListReserve", "fill", note=f"zeros, {_STACKED}"),
    Row("TensorListSetItem", "scatter_nd_update", note=f"one place, {_STACKED}"),
    Row("TensorListStack", "reshape", note=_STACKED),
    Row("Tile", "tile"),
    Row("TopK", "topk", "b"),
    Row("Transpose", "transpose", "h"),
    Row("Unique", "unique"),
    Row("Unsqueeze", "expand_dims", "b"),
    Row("Unstack", "unpack"),
    Row("Where", "where", note="the places of what is not zero"),
    Row("While", "while_loop:host", note="its branches are networks in attributes"),
    Row("ZerosLike", "zeros_like"),
)  # fmt: skip


def whole(name: str, form: str) -> bool:
    """Whether an operator has everything in a number format, and its cases ran in the tests."""
    op = OPS.get(name)
    if op is None:
        return False
    if form == "host":
        return op in HOST_CASES and op in HOST_EXACT and ran(name, form)
    key = op, form
    exact = key in EXACT_INT8 if key in INT8 else op.takes(form) and op in EXACT
    return exact and key in CASES and key in CPU and ran(name, form)


def dialects(name: str, form: str) -> frozenset[str]:
    """Return the dialects in which an operator is whole; all where there is no arithmetic that could differ."""
    every = frozenset(BOTH)
    if form not in ("s8", "u8"):
        return every if whole(name, form) else frozenset()
    own = {d for d in BOTH if whole(name, f"{form}-{d}")}
    if not whole(name, form):
        return frozenset(own)
    return frozenset({"tflite", *own}) if (OPS[name], form) in INT8 else every


@dataclass(frozen=True)
class RowCell:
    """A row in a column: there in some dialects, or not; and whether MindSpore Lite marks it."""

    dialects: tuple[str, ...]
    marked: bool

    @property
    def there(self) -> bool:
        """Whether every operator of the row is whole in one dialect at least."""
        return bool(self.dialects)


def cell_of(row: Row, column: str) -> RowCell:
    """Return what there is of a row in a column; the dialects are those that all its operators have."""
    found = [dialects(*need) for need in row.needs(column)]
    complete = bool(found) and all(found)
    some = frozenset.intersection(*found) if complete else frozenset()
    if complete and not some:  # each in a dialect of its own
        some = frozenset.union(*found)
    return RowCell(tuple(sorted(some, reverse=True)), row.marked(column))


def rows() -> dict[str, dict[str, RowCell]]:
    """Return all cells, row by row."""
    load_all("litegold.refimpl")
    return {row.name: {column: cell_of(row, column) for column in COLUMNS} for row in ROWS}


def counts(found: Mapping[str, Mapping[str, RowCell]]) -> dict[str, int]:
    """Return how many rows are there, by column."""
    return {c: sum(cells[c].there for cells in found.values()) for c in COLUMNS}


NNACL = "The nnacl dialect follows published formulas of MindSpore Lite 1.1; no engine here confirms it."


def shown(cell: RowCell, column: str) -> str:
    """Return a cell as text: the dialects for bytes, a dot for floats; what is marked and not there is `missing`."""
    if not cell.there:
        return "missing" if cell.marked else ""
    if column in ("fp16", "fp32"):
        return "●"
    every = set(cell.dialects) == set(BOTH)
    return "both" if every else " ".join(cell.dialects)


def markdown() -> str:
    """Return the rows as a table, with the counts and what they stand beside."""
    found = rows()
    lines = [
        "| row | operators here | fp16 | fp32 | int8 | uint8 | how it maps |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        names = ", ".join(dict.fromkeys(n.partition(":")[0] for n in row.operators.split()))
        cells = [shown(found[row.name][c], c) for c in COLUMNS]
        lines.append(f"| {row.name} | {names} | {' | '.join(cells)} | {row.note} |")
    total = counts(found)
    lines.append(f"| {len(ROWS)} rows | | {' | '.join(str(total[c]) for c in COLUMNS)} | |")
    documented = " | ".join(str(DOCUMENTED[c]) for c in COLUMNS)
    return "\n".join([*lines, f"| MindSpore Lite r1.1 | | {documented} | |", "", NNACL])
