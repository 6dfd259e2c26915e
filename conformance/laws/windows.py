"""Laws of pooling, resizing and sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl.integer_products import conv_integer, matmul_integer
from ...refimpl.pool import avg_pool2d, max_pool2d
from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool
from ...refimpl.region import roi_align, roi_pool
from ...refimpl.resample import resize
from ...refimpl.resize import resize_bilinear, resize_nearest_neighbor
from ...refimpl.sample import grid_sample
from ..case import Case
from .elements import first
from .law import EVERY, Pairs, Rng, Run, changed, law, slack, value_of

POOLS: tuple[Op[..., Any], ...] = (avg_pool2d, max_pool2d, avg_pool, lp_pool, max_pool)
BYTES = ("f32", "s8", "u8")


def _axes(case: Case, name: str, default: int, each: int = 1) -> tuple[int, ...]:
    return tuple(value_of(case, name)) or (default,) * (each * (first(case).ndim - 2))


@law(*POOLS, formats=BYTES, exact=False)
def strides_leave_out(run: Run, case: Case, rng: Rng) -> Pairs:
    """A stride takes every s-th window."""
    stride = _axes(case, "stride", 1)
    if not case.attributes.get("ceil"):
        every = run(changed(case, stride=(1,) * len(stride)))
        yield run(case), every[(slice(None), *(slice(None, None, s) for s in stride))]


@law(*POOLS, formats=BYTES)
def mirrored_images(run: Run, case: Case, rng: Rng) -> Pairs:
    """An image turned around, and its padding, give the results turned around, of all windows."""
    x, pad = first(case), _axes(case, "pad", 0, 2)
    ones = (1,) * (x.ndim - 2)
    case = changed(case, stride=ones, **_free(case))
    turned = changed(case, np.flip(x, 1).copy(), pad=(pad[1], pad[0], *pad[2:]))
    yield run(turned), np.flip(run(case), 1), slack(case)[:, ::-1]


@law(max_pool2d, max_pool, formats=BYTES, exact=False)
def more_gives_no_less(run: Run, case: Case, rng: Rng) -> Pairs:
    """The largest of larger numbers is not smaller; that of all alike is what they are."""
    x = first(case)
    more = np.maximum(x, np.roll(x, 1, axis=1))
    y, z = run(case), run(changed(case, more))
    yield np.maximum(y, z) + 0, z + 0


@law(avg_pool2d, max_pool2d, avg_pool, max_pool, formats=BYTES)
def alike_stays_alike(run: Run, case: Case, rng: Rng) -> Pairs:
    """An image of one number has that number everywhere, if padding does not count."""
    case = changed(case, **_free(case))
    if case.quant[:1] == case.out_quant[:1]:
        for value in (3, -3) if first(case).dtype.kind != "u" else (3, 200):
            y = run(changed(case, np.full_like(first(case), value)))
            yield y, np.full_like(y, value)


@law(avg_pool2d, max_pool2d, avg_pool, max_pool)
def a_nan_is_not_lost(run: Run, case: Case, rng: Rng) -> Pairs:
    """An image of NaN has NaN everywhere."""
    y = run(changed(case, np.full_like(first(case), np.nan), **_free(case)))
    yield np.isnan(y), np.ones(y.shape, bool)


def _free(case: Case) -> dict[str, Any]:
    """Return the attributes of a plain pool: no activation, padding that does not count, windows that end inside."""
    plain = {"activation": "none", "include_pad": False, "ceil": False}
    return {name: value for name, value in plain.items() if name in case.op.attributes}


@law(lp_pool, avg_pool, avg_pool2d)
def twice_is_twice(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of numbers twice as large results are twice as large; signs do not matter to norms."""
    case = changed(case, **_free(case))
    x, y = first(case), run(case)
    off = slack(case)
    yield run(changed(case, x * 2)), y * 2, off * 4
    if case.op is lp_pool:
        yield run(changed(case, -x)), y, off


@law(max_pool, formats=BYTES, exact=False)
def places_are_of_maxima(run: Run, case: Case, rng: Rng) -> Pairs:
    """At the place stands the maximum."""
    x = first(case)
    y, place = run.all(changed(case, column_major=False))
    rows = x.reshape(len(x), -1, x.shape[-1])
    found = np.take_along_axis(rows, place.reshape(len(x), -1, x.shape[-1]), 1)
    yield found.reshape(y.shape), y


@law(resize_bilinear, resize_nearest_neighbor, formats=(*BYTES, "s16"), exact=False)
def of_its_own_size(run: Run, case: Case, rng: Rng) -> Pairs:
    """An image resized to its size is the same."""
    x = first(case)
    between = value_of(case, "align_corners") and value_of(case, "half_pixel_centers")
    if np.isfinite(x).all() and not between:
        yield run(changed(case, ..., np.array(x.shape[1:3], np.int32))) + 0, x + 0


@law(resize)
def to_its_own_shape(run: Run, case: Case, rng: Rng) -> Pairs:
    """Resized to its shape it is the same, where nothing is cropped."""
    x = first(case)
    whole = changed(case, ..., np.array(x.shape, np.int32), scale=(), roi=())
    yield run(whole), x


@law(resize, resize_bilinear)
def one_number_everywhere(run: Run, case: Case, rng: Rng) -> Pairs:
    """Weights add up to one: an image of one number has it everywhere."""
    if case.op is resize and value_of(case, "transformation") == "tf_crop_and_resize":
        return
    same = changed(case, np.full_like(first(case), 3))
    y = run(same)
    yield y, np.full_like(y, 3), slack(same) + 2.0**-40


@law(resize, resize_bilinear, grid_sample, roi_align)
def weights_are_of_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Weights do not depend on the elements: results add as images do."""
    if case.op is roi_align and value_of(case, "mode") == "max":
        return
    x = first(case)
    crop = case.op is resize and value_of(case, "extrapolation")
    other = rng.permuted(x, axis=None)
    cases = [changed(case, a) for a in (x, other, x + other)]
    a, b, both = (run(c).astype(np.float64) for c in cases)
    if not crop:
        off = slack(cases[0]) + slack(cases[1]) + slack(cases[2]) + 2.0**-40
        yield a + b, both, np.where(np.isnan(both), 0, off)


@law(grid_sample)
def every_place_of_its_own(run: Run, case: Case, rng: Rng) -> Pairs:
    """A grid of the image's own places gives the image."""
    x = first(case)
    places = np.stack([*np.indices(x.shape[1:-1])[::-1]], -1).astype(x.dtype)
    grid = np.broadcast_to(places, (len(x), *places.shape)).copy()
    yield run(changed(case, ..., grid, normalized=False)), x


@law(roi_align, roi_pool)
def images_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Images in another order, and their numbers, change nothing."""
    x, regions, image = (*case.args, None)[:3]
    assert x is not None and regions is not None
    order = rng.permutation(len(x))
    back = np.argsort(order)
    if image is not None:
        yield run(changed(case, x[order], ..., back[image].astype(image.dtype))), run(case)
    elif len(regions):
        named = regions.copy()
        named[:, 0] = back[np.clip(regions[:, 0], 0, len(x) - 1).astype(np.int64)]
        if np.array_equal(np.trunc(regions[:, 0]), np.clip(regions[:, 0], 0, len(x) - 1)):
            yield run(changed(case, x[order], named)), run(case)


@law(roi_pool)
def the_largest_of_larger_ones(run: Run, case: Case, rng: Rng) -> Pairs:
    """Numbers twice as large have maxima twice as large."""
    yield run(changed(case, first(case) * 2)), run(case) * 2


@law(matmul_integer, formats=EVERY, exact=False)
def depth_may_be_cut(run: Run, case: Case, rng: Rng) -> Pairs:
    """A product is the sum of the products of halves; of what both have in common the order does not matter."""
    x, y = case.args[:2]
    assert x is not None and y is not None
    depth, whole = x.shape[-1], run(case)
    half, order = depth // 2, rng.permutation(depth)
    parts = [run(changed(case, x[..., s], y[..., s, :])) for s in (slice(half), slice(half, None))]
    yield parts[0] + parts[1], whole
    yield run(changed(case, x[..., order], y[..., order, :])), whole


@law(matmul_integer, formats=EVERY, exact=False)
def zero_points_come_off(run: Run, case: Case, rng: Rng) -> Pairs:
    """With a zero point it is the product less that of a matrix of zero points."""
    x, y, x_zero, y_zero = (*case.args, None, None)[:4]
    assert x is not None
    if x_zero is not None:
        zeros = np.broadcast_to(x_zero, x.shape).copy()
        plain = [run(Case(matmul_integer, (a, y, None, y_zero))) for a in (x, zeros)]
        yield run(case), plain[0] - plain[1]


@law(conv_integer, formats=EVERY, exact=False)
def zero_points_are_subtracted(run: Run, case: Case, rng: Rng) -> Pairs:
    """A filter of its zero point is one of zeros; the sums of two shares of it are those of the whole."""
    x, w, _, w_zero = (*case.args, None, None)[:4]
    assert x is not None and w is not None
    zero = np.zeros((), w.dtype) if w_zero is None else w_zero
    nothing = np.broadcast_to(zero.reshape(-1, *(1,) * (w.ndim - 1)), w.shape)
    even = np.arange(w.size).reshape(w.shape) % 2 == 0
    halves = [np.where(keep, w, nothing) for keep in (even, ~even)]
    none, *parts = (run(changed(case, ..., a)) for a in (nothing.copy(), *halves))
    yield none, np.zeros_like(none)
    yield parts[0] + parts[1], run(case)


@law(conv_integer, formats=EVERY, exact=False)
def padding_is_of_zero_points(run: Run, case: Case, rng: Rng) -> Pairs:
    """Padding is what the zero point around the image does."""
    x, x_zero = first(case), (*case.args, None, None)[2]
    pad = _axes(case, "pad", 0, 2)
    edges = [(0, 0), *zip(pad[::2], pad[1::2], strict=True), (0, 0)]
    wide = np.pad(x, edges, constant_values=0 if x_zero is None else x_zero)
    yield run(changed(case, wide, pad=(0,) * len(pad))), run(case)
