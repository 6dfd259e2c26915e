"""Second oracles of texts: character by character; regular expressions by Python's own engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ...refimpl.text import (
    number_to_text,
    regex_full_match,
    string_concat,
    string_equal,
    string_normalize,
    string_split,
    text_to_number,
)
from ..cells import Cells
from ..tables import HOST_EXACT


def _paired(x: Cells, y: Cells, form: str, what: Callable[[Any, Any], Any]) -> Cells:
    rank = max(len(x.shape), len(y.shape))
    a, b = ((1,) * (rank - len(t.shape)) + t.shape for t in (x, y))
    found = Cells.full([n if m == 1 else m for n, m in zip(a, b, strict=True)], "")
    found.format = form
    for i in found.indices():
        p, q = (
            tuple(0 if n == 1 else k for k, n in zip(i, s, strict=True))[rank - len(t.shape) :]
            for s, t in ((a, x), (b, y))
        )
        found[i] = what(x[p], y[q])
    return found


@HOST_EXACT.of(string_concat)
def exact_string_concat(x: Cells, y: Cells) -> Cells:
    """All characters of the one, then of the other."""
    return _paired(x, y, "str", lambda a, b: "".join([*a, *b]))


@HOST_EXACT.of(string_equal)
def exact_string_equal(x: Cells, y: Cells) -> Cells:
    """As many characters, and each the same."""
    return _paired(x, y, "bool", lambda a, b: len(a) == len(b) and all(map(str.__eq__, a, b)))


@HOST_EXACT.of(string_split)
def exact_string_split(x: Cells, *, delimiter: str, max_split: int) -> tuple[Cells, Cells]:
    """Walk along the text."""
    rows = [_cut(t, delimiter, max_split) if delimiter else _words(t, max_split) for t in x.values]
    most = max((len(row) for row in rows), default=0)
    values = [row[k] if k < len(row) else "" for row in rows for k in range(most)]
    return Cells((*x.shape, most), values, "str"), Cells(x.shape, [len(r) for r in rows], "s64")


def _cut(text: str, delimiter: str, most: int) -> list[str]:
    parts, current, i = list[str](), "", 0
    while i < len(text):
        if text[i : i + len(delimiter)] == delimiter and (most < 0 or len(parts) < most):
            parts.append(current)
            current, i = "", i + len(delimiter)
        else:
            current, i = current + text[i], i + 1
    return [*parts, current]


def _words(text: str, most: int) -> list[str]:
    words: list[str] = []
    rest = text
    while True:
        while rest and rest[0].isspace():
            rest = rest[1:]
        if not rest:
            return words
        if 0 <= most <= len(words):
            return [*words, rest]
        word = ""
        while rest and not rest[0].isspace():
            word, rest = word + rest[0], rest[1:]
        words.append(word)


@HOST_EXACT.of(string_normalize)
def exact_string_normalize(
    x: Cells, *, change: str, case_sensitive: bool, stopwords: tuple[str, ...]
) -> Cells:
    """Compare each with each stop word."""
    kept = []
    for t in x.values:
        same = (t == w if case_sensitive else t.lower() == w.lower() for w in stopwords)
        if not any(same):
            kept.append({"LOWER": t.lower(), "UPPER": t.upper(), "NONE": t}[change])
    kept = kept if kept else [""]
    return Cells((*x.shape[:-1], len(kept)), kept, "str")


@HOST_EXACT.of(regex_full_match)
def exact_regex_full_match(x: Cells, *, pattern: str) -> Cells:
    """Ask Python."""
    ready = re.compile(pattern, re.ASCII)
    return Cells(x.shape, [ready.fullmatch(t) is not None for t in x.values], "bool")


@HOST_EXACT.of(number_to_text)
def exact_number_to_text(x: Cells) -> Cells:
    """Digit by digit, for numbers with few of them."""
    return Cells(x.shape, [_written(v) for v in x.values], "str")


def _written(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return "NaN" if value != value else "INF" if value > 0 else "-INF"
    rest = abs(Fraction(value))
    whole = rest.numerator // rest.denominator
    rest -= whole
    digits = ""
    while rest:
        rest *= 10
        digits += str(rest.numerator // rest.denominator)
        rest -= rest.numerator // rest.denominator
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}" + (f".{digits or '0'}" if isinstance(value, float) else "")


@HOST_EXACT.of(text_to_number)
def exact_text_to_number(x: Cells, *, to: str) -> Cells:
    """Mantissa times a power of ten."""
    return Cells(x.shape, [_read(t, to) for t in x.values], to)


def _read(text: str, to: str) -> Any:
    special = {"nan": "nan", "inf": "inf", "-inf": "-inf"}
    if text.lower() in special:
        return float(special[text.lower()])
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, digits = mantissa.partition(".")
    number = Fraction(int(whole + digits)) * Fraction(10) ** (int(exponent or 0) - len(digits))
    return float(number) if to.startswith("f") else int(number)
