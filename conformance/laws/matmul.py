"""Laws of products of matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ...refimpl.conv_nd import conv, conv_transpose
from ...refimpl.matmul import fully_connected, matmul
from ..case import Case
from .conv import _without_bias, tensors
from .law import Pairs, Rng, Run, changed, law, permuted

BYTES = ("f32", "s8", "u8")


def _rows(case: Case) -> Case:
    """Return the case with `x` as rows."""
    x, w = tensors(case)
    return changed(case, x.reshape(-1, w.shape[1]), keep_dims=True)


@law(fully_connected, formats=BYTES)
def rows_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of rows."""
    case = _rows(case)
    x, _ = tensors(case)
    order = rng.permutation(len(x))
    yield run(changed(case, x[order])), run(case)[order]


@law(fully_connected, formats=BYTES)
def rows_come_one_by_one(run: Run, case: Case, rng: Rng) -> Pairs:
    """A row's results do not depend on the others."""
    case = _rows(case)
    x, _ = tensors(case)
    at = int(rng.integers(len(x)))
    yield run(changed(case, x[at : at + 1])), run(case)[at : at + 1]


@law(fully_connected, formats=BYTES)
def outputs_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of the rows of the weights, the biases and the scales."""
    _, w = tensors(case)
    order = rng.permutation(len(w))
    b = case.args[2] if len(case.args) > 2 else None
    quant = tuple(permuted(q, order) if i else q for i, q in enumerate(case.quant))
    args = (..., w[order]) if b is None else (..., w[order], b[order])
    yield run(replace(changed(case, *args), quant=quant)), run(case)[..., order]


@law(fully_connected, formats=BYTES)
def inputs_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of the columns of both."""
    case = _rows(case)
    x, w = tensors(case)
    order = rng.permutation(x.shape[1])
    yield run(changed(case, x[:, order], w[:, order])), run(case)


@law(fully_connected, matmul)
def sums_go_through(run: Run, case: Case, rng: Rng) -> Pairs:
    """Linear in both tensors, without bias."""
    case = _without_bias(case)
    x, w = tensors(case)
    other, y = rng.permuted(x, axis=None), run(case)
    yield run(changed(case, x + other)), y + run(changed(case, other))
    other = rng.permuted(w, axis=None)
    yield run(changed(case, ..., w + other)), y + run(changed(case, ..., other))


@law(fully_connected, matmul)
def twice_is_twice(run: Run, case: Case, rng: Rng) -> Pairs:
    """Homogeneous in both tensors, without bias."""
    case = _without_bias(case)
    x, w = tensors(case)
    y = run(case) * 2
    yield run(changed(case, x * 2)), y
    yield run(changed(case, ..., w * 2)), y


@law(fully_connected, conv2d, conv, depthwise_conv2d, conv2d_transpose, conv_transpose)
def bias_is_added(run: Run, case: Case, rng: Rng) -> Pairs:
    """A bias is added to each channel of what comes without it."""
    b = dict(zip(case.op.inputs, case.args, strict=False)).get("b")
    if b is not None:
        yield run(case), run(_without_bias(case)) + b


@law(fully_connected)
def depth_may_be_cut(run: Run, case: Case, rng: Rng) -> Pairs:
    """A product is the sum of the products of its halves."""
    case = _rows(_without_bias(case))
    x, w = tensors(case)
    half = x.shape[1] // 2
    if half:
        parts = [run(changed(case, x[:, s], w[:, s])) for s in (slice(half), slice(half, None))]
        yield run(case), parts[0] + parts[1]


@law(fully_connected)
def unit_weights_change_nothing(run: Run, case: Case, rng: Rng) -> Pairs:
    """I x = x."""
    case = _rows(_without_bias(case))
    x, _ = tensors(case)
    yield run(changed(case, ..., np.eye(x.shape[1], dtype=x.dtype))), x


def _turned(case: Case) -> Case:
    """Return the product of the transposed matrices, in the other order."""
    x, y = tensors(case)
    attributes = {**case.op.attributes, **case.attributes}
    turns = {
        "transpose_x": not attributes["transpose_y"],
        "transpose_y": not attributes["transpose_x"],
    }
    return replace(changed(case, y, x, **turns), constant=frozenset())


@law(matmul)
def transposed_product(run: Run, case: Case, rng: Rng) -> Pairs:
    """(X Y)' = Y' X'."""
    yield run(_turned(case)), run(case).swapaxes(-1, -2)


@law(matmul)
def transposed_operands(run: Run, case: Case, rng: Rng) -> Pairs:
    """A transposed operand is an operand that is transposed."""
    attributes = {**case.op.attributes, **case.attributes}
    plain = [
        np.ascontiguousarray(a.swapaxes(-1, -2)) if attributes[f"transpose_{n}"] else a
        for n, a in zip("xy", tensors(case), strict=True)
    ]
    yield run(changed(case, *plain, transpose_x=False, transpose_y=False)), run(case)


@law(matmul)
def rows_and_columns_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of the rows of x, of the columns of y, and of what they have in common."""
    attributes = {**case.op.attributes, **case.attributes}
    x, y = tensors(case)
    row, column = (-1, -2) if attributes["transpose_x"] else (-2, -1)
    inner, out = (-1, -2) if attributes["transpose_y"] else (-2, -1)
    z = run(case)
    order = rng.permutation(x.shape[row])
    yield run(changed(case, np.take(x, order, row))), z[..., order, :]
    order = rng.permutation(y.shape[out])
    yield run(changed(case, ..., np.take(y, order, out))), z[..., order]
    order = rng.permutation(x.shape[column])
    yield run(changed(case, np.take(x, order, column), np.take(y, order, inner))), z


@law(matmul)
def unit_matrix_changes_nothing(run: Run, case: Case, rng: Rng) -> Pairs:
    """X I = X."""
    x, _ = tensors(case)
    unit = np.eye(x.shape[-1], dtype=x.dtype)
    yield run(changed(case, ..., unit, transpose_x=False, transpose_y=False)), x
