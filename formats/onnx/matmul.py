"""Products of matrices."""

from __future__ import annotations

from ...refimpl.matmul import fully_connected, matmul
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(fully_connected)
def write_fully_connected(site: OnnxSite) -> str:
    """Write Gemm over the rows of x; where x has more axes, and keeps them, MatMul and Add."""
    shape, (_, inputs) = site.type().shape, site.type(1).shape
    activation = site.attribute("activation")
    if site.attribute("keep_dims") and len(shape) > 2:
        y = site.emit("MatMul", site.input(0), site.transposed(site.input(1), (1, 0)))
        y = site.emit("Add", y, site.input(2)) if site.input(2) else y
        return site.clamped(y, activation)
    rows = site.reshaped(site.input(0), (site.type().size // inputs, inputs))
    bias = [site.input(2)] if site.input(2) else []
    y = site.emit("Gemm", rows, site.input(1), *bias, transB=1)
    out = site.out[0].shape
    y = y if len(out) == 2 else site.reshaped(y, out)
    return site.clamped(y, activation)


@ONNX_WRITER.of(matmul)
def write_matmul(site: OnnxSite) -> str:
    """Write MatMul, which takes both sides as they are multiplied."""
    sides = []
    for i, side in enumerate("xy"):
        rank, name = len(site.type(i).shape), site.input(i)
        order = [*range(rank - 2), rank - 1, rank - 2]
        turned = site.attribute(f"transpose_{side}")
        sides.append(site.transposed(name, order) if turned else name)
    return site.emit("MatMul", *sides)
