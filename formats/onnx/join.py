"""Operators that make one tensor of several, and the reverse."""

from __future__ import annotations

from ...ir import FormatError
from ...refimpl.join import concat, pack, split, split_v, unpack
from .source import ONNX, OnnxSource
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


@ONNX.of("Concat")
def concat_of(source: OnnxSource) -> str:
    """The same."""
    return source.add(
        concat, *source.given, axis=source.attribute("axis", 1 if source.version < 4 else None)
    )


@ONNX.of("Split")
def split_of(source: OnnxSource) -> tuple[str, ...]:
    """Sizes are an input since version 13; without them the parts are equal, the last may be less."""
    x, axis = source.input(0), source.attribute("axis", 0)
    sizes = source.numbers(1, "split", 13)
    if sizes is None:
        count = source.attributes.get("num_outputs", len(source.outputs))
        total = source.size(x, axis) if -source.rank(x) <= axis < source.rank(x) else 0
        if not 0 < count == len(source.outputs):
            raise FormatError(f"{len(source.outputs)} outputs of {count} parts")
        most = -(-total // count)
        sizes = tuple(max(min(most, total - i * most), 0) for i in range(count))
    return source.several(split_v, x, source.whole(sizes), source.whole(axis))
