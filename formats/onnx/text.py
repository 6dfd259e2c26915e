"""Operators on texts."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import FormatError
from ...refimpl import text as ours
from .source import ONNX, OnnxSource


@ONNX.of("StringConcat")
def string_concat_of(source: OnnxSource) -> Sequence[str]:
    """The same."""
    return source.host(ours.string_concat, *source.given)


@ONNX.of("StringSplit")
def string_split_of(source: OnnxSource) -> Sequence[str]:
    """Without a delimiter, at white space."""
    cuts = {
        "delimiter": source.attribute("delimiter", ""),
        "max_split": source.attribute("maxsplit", -1),
    }
    return source.host(ours.string_split, source.input(0), outputs=2, **cuts)


@ONNX.of("StringNormalizer")
def string_normalizer_of(source: OnnxSource) -> Sequence[str]:
    """Letters are changed as in no language, whatever the locale."""
    stopwords = source.attribute("stopwords", ())
    if not all(isinstance(word, str) for word in stopwords):
        raise FormatError("attribute stopwords holds numbers")
    return source.host(
        ours.string_normalize,
        source.input(0),
        change=source.attribute("case_change_action", "NONE"),
        case_sensitive=bool(source.attribute("is_case_sensitive", 0)),
        stopwords=stopwords,
    )


@ONNX.of("RegexFullMatch")
def regex_full_match_of(source: OnnxSource) -> Sequence[str]:
    """The same."""
    pattern = source.attribute("pattern", "")
    return source.host(ours.regex_full_match, source.input(0), pattern=pattern)
