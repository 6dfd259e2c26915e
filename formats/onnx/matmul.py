"""Products of matrices."""

from __future__ import annotations

from ...ir import FormatError
from ...refimpl.binary import add, mul
from ...refimpl.matmul import fully_connected, matmul
from ...refimpl.shape import expand_dims, squeeze
from .source import ONNX, OnnxSource
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


@ONNX.of("MatMul")
def matmul_of(source: OnnxSource) -> str:
    """As NumPy: a vector is a row or a column. Constant weights make a fully connected layer."""
    x, y = source.input(0), source.input(1)
    ranks = source.rank(x), source.rank(y)
    if not all(ranks):
        raise FormatError("a scalar is no matrix")
    if ranks[0] > 1 and ranks[1] == 2 and source.known(y) is not None and source.known(x) is None:
        return source.add(fully_connected, x, source.transposed(y, (1, 0)), keep_dims=True)
    if ranks[0] == 1:
        x = source.add(expand_dims, x, source.whole(0))
    if ranks[1] == 1:
        y = source.add(expand_dims, y, source.whole(1))
    z = source.add(matmul, x, y)
    gone = (*((-2,) if ranks[0] == 1 else ()), *((-1,) if ranks[1] == 1 else ()))
    return source.add(squeeze, z, axes=gone) if gone else z


@ONNX.of("Gemm")
def gemm_of(source: OnnxSource) -> str:
    """Alpha A B + beta C; with constant weights a fully connected layer."""
    a, b, c = source.input(0), source.input(1), source.optional(2)
    turned = [bool(source.attribute(name, 0)) for name in ("transA", "transB")]
    alpha, beta = (source.attribute(name, 1.0) for name in ("alpha", "beta"))
    if source.rank(a) != 2 or source.rank(b) != 2:
        raise FormatError("Gemm multiplies matrices")
    b, c = _times(source, b, alpha), None if c is None else _times(source, c, beta)
    if turned[0]:
        a = source.transposed(a, (1, 0))
    if source.known(b) is None:
        y = source.add(matmul, a, b, transpose_y=turned[1])
        return y if c is None else source.add(add, y, c)
    w = b if turned[1] else source.transposed(b, (1, 0))
    bias = c if c is not None and source.type(c).shape == source.type(w).shape[:1] else None
    y = source.add(fully_connected, a, w, bias, keep_dims=True)
    return y if c is None or bias is not None else source.add(add, y, c)


def _times(source: OnnxSource, x: str, factor: float) -> str:
    return x if factor == 1 else source.add(mul, x, source.scalar(factor, x))
