"""Laws of the operators that move elements: most have an inverse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ...refimpl.gather import gather
from ...refimpl.join import concat, pack
from ...refimpl.shape import reshape, transpose
from ...refimpl.window import broadcast_to, pad, reverse, slice, tile
from ..case import Case
from .law import Pairs, Rng, Run, changed, law

ALL = ("f32", "f16", "s8", "u8", "s32", "s64", "bool")


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


@law(slice, formats=ALL, exact=False)
def a_slice_of_a_slice(run: Run, case: Case, rng: Rng) -> Pairs:
    """All of a slice is the slice."""
    y = run(case)
    begin, size = np.zeros(y.ndim, np.int32), np.full(y.ndim, -1, np.int32)
    yield run(_then(case, slice, y, begin, size)), y


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
