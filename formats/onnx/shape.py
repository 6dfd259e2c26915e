"""Operators that change the axes, or tell of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir import FormatError
from ...refimpl import shape as ours
from ...refimpl.axes import whole_numbers
from ...refimpl.cast import cast
from ...refimpl.fill import fill
from ...refimpl.reduce import reduce_prod
from ...refimpl.window import broadcast_to
from ...refimpl.window import slice as cut
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(ours.reshape)
def write_reshape(site: OnnxSite) -> str:
    """Write Reshape with the sizes that come out."""
    return site.reshaped(site.input(0), site.out[0].shape)


@ONNX_WRITER.of(ours.squeeze)
def write_squeeze(site: OnnxSite) -> str:
    """Write Squeeze; without axes all of size 1 go, as here."""
    axes = site.attribute("axes")
    return site.emit("Squeeze", site.input(0), *([site.whole(list(axes))] if axes else []))


@ONNX_WRITER.of(ours.expand_dims)
def write_expand_dims(site: OnnxSite) -> str:
    """Write Unsqueeze."""
    return site.emit("Unsqueeze", site.input(0), site.whole(site.value(1).reshape(1)))


@ONNX_WRITER.of(ours.transpose)
def write_transpose(site: OnnxSite) -> str:
    """Write Transpose."""
    rank = len(site.type().shape)
    return site.transposed(site.input(0), [a % rank for a in whole_numbers(site.value(1))])


@ONNX_WRITER.of(ours.shape)
def write_shape(site: OnnxSite) -> str:
    """Write Shape, and give the sizes our type."""
    return site.cast(site.emit("Shape", site.input(0)), site.attribute("to"))


@ONNX_WRITER.of(ours.rank)
def write_rank(site: OnnxSite) -> str:
    """Write the number of sizes."""
    return site.cast(site.emit("Size", site.emit("Shape", site.input(0))), "s32")


@ONNX.of("Reshape")
def reshape_of(source: OnnxSource) -> str:
    """A size of 0 is that of the input; the sizes are an attribute before version 5."""
    x = source.input(0)
    if source.version < 5:
        target = source.constant(np.array(source.attribute("shape", ()), np.int64))
    else:
        target = source.input(1)
    value = source.type(target).value
    if value is None:
        value = source.value(target)
    sizes = [int(n) for n in np.ravel(value)]
    copied = [] if source.attribute("allowzero", 0) else [i for i, n in enumerate(sizes) if n == 0]
    if source.known(target) is None:
        source.require(not copied, "sizes of 0 in a shape that is computed")
        return source.add(ours.reshape, x, source.add(cast, target, to="s32"))
    if any(i >= source.rank(x) for i in copied):
        raise FormatError(f"shape {sizes} of {source.rank(x)} axes")
    open_ones = [i for i in copied if source.open(x, i)]
    if open_ones == [0] and -1 not in sizes and len(copied) >= 1:
        sizes[0] = -1
        copied.remove(0)
    for i in copied:
        sizes[i] = source.size(x, i)
    return source.reshaped(x, sizes)


@ONNX.of("Flatten")
def flatten_of(source: OnnxSource) -> str:
    """Two axes: those before, and those from `axis` on."""
    x, axis = source.input(0), source.attribute("axis", 1)
    rank = source.rank(x)
    if not -rank <= axis <= rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    axis += rank if axis < 0 else 0
    if any(source.open(x, i) for i in range(axis)):
        behind = math.prod(source.size(x, i) for i in range(axis, rank))
        return source.reshaped(x, (-1, behind))
    before = math.prod(source.size(x, i) for i in range(axis))
    behind = -1 if source.open(x) else math.prod(source.shape(x)[axis:])
    return source.reshaped(x, (before, behind))


@ONNX.of("Squeeze")
def squeeze_of(source: OnnxSource) -> str:
    """The axes are an input since version 13."""
    x, axes = source.input(0), source.numbers(1, "axes", 13)
    if axes is None and source.open(x):
        source.shape(x)
    made = source.recent(x)
    if made is not None and made.op is ours.expand_dims and axes is not None and len(axes) == 1:
        inserted, rank = source.known(made.inputs[1]), source.rank(x)
        if inserted is not None and int(inserted.reshape(())) % rank == axes[0] % rank:
            return made.inputs[0] or x
    return x if axes == () else source.add(ours.squeeze, x, axes=axes or ())


@ONNX.of("Unsqueeze")
def unsqueeze_of(source: OnnxSource) -> str:
    """Axes of the result, one after the other."""
    x, axes = source.input(0), source.numbers(1, "axes", 13) or ()
    rank = source.rank(x) + len(axes)
    if any(not -rank <= a < rank for a in axes):
        raise FormatError(f"axes {axes} of {rank} axes")
    for axis in sorted(a % rank for a in axes):
        x = source.add(ours.expand_dims, x, source.whole(axis))
    return x


@ONNX.of("Transpose")
def transpose_of(source: OnnxSource) -> str:
    """Without an order the axes are reversed."""
    x = source.input(0)
    perm = source.attribute("perm", tuple(reversed(range(source.rank(x)))))
    return source.add(ours.transpose, x, source.whole(perm))


@ONNX.of("Shape")
def shape_of(source: OnnxSource) -> str:
    """All sizes, or a part of them."""
    x = source.input(0)
    y, rank = source.add(ours.shape, x, to="s64"), source.rank(x)
    part = range(rank)[source.attribute("start", 0) : source.attribute("end", rank)]
    if len(part) == rank:
        return y
    return source.add(cut, y, source.whole([part.start]), source.whole([len(part)]))


@ONNX.of("Size")
def size_of(source: OnnxSource) -> str:
    """The product of the sizes."""
    sizes = source.add(ours.shape, source.input(0), to="s64")
    return source.add(reduce_prod, sizes, source.whole([0]))


@ONNX.of("Constant")
def constant_of(source: OnnxSource) -> str:
    """A tensor, or numbers."""
    kinds: dict[str, Any] = {"value": None, "value_int": np.int64, "value_ints": np.int64}
    kinds |= {"value_float": np.float32, "value_floats": np.float32}
    given = [name for name in kinds if name in source.attributes]
    source.require(len(given) == 1, f"with attributes {', '.join(source.attributes)}")
    return source.constant(np.asarray(source.attributes[given[0]], kinds[given[0]]))


@ONNX.of("ConstantOfShape")
def constant_of_shape_of(source: OnnxSource) -> str:
    """One number everywhere."""
    value = source.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise FormatError("attribute value is no tensor of one element")
    return source.add(fill, source.input(0), source.constant(value.reshape(())))


@ONNX.of("Expand")
def expand_of(source: OnnxSource) -> str:
    """Sizes of 1 grow on either side."""
    x, target = source.input(0), source.input(1)
    sizes = tuple(int(n) for n in source.value(target))
    here = source.type(x).shape
    if len(here) <= len(sizes) and all(n == 1 for n in here):
        return source.add(broadcast_to, x, source.whole(sizes))
    wide = np.broadcast_shapes(source.shape(x), sizes)
    return source.add(broadcast_to, x, source.whole(wide))
