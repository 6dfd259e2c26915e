"""Operators that order the elements of a tensor, or compare them with each other."""

from __future__ import annotations

import math

import numpy as np

from ...ir import FormatError
from ...refimpl.cast import cast
from ...refimpl.sort import topk, unique, unique_rows
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(topk)
def write_topk(site: OnnxSite) -> tuple[str, str]:
    """Write TopK, whose positions are int64."""
    site.require(lambda x: x == x, "ONNX leaves open where TopK puts a NaN")
    k, largest = site.whole(site.value(1).reshape(1)), int(site.attribute("largest"))
    values, places = site.several("TopK", site.input(0), k, count=2, largest=largest)
    return values, site.cast(places, "s32")


@ONNX_WRITER.of(unique)
def write_unique(site: OnnxSite) -> tuple[str, str]:
    """Write Unique in the order of first occurrence."""
    values, _, places = site.several("Unique", site.input(0), count=3, sorted=0)
    return values, site.cast(places, site.attribute("to"))


@ONNX_WRITER.of(unique_rows)
def write_unique_rows(site: OnnxSite) -> tuple[str, ...]:
    """Write Unique along the first axis."""
    site.require(lambda x: x == x, "ONNX leaves open what equals a NaN")
    ordered = int(site.attribute("ordered"))
    return site.several("Unique", site.input(0), count=4, axis=0, sorted=ordered)


@ONNX.of("TopK")
def topk_of(source: OnnxSource) -> tuple[str, ...]:
    """The largest or smallest along an axis, always in order; their positions are int64."""
    x, axis = source.input(0), source.attribute("axis", -1)
    count = source.attribute("k", None) if source.version < 10 else source.value(source.input(1))
    rank = source.rank(x)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    order = [a for a in range(rank) if a != axis % rank] + [axis % rank]
    back = [order.index(a) for a in range(rank)]
    k, largest = source.whole(np.reshape(count, ())), bool(source.attribute("largest", 1))
    values, places = source.several(topk, source.transposed(x, order), k, largest=largest)
    places = source.add(cast, places, to="s64")
    return source.transposed(values, back), source.transposed(places, back)


@ONNX.of("Unique")
def unique_of(source: OnnxSource) -> tuple[str, ...]:
    """Along an axis, the slices are rows; without one, the elements are."""
    x, axis = source.input(0), source.attributes.get("axis")
    shape, ordered = source.shape(x), bool(source.attribute("sorted", 1))
    if axis is None:
        rows = source.reshaped(x, (math.prod(shape), 1))
        found, *others = source.several(unique_rows, rows, ordered=ordered)
        return source.reshaped(found, (-1,)), *others
    rank = len(shape)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    order = [axis % rank, *(a for a in range(rank) if a != axis % rank)]
    rest = [shape[a] for a in order[1:]]
    rows = source.reshaped(source.transposed(x, order), (shape[axis], math.prod(rest)))
    found, *others = source.several(unique_rows, rows, ordered=ordered)
    whole = source.reshaped(found, (source.type(found).shape[0], *rest))
    return source.transposed(whole, [order.index(a) for a in range(rank)]), *others
