"""Axes of space: what nodes that slide windows say of them, and where they lie: channels second there, last here."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import FormatError
from ...refimpl.shape import expand_dims, squeeze
from .source import OnnxSource
from .table import OnnxSite

Sizes = tuple[int, ...]


def channels_last(axes: int) -> Sizes:
    """Return the order of axes that puts the channels last, for so many axes of space.

    >>> channels_last(3)
    (0, 2, 3, 4, 1)
    """
    return (0, *range(2, axes + 2), 1)


def channels_first(axes: int) -> Sizes:
    """Return the order that puts the channels second.

    >>> channels_first(3)
    (0, 4, 1, 2, 3)
    """
    return (0, axes + 1, *range(1, axes + 1))


def onnx_pads(pad: Sizes) -> list[int]:
    """Return (before, after) axis by axis as ONNX orders it: all beginnings, then all ends."""
    return [*pad[::2], *pad[1::2]]


def axes_of(source: OnnxSource, x: str) -> int:
    """Return the number of axes of space, at least one."""
    axes = source.rank(x) - 2
    source.require(axes > 0, f"{source.rank(x)} axes, none of them of space")
    return axes


def sizes_of(source: OnnxSource, x: str) -> Sizes:
    """Return the sizes of space; they need not be closed where nothing is padded by name."""
    if source.attribute("auto_pad", "NOTSET") in ("NOTSET", "", "VALID"):
        return source.type(x).shape[2:]
    return tuple(source.size(x, a) for a in range(2, source.rank(x)))


def each_axis(source: OnnxSource, name: str, axes: int, default: int | None = 1) -> Sizes:
    """Return an attribute of positive whole numbers, one an axis."""
    values = source.attribute(name, None if default is None else (default,) * axes)
    if len(values) != axes or not all(0 < n < 2**31 for n in values):
        raise FormatError(f"attribute {name} is {values}, for {axes} axes of space")
    return tuple(values)


def padding_of(
    source: OnnxSource,
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Sizes:
    """Return the zeros (before, after) axis by axis, which ONNX may give by name."""
    auto = source.attribute("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads = source.attribute("pads", (0,) * 2 * len(sizes))
        if len(pads) != 2 * len(sizes) or min(pads) < 0:
            raise FormatError(f"attribute pads is {pads}, for {len(sizes)} axes of space")
        half = len(sizes)
        return tuple(n for a in range(half) for n in (pads[a], pads[half + a]))
    source.require(auto in ("SAME_UPPER", "SAME_LOWER", "VALID"), f"auto_pad={auto}")
    found: list[int] = []
    for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) if auto != "VALID" else 0
        less, more = total // 2, total - total // 2
        found += (less, more) if auto == "SAME_UPPER" else (more, less)
    return tuple(found)


def as_image(source: OnnxSource, x: str) -> str:
    """Give a tensor with one axis of space, the last, another one of size 1 before that."""
    return source.add(expand_dims, x, source.whole(2))


def as_line(source: OnnxSource, y: str) -> str:
    """Undo `as_image`."""
    return source.add(squeeze, y, axes=(2,))


def in_channels_first(site: OnnxSite, code: str, *others: str, **attributes: object) -> str:
    """Write a node that wants the channels of its first input second, between two transpositions."""
    axes = len(site.type().shape) - 2
    x = site.transposed(site.input(0), channels_first(axes))
    return site.transposed(site.emit(code, x, *others, **attributes), channels_last(axes))
