"""Operators that make one tensor of several, and the reverse."""

from __future__ import annotations

from ...refimpl.join import concat, pack, split, split_v, unpack
from .table import ONNX_WRITER, OnnxSite, alike

alike("Concat", concat)


@ONNX_WRITER.of(pack)
def write_pack(site: OnnxSite) -> str:
    """Write a concatenation along a new axis."""
    axis = site.attribute("axis") % len(site.out[0].shape)
    xs = [site.emit("Unsqueeze", x, site.whole([axis])) for x in site.inputs]
    return site.emit("Concat", *xs, axis=axis)


def _parts(site: OnnxSite, x: str, axis: int, sizes: list[int]) -> tuple[str, ...]:
    return site.several("Split", x, site.whole(sizes), count=len(sizes), axis=axis)


@ONNX_WRITER.of(unpack)
def write_unpack(site: OnnxSite) -> tuple[str, ...]:
    """Write a split whose parts lose their axis."""
    axis, count = site.attribute("axis"), site.attribute("count")
    parts = _parts(site, site.input(0), axis, [1] * count)
    return tuple(site.emit("Squeeze", p, site.whole([axis])) for p in parts)


@ONNX_WRITER.of(split)
def write_split(site: OnnxSite) -> tuple[str, ...]:
    """Write Split with the sizes that come out."""
    axis = int(site.value(0).reshape(()))
    return _parts(site, site.input(1), axis, [t.shape[axis] for t in site.out])


@ONNX_WRITER.of(split_v)
def write_split_v(site: OnnxSite) -> tuple[str, ...]:
    """Write Split with the sizes that come out."""
    axis = int(site.value(2).reshape(()))
    return _parts(site, site.input(0), axis, [t.shape[axis] for t in site.out])
