"""Laws of the operators that move elements: most have an inverse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ...refimpl.gather import gather
from ...refimpl.join import concat, pack, split, split_v, unpack
from ...refimpl.shape import expand_dims, reshape, squeeze, transpose
from ...refimpl.window import broadcast_to, pad, reverse, slice, strided_slice, tile
from ..case import Case
from .law import Pairs, Rng, Run, changed, law, zero_of

ALL = ("f32", "s8", "s32", "bool")  # all others are moved as one of these


def _then(case: Case, op, *more, **attributes) -> Case:  # type: ignore[no-untyped-def]
    """Return the case of another operator on tensors of the same quantization."""
    quant = case.quant[:1]
    return Case(op, more, attributes, quant, (), case.out_quant[:1])


@law(transpose, formats=ALL, exact=False)
def back_again(run: Run, case: Case, rng: Rng) -> Pairs:
    """The inverse permutation."""
    x, perm = case.args
    assert x is not None and perm is not None
    back = np.argsort([int(a) % x.ndim for a in perm]).astype(np.int32)
    yield run(_then(case, transpose, run(case), back)), x


@law(reshape, formats=ALL, exact=False)
def shape_and_back(run: Run, case: Case, rng: Rng) -> Pairs:
    """The elements stay in their order."""
    x = case.args[0]
    assert x is not None
    if x.size:
        yield run(_then(case, reshape, run(case), np.array(x.shape, np.int32))), x


@law(reverse, formats=ALL, exact=False)
def twice_is_nothing(run: Run, case: Case, rng: Rng) -> Pairs:
    """Reversed twice it is the same."""
    yield run(changed(case, run(case))), case.args[0]  # type: ignore[misc]


@law(pad, formats=ALL, exact=False)
def the_middle_is_there(run: Run, case: Case, rng: Rng) -> Pairs:
    """What was padded can be cut out."""
    x, paddings = case.args[:2]
    assert x is not None and paddings is not None
    if x.ndim:
        begin, size = paddings[:, 0].astype(np.int32), np.array(x.shape, np.int32)
        yield run(_then(case, slice, run(case), begin, size)), x


@law(pad, formats=ALL, exact=False)
def one_value_is_around(run: Run, case: Case, rng: Rng) -> Pairs:
    """Whatever is in the middle, around it is the value."""
    x, paddings, value = (*case.args, None)[:3]
    assert x is not None and paddings is not None
    around = zero_of(case) if value is None else value.reshape(())
    same = changed(case, np.full_like(x, around))
    yield run(same), np.full_like(run(case), around)


@law(slice, formats=ALL, exact=False)
def a_slice_of_a_slice(run: Run, case: Case, rng: Rng) -> Pairs:
    """All of a slice is the slice."""
    y = run(case)
    begin, size = np.zeros(y.ndim, np.int32), np.full(y.ndim, -1, np.int32)
    yield run(_then(case, slice, y, begin, size)), y


@law(slice, formats=ALL, exact=False)
def slices_of_what_is_turned_around(run: Run, case: Case, rng: Rng) -> Pairs:
    """A slice turned around is one of what is turned around, as far from the other end."""
    x, begin, size = case.args
    assert x is not None and begin is not None and size is not None
    if x.ndim:
        first = begin.reshape(-1).astype(np.int64)
        counts = np.where(size.reshape(-1) < 0, np.array(x.shape) - first, size.reshape(-1))
        last = (np.array(x.shape) - first - counts).astype(np.int32)
        turned = _then(case, slice, np.flip(x).copy(), last, counts.astype(np.int32))
        yield run(turned), np.flip(run(case))


@law(concat, formats=ALL, exact=False)
def parts_are_found(run: Run, case: Case, rng: Rng) -> Pairs:
    """The first part is a slice of the whole."""
    x = case.args[0]
    assert x is not None
    if len({q for q in (*case.quant, *case.out_quant) if q}) < 2:
        begin, size = np.zeros(x.ndim, np.int32), np.array(x.shape, np.int32)
        yield run(_then(case, slice, run(case), begin, size)), x


@law(pack, formats=ALL, exact=False)
def packed_rows_are_joined_ones(run: Run, case: Case, rng: Rng) -> Pairs:
    """Packing along the first axis is joining with an axis more."""
    parts = tuple(x[None] for x in case.args if x is not None)
    joined = Case(concat, parts, {"axis": 0}, case.quant, (), case.out_quant)
    yield run(joined), run(changed(case, axis=0))


@law(tile, formats=ALL, exact=False)
def every_copy_is_alike(run: Run, case: Case, rng: Rng) -> Pairs:
    """The first copy is a slice."""
    x, multiples = case.args
    assert x is not None and multiples is not None
    if multiples.all():
        begin, size = np.zeros(x.ndim, np.int32), np.array(x.shape, np.int32)
        yield run(_then(case, slice, run(case), begin, size)), x


@law(broadcast_to, formats=ALL, exact=False)
def broadcast_to_itself(run: Run, case: Case, rng: Rng) -> Pairs:
    """What is broadcast already stays."""
    y = run(case)
    yield run(changed(case, y)), y


@law(gather, formats=ALL, exact=False)
def every_index_in_order(run: Run, case: Case, rng: Rng) -> Pairs:
    """All indices of an axis take all."""
    x = case.args[0]
    assert x is not None
    axis = int(case.attributes.get("axis", 0))
    indices = np.arange(x.shape[axis], dtype=np.int32)
    yield run(changed(case, ..., indices, batch_dims=0)), x


@law(space_to_depth, formats=ALL, exact=False)
def depth_to_space_is_its_inverse(run: Run, case: Case, rng: Rng) -> Pairs:
    """There and back."""
    yield run(replace(changed(case, run(case)), op=depth_to_space)), case.args[0]  # type: ignore[misc]


@law(space_to_batch_nd, formats=ALL, exact=False)
def batch_to_space_is_its_inverse(run: Run, case: Case, rng: Rng) -> Pairs:
    """There and back; what was padded is cropped."""
    yield run(replace(changed(case, run(case)), op=batch_to_space_nd)), case.args[0]  # type: ignore[misc]


@law(split, split_v, unpack, formats=ALL, exact=False)
def parts_make_the_whole(run: Run, case: Case, rng: Rng) -> Pairs:
    """What is cut can be joined again."""
    x = case.args[1 if case.op is split else 0]
    axis = {"split": 0, "split_v": 2}.get(case.op.__name__)
    at = case.attributes.get("axis", 0) if axis is None else int(case.args[axis].reshape(-1)[0])  # type: ignore[union-attr]
    parts = tuple(run.all(case))
    quant = tuple(q for q in case.quant if q)[:1]
    joined = Case(pack if case.op is unpack else concat, parts, {"axis": at}, quant * len(parts))
    if not any(q and len(q.scale) > 1 for q in case.quant):
        yield run(replace(joined, out_quant=quant)), x  # type: ignore[misc]


@law(expand_dims, squeeze, formats=ALL, exact=False)
def elements_stay_in_order(run: Run, case: Case, rng: Rng) -> Pairs:
    """Axes of one element come and go: the elements stay."""
    x = case.args[0]
    assert x is not None
    yield run(case).ravel(), x.ravel()


@law(strided_slice, formats=ALL, exact=False)
def a_stride_of_one_takes_all(run: Run, case: Case, rng: Rng) -> Pairs:
    """All of a slice is the slice, and one turned around twice too."""
    y = run(case)
    if y.ndim:
        begin, end = np.zeros(y.ndim, np.int32), np.array(y.shape, np.int32)
        ones = np.ones(y.ndim, np.int32)
        yield run(_then(case, strided_slice, y, begin, end, ones)), y
        masks = {"begin_mask": 2**y.ndim - 1, "end_mask": 2**y.ndim - 1}
        turned = run(_then(case, strided_slice, y, begin, end, -ones, **masks))
        yield turned, np.flip(y)


@law(depth_to_space, formats=ALL, exact=False)
def space_to_depth_is_its_inverse(run: Run, case: Case, rng: Rng) -> Pairs:
    """There and back."""
    yield run(replace(changed(case, run(case)), op=space_to_depth)), case.args[0]  # type: ignore[misc]


@law(batch_to_space_nd, formats=ALL, exact=False)
def space_to_batch_is_its_inverse(run: Run, case: Case, rng: Rng) -> Pairs:
    """There and back, where nothing is cropped."""
    none = np.zeros_like(case.args[2])
    whole = changed(case, ..., ..., none)
    yield run(replace(changed(whole, run(whole)), op=space_to_batch_nd)), case.args[0]  # type: ignore[misc]
