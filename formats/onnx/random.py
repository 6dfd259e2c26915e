"""Random tensors, and dropout in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import FORMAT_OF, FormatError
from ...refimpl import random as ours
from ...refimpl.binary import mul
from ...refimpl.cast import cast
from ...refimpl.fill import fill
from ...refimpl.shape import shape
from .source import ONNX, OnnxSource
from .tensors import dtype_of


def _seed(source: OnnxSource) -> float | None:
    seed = source.attributes.get("seed")
    if not (seed is None or isinstance(seed, int | float)):
        raise FormatError(f"attribute seed is {seed!r}")
    return seed if seed is None else float(seed)


def _format(source: OnnxSource, like: str | None, default: int = 1) -> str:
    """Return the element type that the node asks for; of the tensor `like`, where it does not."""
    if like is not None and not source.attribute("dtype", 0):
        return FORMAT_OF[source.type(like).dtype]
    return FORMAT_OF[dtype_of(source.attribute("dtype", default), "attribute dtype")]


@ONNX.of("RandomUniform", "RandomUniformLike", "RandomNormal", "RandomNormalLike")
def random_of(source: OnnxSource) -> Sequence[str]:
    """The shape is an attribute, or that of the input."""
    like = source.optional(0) if source.code.endswith("Like") else None
    if like is None:
        size = source.constant(np.array(source.attribute("shape", ()), np.int64))
    else:
        size = source.add(shape, like, to="s64")
    given: dict[str, Any] = {"to": _format(source, like), "seed": _seed(source)}
    if source.code.startswith("RandomUniform"):
        ends = {"low": source.attribute("low", 0.0), "high": source.attribute("high", 1.0)}
        return source.host(ours.random_uniform, size, **ends, **given)
    ends = {"mean": source.attribute("mean", 0.0), "scale": source.attribute("scale", 1.0)}
    return source.host(ours.random_normal, size, **ends, **given)


@ONNX.of("Bernoulli")
def bernoulli_of(source: OnnxSource) -> Sequence[str]:
    """Probabilities of ones."""
    x = source.input(0)
    return source.host(ours.bernoulli, x, to=_format(source, x), seed=_seed(source))


@ONNX.of("Multinomial")
def multinomial_of(source: OnnxSource) -> Sequence[str]:
    """Logarithms of unnormalized probabilities."""
    given: dict[str, Any] = {"to": _format(source, None, 6), "seed": _seed(source)}
    return source.host(
        ours.multinomial, source.input(0), sample_size=source.attribute("sample_size", 1), **given
    )


@ONNX.of("Dropout")
def dropout_of(source: OnnxSource) -> Sequence[str]:
    """In inference all is kept; in training what the mask keeps is divided by its share.

    Before version 12 an attribute holds the ratio, and nodes are of inference; the mask has the type of `x` before 10.
    """
    x = source.input(0)
    mode = source.optional(2) if source.version >= 12 else None
    if mode is None or not np.all(source.value(mode)):
        return x, _all_kept(source, x)
    ratio = source.optional(1)
    share = 0.5 if ratio is None else float(np.reshape(source.value(ratio), ()))
    if not 0 <= share < 1:
        raise FormatError(f"ratio is {share}")
    if share == 0:
        return x, _all_kept(source, x)
    number = source.constant(np.asarray(share, source.type(x).dtype))
    (mask,) = source.host(ours.random_mask, x, number, seed=_seed(source))
    if mask not in source.workspace.types:  # it has the shape of x, whatever is drawn
        source.give_type(mask, source.type(x).like(source.type(x).shape, bool))
    kept = source.add(mul, source.add(cast, mask, to=source.type(x).format), x)
    return source.add(mul, kept, source.scalar(1 / (1 - share), x)), mask


def _all_kept(source: OnnxSource, x: str) -> str:
    if len(source.outputs) < 2 or not source.outputs[1]:
        return x  # nobody asks
    like = source.type(x).dtype if source.version < 10 else np.dtype(bool)
    return source.add(fill, source.add(shape, x, to="s32"), source.constant(np.ones((), like)))
