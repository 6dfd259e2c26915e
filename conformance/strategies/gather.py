"""Cases of the operators that address elements by values. Indices are legal here."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import ANY, NUMBERS, Array
from ...refimpl.gather import (
    gather,
    gather_elements,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from ..case import Case
from ..tables import CASES
from .draw import ints, seeds, shapes
from .typed import moved, s32, typed


@st.composite
def _indices(draw: st.DrawFn, shape: tuple[int, ...], sizes: tuple[int, ...]) -> Array:
    """Indices into axes of the given sizes, one a column (or below one size for all)."""
    fmt = draw(st.sampled_from(("s32", "s64")))
    found = draw(ints(fmt, shape, low=0, high=2**16))
    return (found % s32(sizes).astype(found.dtype)).reshape(shape)


@st.composite
def gather_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any axis, with and without batch axes; indices of up to two axes, s16 included."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4, max_elements=120))))
    axis = draw(st.integers(0, x.ndim - 1))
    batch = draw(st.integers(0, axis))
    own = draw(shapes(max_dims=2, max_size=4, max_elements=12))
    indices = draw(_indices((*x.shape[:batch], *own), (x.shape[axis],)))
    if draw(st.integers(0, 3)) == 0:
        indices = indices.astype("int16")
    if draw(st.booleans()):
        axis -= x.ndim
    return moved(gather, (x, indices), quant, runtime=(1,), axis=axis, batch_dims=batch)


@st.composite
def gather_elements_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any axis; indices as long as the tensor or shorter, and of any length along the axis."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4, max_elements=120))))
    axis = draw(st.integers(0, x.ndim - 1))
    sizes = [draw(st.sampled_from([n, n, max(n - 1, 1)])) for n in x.shape]
    sizes[axis] = draw(st.integers(1, 6))
    indices = draw(_indices(tuple(sizes), (x.shape[axis],)))
    if draw(st.booleans()):
        axis -= x.ndim
    from_end = draw(st.booleans())
    if from_end:
        turned = np.random.default_rng(draw(seeds())).random(indices.shape) < 0.5
        indices = np.where(turned, indices - x.shape[axis], indices).astype(indices.dtype)
    args = x, indices
    return moved(gather_elements, args, quant, runtime=(1,), axis=axis, from_end=from_end)


@st.composite
def gather_nd_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Rows of one to all indices."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4, max_elements=120))))
    depth = draw(st.integers(1, x.ndim))
    own = draw(shapes(max_dims=2, max_size=4, max_elements=12))
    indices = draw(_indices((*own, depth), x.shape[:depth]))
    return moved(gather_nd, (x, indices), quant, runtime=(1,))


@st.composite
def reverse_sequence_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any two axes; lengths from 0 to the whole."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=2, max_dims=4))))
    seq_axis, batch_axis = draw(st.permutations(range(x.ndim)))[:2]
    lengths = draw(_indices((x.shape[batch_axis],), (x.shape[seq_axis] + 1,)))
    return moved(
        reverse_sequence,
        (x, lengths),
        quant,
        runtime=(1,),
        seq_axis=seq_axis,
        batch_axis=batch_axis,
    )


def unlike(value: Array, other: Array) -> Array:
    """Return a scalar, or 1 or 0 where it is the other one."""
    if value != other and (value == value or other == other):
        return value
    return np.asarray(0 if other == 1 else 1, value.dtype)


@st.composite
def one_hot_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Indices up to two outside of the range on both sides, or none."""
    depth = draw(st.sampled_from((3, 5, 9, 2, 7, 4, 6, 8, 3, 2, 5, 4, 6, 1, 0, 9)))
    form = draw(st.sampled_from(("s32", "s64")))
    beyond = draw(st.sampled_from((0, 1, 0, 2)))
    indices = draw(
        ints(form, draw(shapes(max_dims=3)), low=-beyond, high=max(depth - 1 + beyond, -beyond))
    )
    axis = draw(st.integers(-1, indices.ndim))
    on, quant = draw(typed(fmt, ()))
    off = unlike(draw(typed(fmt, ()))[0], on)
    args = (indices, s32(depth), on, off)
    return moved(one_hot, args, quant, data=(2, 3), runtime=(0,), axis=axis)


@st.composite
def sparse_to_dense_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Vectors and up to four axes; one value for all or one each; positions may repeat."""
    sizes = draw(shapes(min_dims=1, max_dims=4))
    count = draw(st.integers(1, 9))
    rows: tuple[int, ...] = (count, len(sizes))
    if len(sizes) == 1:
        rows = draw(st.sampled_from(((), (count,), rows)))
    indices = draw(_indices(rows, sizes))
    each = () if rows == () or draw(st.booleans()) else (count,)
    values, quant = draw(typed(fmt, each))
    default = unlike(draw(typed(fmt, ()))[0], values.ravel()[0])
    args = (indices, s32(sizes), values, default)
    return moved(sparse_to_dense, args, quant, data=(2, 3), runtime=(0,))


@st.composite
def scatter_nd_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Up to nine rows into up to four axes; positions repeat, so that sums arise."""
    sizes = draw(shapes(min_dims=1, max_dims=4, max_size=4, max_elements=100))
    depth = draw(st.integers(1, len(sizes)))
    outer = draw(shapes(min_dims=1, max_dims=2, max_size=3, max_elements=9))
    indices = draw(_indices((*outer, depth), sizes[:depth]))
    updates, _ = draw(typed(fmt, (*outer, *sizes[depth:])))
    args = (indices, updates, s32(sizes))
    return moved(scatter_nd, args, None, data=(1,), runtime=(0,))


for fmt in NUMBERS:
    CASES.of((scatter_nd, fmt))(scatter_nd_cases(fmt))
for fmt in ANY:
    CASES.of((gather, fmt))(gather_cases(fmt))
    CASES.of((gather_elements, fmt))(gather_elements_cases(fmt))
    CASES.of((gather_nd, fmt))(gather_nd_cases(fmt))
    CASES.of((reverse_sequence, fmt))(reverse_sequence_cases(fmt))
    CASES.of((one_hot, fmt))(one_hot_cases(fmt))
    CASES.of((sparse_to_dense, fmt))(sparse_to_dense_cases(fmt))
