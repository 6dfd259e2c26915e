"""Sequences and optionals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import FormatError, Op
from ...refimpl import sequence as ours
from .source import ONNX, OnnxSource


def _alike(code: str, op: Op[..., Any]) -> None:
    """Enter an operator on the same values, without attributes."""

    def rule(source: OnnxSource) -> Sequence[str]:
        return source.host(op, *source.inputs)

    ONNX.of(code)(rule)


_alike("SequenceConstruct", ours.sequence_construct)
_alike("SequenceAt", ours.sequence_at)
_alike("SequenceInsert", ours.sequence_insert)
_alike("SequenceErase", ours.sequence_erase)
_alike("SequenceLength", ours.sequence_length)
_alike("Optional", ours.optional)
_alike("OptionalHasElement", ours.optional_has_element)
_alike("OptionalGetElement", ours.optional_get_element)


@ONNX.of("SequenceEmpty")
def sequence_empty_of(source: OnnxSource) -> Sequence[str]:
    """Of no tensors; what type they would have does not show."""
    return source.host(ours.sequence_construct)


@ONNX.of("SequenceMap")
def sequence_map_of(source: OnnxSource) -> Sequence[str]:
    """A network on each."""
    body, outside = source.body("body")
    if len(body.outputs) != len(source.outputs):
        raise FormatError(f"{len(source.outputs)} outputs of a body with {len(body.outputs)}")
    names = [source.input(i) for i in range(len(source.inputs))]
    if len(body.inputs) != len(names) + len(outside):
        raise FormatError(f"{len(names)} inputs of a body with {len(body.inputs) - len(outside)}")
    return source.host(
        ours.sequence_map,
        *names,
        *outside,
        outputs=len(body.outputs),
        body=body,
        count=len(names),
    )


@ONNX.of("SplitToSequence")
def split_to_sequence_of(source: OnnxSource) -> Sequence[str]:
    """Parts of one size, or of sizes that are told."""
    axis, keep = source.attribute("axis", 0), bool(source.attribute("keepdims", 1))
    return source.host(ours.split_to_sequence, *source.inputs, axis=axis, keep_dims=keep)


@ONNX.of("ConcatFromSequence")
def concat_from_sequence_of(source: OnnxSource) -> Sequence[str]:
    """Along an axis that is there, or a new one."""
    axis, new = source.attribute("axis", None), bool(source.attribute("new_axis", 0))
    if not isinstance(axis, (int, np.integer)):
        raise FormatError(f"attribute axis is {axis!r}")
    return source.host(ours.concat_from_sequence, source.input(0), axis=axis, new_axis=new)
