"""Inputs for whole networks: random ones in sensible ranges, and real ones where data fit."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..ir import Array, Graph, InputError, TensorType

# (lowest, highest) of integer inputs that are not quantized, where the caller says nothing
INDEX_RANGE = (0, 3)


def random_feeds(
    graph: Graph, seed: int, ranges: Mapping[str, tuple[int, int]] | None = None
) -> dict[str, Array]:
    """Draw an input for each of the network's.

    Quantized inputs use all integers, floats that are quantized at once the range of that, other
    floats are normal; other integers are in `ranges[name]`.
    """
    rng = np.random.default_rng(seed)
    unknown = [
        n for n in graph.inputs if n not in graph.tensors or graph.tensors[n].format == "str"
    ]
    if unknown:
        raise InputError(f"inputs {', '.join(unknown)}: no random values of that type; give some")
    return {
        name: _draw(rng, graph.tensors[name], _consumer(graph, name), (ranges or {}).get(name))
        for name in graph.inputs
    }


def _consumer(graph: Graph, name: str) -> TensorType | None:
    """Return the type into which a node quantizes this input, if one does."""
    for node in graph.nodes:
        if node.op.__name__ == "quantize" and node.inputs[0] == name:
            return graph.tensors[node.outputs[0]]
    return None


def _draw(
    rng: np.random.Generator,
    type: TensorType,
    quantized: TensorType | None,
    limits: tuple[int, int] | None,
) -> Array:
    shape = type.shape
    if type.dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if type.dtype.kind in "iu":
        if type.quant is None:
            low, high = limits or INDEX_RANGE
        else:
            low, high = int(np.iinfo(type.dtype).min), int(np.iinfo(type.dtype).max)
        return rng.integers(low, high, shape, endpoint=True).astype(type.dtype)
    if quantized is not None and quantized.quant is not None:
        info = np.iinfo(quantized.dtype)
        ends = np.array([info.min, info.max]) - quantized.quant.zero_point[0]
        low, high = ends * quantized.quant.scale[0] * 1.1  # a little saturates
        return rng.uniform(low, high, shape).astype(type.dtype)
    return rng.standard_normal(shape).astype(type.dtype)


def real_feeds(graph: Graph, data: Path) -> Iterator[dict[str, Array]]:
    """Yield the real inputs under `data` (the shared data folder) that fit a network by its input's shape."""
    if len(graph.inputs) != 1:
        return
    type = graph.tensors[graph.inputs[0]]
    for pixels in _samples(type, data):
        value = _encode(pixels, type)
        if value is not None:
            yield {graph.inputs[0]: value.reshape(type.shape)}


def _encode(pixels: Array, type: TensorType) -> Array | None:
    """Turn bytes 0..255 into the input type: -1..1 as float, centred as int8.

    Samples that are stored for an int8 network fit only one.
    """
    if pixels.dtype == np.int8:
        return pixels if type.dtype == np.int8 else None
    if type.dtype == np.uint8:
        return pixels
    if type.dtype == np.int8:
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    return (pixels / 127.5 - 1).astype(np.float32)


def _samples(type: TensorType, data: Path) -> Iterator[Array]:
    size = type.shape[1:3]
    if size == (49, 10) or type.shape[1:] == (490,):
        yield from _keywords(data / "kws01" / "kws01_int8_mfcc.zip")
    elif size == (28, 28) and type.size == 28 * 28:
        yield from _mnist(data / "mnist" / "t10k-images-idx3-ubyte.gz")
    elif type.shape[1:] == (32, 32, 3):
        yield from _cifar10(data / "cifar10" / "lossless" / "cifar10_batch_50.png")
    elif len(type.shape) == 4 and type.shape[3] in (1, 3) and min(size) >= 96:
        yield from _images(
            data / "images", (size[0], size[1]), "L" if type.shape[3] == 1 else "RGB"
        )


def _keywords(path: Path) -> Iterator[Array]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".bin"):
                yield np.frombuffer(archive.read(name), np.int8)


def _mnist(path: Path) -> Iterator[Array]:
    with gzip.open(path) as file:
        yield from np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def _cifar10(path: Path) -> Iterator[Array]:
    from PIL import Image

    with Image.open(path) as sheet:
        yield from np.asarray(sheet.convert("RGB")).reshape(-1, 32, 32, 3)


def _images(folder: Path, size: tuple[int, int], mode: str) -> Iterator[Array]:
    from PIL import Image

    for path in sorted(folder.glob("*/*.bmp")):
        with Image.open(path) as image:
            yield np.asarray(image.convert(mode).resize(size[::-1]))
