"""Losses. Softmax cross entropy is the negative log likelihood of a softmax' logarithm."""

from __future__ import annotations

import math

from ...ir import FormatError
from ...refimpl.loss import REDUCTIONS, negative_log_likelihood
from ...refimpl.softmax import log_softmax
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(negative_log_likelihood)
def write_negative_log_likelihood(site: OnnxSite) -> str:
    """Write NegativeLogLikelihoodLoss."""
    ignored = site.attribute("ignore_index")
    attributes = {} if ignored is None else {"ignore_index": ignored}
    given = [name for name in site.inputs if name]
    reduction = site.attribute("reduction")
    return site.emit("NegativeLogLikelihoodLoss", *given, reduction=reduction, **attributes)


def _loss(source: OnnxSource, x: str) -> str:
    reduction, ignored = (
        source.attribute("reduction", "mean"),
        source.attributes.get("ignore_index"),
    )
    if reduction not in REDUCTIONS or not isinstance(ignored, int | None):
        raise FormatError(f"reduction {reduction!r}, ignore_index {ignored!r}")
    target, weight = source.input(1), source.optional(2)
    attributes = {"reduction": reduction, "ignore_index": ignored}
    return source.add(negative_log_likelihood, x, target, weight, **attributes)


@ONNX.of("NegativeLogLikelihoodLoss")
def negative_log_likelihood_of(source: OnnxSource) -> str:
    """The same."""
    return _loss(source, source.input(0))


@ONNX.of("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy_of(source: OnnxSource) -> tuple[str, str]:
    """The logarithm is the second result."""
    x = source.input(0)
    if source.rank(x) < 2:
        raise FormatError(f"scores have {source.rank(x)} axes")
    rows, classes, *behind = shape = source.shape(x)
    swapped = (0, 2, 1)
    flat = source.transposed(source.reshaped(x, (rows, classes, math.prod(behind))), swapped)
    logarithm = source.transposed(source.add(log_softmax, flat), swapped)
    logarithm = source.reshaped(logarithm, shape)
    return _loss(source, logarithm), logarithm
