"""Sums of products over named axes, determinants, and triangles of matrices."""

from __future__ import annotations

import numpy as np

from ...ir import UnsupportedError
from ...refimpl.einsum import det, einsum, parse_equation
from ...refimpl.logic import select
from ...refimpl.matmul import matmul
from .source import ONNX, OnnxSource, same
from .table import ONNX_WRITER, OnnxSite, alike

same("Det", det)
alike("Det", det)


@ONNX.of("Einsum")
def einsum_of(source: OnnxSource) -> str:
    """By name; a product of matrices is one of ours between transpositions."""
    equation = source.attribute("equation", "").replace(" ", "")
    product = _as_product(source, equation)
    return product or source.add(einsum, *source.given, equation=equation)


def _as_product(source: OnnxSource, equation: str) -> str | None:
    """Return the product of two float32 tensors where each has a letter of its own, and one is summed."""
    left, _, out = equation.partition("->")
    terms = left.split(",")
    one_each = all(c.isalpha() for c in "".join((*terms, out))) and len({*out}) == len(out)
    if len(terms) != 2 or not one_each or any(len({*t}) != len(t) for t in terms):
        return None
    a, b = terms
    rows, columns, summed = ([*{*s}] for s in ({*a} - {*b}, {*b} - {*a}, {*a, *b} - {*out}))
    batch = [c for c in out if c in a and c in b]
    kept = [*batch, *rows, *columns]
    if [len(s) for s in (rows, columns, summed)] != [1, 1, 1] or sorted(kept) != sorted(out):
        return None
    x, y = source.input(0), source.input(1)
    types = source.type(x), source.type(y)
    if any(t.format not in ("f32", "f16") for t in types) or not {*summed} <= {*a} & {*b}:
        return None
    first = source.transposed(x, [a.index(c) for c in (*batch, *rows, *summed)])
    second = source.transposed(y, [b.index(c) for c in (*batch, *summed, *columns)])
    return source.transposed(source.add(matmul, first, second), [kept.index(c) for c in out])


@ONNX_WRITER.of(einsum)
def write_einsum(site: OnnxSite) -> str:
    """Write Einsum, whose letters have one size; axes of an ellipsis broadcast."""
    types = [site.type(i) for i in range(len(site.inputs))]
    equation = site.attribute("equation")
    named, out = parse_equation(equation, [len(t.shape) for t in types])
    axes = [
        axis for n, t in zip(named, types, strict=True) for axis in zip(n, t.shape, strict=True)
    ]
    if len({*axes}) > len({name for name, _ in axes}) and any(n == 1 for _, n in axes):
        raise UnsupportedError("ONNX's Einsum repeats no axis of one element")
    if len({sum(name < 0 for name in names) for names in named}) > 1:
        raise UnsupportedError("all ellipses of ONNX's Einsum stand for as many axes")
    left, dots = equation.partition("->")[0], "..." if min(out, default=0) < 0 else ""
    right = dots + "".join(chr(name) for name in out if name > 0)
    return site.emit("Einsum", *site.inputs, equation=f"{left}->{right}")


@ONNX.of("Trilu")
def trilu_of(source: OnnxSource) -> str:
    """A choice between the matrix and zeros: which half, the shape says."""
    x, k = source.input(0), source.numbers(1, "k", 14) or (0,)
    rows, columns = source.size(x, -2), source.size(x, -1)
    half = np.triu if source.attribute("upper", 1) else np.tril
    inside = half(np.ones((rows, columns), np.bool_), max(min(k[0], columns), -rows))
    return source.add(select, source.constant(inside), x, source.scalar(0, x))
