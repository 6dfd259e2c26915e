"""Second oracles of packed texts: character by character, without regular expressions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from ...refimpl.packed import custom_extract_features, custom_normalize, skip_gram
from ..cells import Cells
from ..tables import EXACT
from .fingerprint import exact_fingerprint

BLANKS = " \t\n\r\f"  # what a word ends at; a vertical tab only goes at the ends
ENDINGS = ("'t", "'nt", "n't", "'d", "'ll", "'s", "'m", "'ve", "'re")
LONG = (("'ll", " will"), ("'nt", " not"), ("'re", " are"), ("'ve", " have"), ("n't", " not"))


def _texts(cells: Cells) -> list[str]:
    def number(at: int) -> int:
        return sum(cells.values[4 * at + i] << 8 * i for i in range(4))

    ends = [number(1 + i) for i in range(number(0) + 1)]
    return ["".join(map(chr, cells.values[a:b])) for a, b in itertools.pairwise(ends)]


def _packed(texts: list[str]) -> Cells:
    numbers, at = [len(texts)], 4 * (len(texts) + 2)
    for t in [*texts, ""]:
        numbers.append(at)
        at += len(t)
    values = [n >> 8 * i & 255 for n in numbers for i in range(4)]
    values += [ord(c) for t in texts for c in t]
    return Cells((len(values),), values)


def _words(text: str) -> list[str]:
    """Cut at white space; what the first character is, is never asked."""
    spaces = BLANKS + "\v"
    ends = [i for i in range(1, len(text)) if text[i] in spaces]
    starts = [0, *(i + 1 for i in ends)]
    words = [text[a:b] for a, b in zip(starts, ends, strict=False)]
    found = [w for w in words if w and w[0] not in spaces]
    return found + [text[starts[-1] :]] * (starts[-1] < len(text))


@EXACT.of(skip_gram)
def exact_skip_gram(x: Cells, *, size: int, max_skip: int, include_all: bool) -> Cells:
    """Recursion over the words that may follow."""
    words = _words(_texts(x)[0])

    def from_there(chosen: list[int]) -> Iterator[str]:
        if len(chosen) < size:
            for j in range(len(words)):
                if 0 < j - chosen[-1] <= max_skip + 1:
                    yield from from_there([*chosen, j])
        if len(chosen) == size or include_all:
            yield " ".join(words[i] for i in chosen)

    starts = range(len(words)) if len(words) >= size else range(0)
    return _packed([gram for i in starts for gram in from_there([i])])


@EXACT.of(custom_extract_features)
def exact_custom_extract_features(x: Cells) -> tuple[Cells, Cells]:
    """Hash what is no mark."""
    labels, weights = [], []
    for t in _texts(x) or ["<S>"]:
        mark = t in ("<S>", "<E>", "<S> <E>")
        hashed = exact_fingerprint(bytes(map(ord, t)))
        labels.append(0 if mark else hashed % 10**6)
        weights.append(0.0 if mark else 1.0 + sum(c == " " for c in t))
    return Cells((len(labels),), labels), Cells((len(weights),), weights)


def _stripped(text: str, marks: str) -> str:
    while text and text[0] in marks:
        text = text[1:]
    while text and text[-1] in marks:
        text = text[:-1]
    return text


def _joined(text: str, follows: Callable[[str, int], bool]) -> str:
    """Take away a white space before an ending that something allowed follows."""
    found, i = "", 0
    while i < len(text):
        ending = next(
            (
                e
                for e in ENDINGS
                if text[i] in BLANKS and text.startswith(e, i + 1) and follows(text, i + 1 + len(e))
            ),
            None,
        )
        if ending is None:
            found, i = found + text[i], i + 1
            continue
        after = text[i + 1 + len(ending) : i + 2 + len(ending)]
        found, i = found + ending + after, i + 2 + len(ending)
    return found


def _spelled(text: str, short: str, long: str) -> str:
    """Spell out the last short form of each word that does not begin with it."""
    pieces, word = [], ""
    for c in [*text, ""]:
        if c and c not in BLANKS:
            word += c
            continue
        at = word.rfind(short)
        pieces.append(word if at < 1 else word[:at] + long + word[at + len(short) :])
        pieces.append(c)
        word = ""
    return "".join(pieces)


def _runs_of_one(text: str) -> str:
    return "".join(c for i, c in enumerate(text) if c not in "?!" or text[i - 1 : i] != c)


def _spaced(text: str) -> str:
    """Put spaces around the ? or ! that follows other characters."""
    found = ""
    for i, c in enumerate(text):
        after = i > 0 and text[i - 1] not in "?!"
        found += f" {c} " if c in "?!" and after else c
    return found


def _apart(text: str) -> str:
    """Put a space between two marks that stand together, taken in pairs from the left."""
    found, i = "", 0
    while i < len(text):
        pair = text[i : i + 2]
        if len(pair) == 2 and pair[0] in "?!" and pair[1] in "?!":
            found, i = f"{found}{pair[0]} {pair[1]}", i + 2
        else:
            found, i = found + text[i], i + 1
    return found


@EXACT.of(custom_normalize)
def exact_custom_normalize(x: Cells) -> Cells:
    """The steps in order."""
    small = {c: c + 32 for c in range(ord("A"), ord("Z") + 1)}
    text = _stripped(_texts(x)[0].translate(small), BLANKS + "\v")
    text = "".join(c for c in text if c not in '.*()"')
    text = _joined(text, lambda t, at: at < len(t) and t[at] in BLANKS + ",;:/")
    text = _joined(text, lambda t, at: at == len(t))
    for short, long in LONG:
        text = _spelled(text, short, long)
    text = "i am".join(text.split("i'm"))
    text = _apart(_spaced(_runs_of_one(text)))
    text = _stripped(_stripped(text, BLANKS + ",:;-&'\""), BLANKS + "\v")
    return _packed(["<S> " + (text + " <E>" if len(text) <= 300 else text[:300])])
