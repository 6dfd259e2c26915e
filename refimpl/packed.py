"""Operators on packed texts: a TFLite tensor of strings as its bytes.

It holds an int32 count n, n + 1 int32 places where the strings begin and the last one ends, counted from the first
byte, and the characters (`string_util.cc`). All numbers are little endian.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from ..ir import Array, RunError, TensorType, op, require
from .fingerprint import fingerprint

MAX_BYTES: Final = 1 << 24  # of packed texts that an operator makes
SPACES: Final = b" \t\n\v\f\r"


def packed(texts: Sequence[bytes]) -> Array:
    """Return texts packed.

    >>> packed([b"ab"]).tolist()
    [1, 0, 0, 0, 12, 0, 0, 0, 14, 0, 0, 0, 97, 98]
    """
    places = np.cumsum([4 * len(texts) + 8, *map(len, texts)])
    head = struct.pack(f"<{len(texts) + 2}i", len(texts), *places.tolist())
    return np.frombuffer(head + b"".join(texts), np.uint8)


def unpacked(x: Array) -> list[bytes]:
    """Return the texts that are packed in some bytes, which may be damaged.

    >>> unpacked(packed([b"ab", b""]))
    [b'ab', b'']
    """
    data = x.tobytes()
    count = int.from_bytes(data[:4], "little") if len(data) >= 4 else -1
    if not 0 <= count <= len(data) // 4 - 2:
        raise RunError(f"packed texts: {len(data)} bytes cannot hold {count} texts")
    places = struct.unpack_from(f"<{count + 1}i", data, 4)
    ordered = all(a <= b for a, b in itertools.pairwise(places))
    if places[0] < 4 * count + 8 or places[-1] > len(data) or not ordered:
        raise RunError(f"packed texts: {list(places[:9])} are no places in {len(data)} bytes")
    return [data[a:b] for a, b in itertools.pairwise(places)]


def _check_bytes(x: TensorType) -> None:
    require("C1", len(x.shape) == 1, f"packed texts are a vector, got {x.shape}")


def _first(x: Array) -> bytes:
    texts = unpacked(x)
    if not texts:
        raise RunError("packed texts: one text is needed, there is none")
    return texts[0]


def _infer_skip_gram(
    x: TensorType, *, size: int, max_skip: int = 0, include_all: bool = False
) -> TensorType:
    _check_bytes(x)
    require("C2", 1 <= size <= 64, f"n-grams of {size} words")
    require("C3", max_skip >= 0, f"{max_skip} words to be skipped")
    return x.like(skip_gram(x.known(), size=size, max_skip=max_skip, include_all=include_all).shape)


@op(infer=_infer_skip_gram, dtypes=("u8",), static=("x",))
def skip_gram(x: Array, *, size: int, max_skip: int = 0, include_all: bool = False) -> Array:
    """Return the n-grams of a text: `size` of its words in order, at most `max_skip` left out between two.

    They stand in the order of a search in depth, of which each n-gram comes after those that go on from it
    (`skip_gram.cc`). Words are between white space. TFLite's search for them starts at the second character: where the
    first is white space, the first word is lost, or begins with that, if it is the only one.

    Inputs: `x` (bytes,) u8, a packed text.
    Attributes: `size` in words; `max_skip`; `include_all`: shorter n-grams too. Fewer words than `size` give none.
    Constraints: (C1) `x` is a vector. (C2) The size is 1 to 64. (C3) `max_skip` is not negative.

    >>> unpacked(skip_gram(packed([b"a b c"]), size=2, max_skip=1))
    [b'a b', b'a c', b'b c']
    """
    words, found, room = _words(_first(x)), [], MAX_BYTES
    # the next words of each n-gram under way: an own stack, since texts are long
    under_way = [([i], False) for i in range(len(words) - 1, -1, -1)] if len(words) >= size else []
    while under_way:
        gram, done = under_way.pop()
        if not done:
            under_way.append((gram, True))
            # no search where too few words are left, or it would take exponential time
            ends = len(words) - (0 if include_all else size - len(gram) - 1)
            last = min(gram[-1] + max_skip + 2, ends) if len(gram) < size else 0
            under_way += [([*gram, j], False) for j in range(last - 1, gram[-1], -1)]
        elif include_all or len(gram) == size:
            found.append(b" ".join(words[i] for i in gram))
            room -= len(found[-1]) + 4
            if room < 0:
                raise RunError(f"skip_gram: the n-grams take more than {MAX_BYTES} bytes")
    return packed(found)


def _words(text: bytes) -> list[bytes]:
    words, start = [], 0
    for i in range(1, len(text)):
        if text[i] in SPACES:
            if i > start and text[start] not in SPACES:
                words.append(text[start:i])
            start = i + 1
    return [*words, text[start:]] if start < len(text) else words


BLANK: Final = (b"<S>", b"<E>", b"<S> <E>")
FEATURES: Final = 1_000_000


def _infer_custom_extract_features(x: TensorType) -> tuple[TensorType, TensorType]:
    _check_bytes(x)
    count = max(len(unpacked(x.known())), 1)
    return x.like((count,), np.int32), x.like((count,), np.float32)


@op(infer=_infer_custom_extract_features, dtypes=("u8",), static=("x",))
def custom_extract_features(x: Array) -> tuple[Array, Array]:
    """Return a number for each n-gram, its FarmHash modulo a million, and how many words it has (SmartReply).

    Both are 0 for the marks of a sentence's start and end alone, and where there is no n-gram.

    Inputs: `x` (bytes,) u8, packed texts.
    Constraints: (C1) `x` is a vector.

    >>> [y.tolist() for y in custom_extract_features(packed([b"<S>", b"how are you"]))]
    [[0, 13410], [0.0, 3.0]]
    """
    grams = [None if g in BLANK else g for g in unpacked(x)] or [None]
    labels = [0 if g is None else fingerprint(g) % FEATURES for g in grams]
    words = [0 if g is None else g.count(b" ") + 1 for g in grams]
    return np.array(labels, np.int32), np.array(words, np.float32)


MOST_CHARACTERS: Final = 300
LONGEST: Final = 1 << 12  # bytes of a text: the time grows with their square
_ENDINGS: Final = rb"[\t\n\f\r ]('t|'nt|n't|'d|'ll|'s|'m|'ve|'re)"
_STEPS: Final = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (rb'[.*()"]', rb""),
        (_ENDINGS + rb"([\t\n\f\r ,;:/])", rb"\1\2"),
        (_ENDINGS + rb"\Z", rb"\1"),
        (rb"([^\t\n\f\r ]+)'ll", rb"\1 will"),
        (rb"([^\t\n\f\r ]+)'nt", rb"\1 not"),
        (rb"([^\t\n\f\r ]+)'re", rb"\1 are"),
        (rb"([^\t\n\f\r ]+)'ve", rb"\1 have"),
        (rb"([^\t\n\f\r ]+)n't", rb"\1 not"),
        (rb"i'm", rb"i am"),
        (rb"[?]+", rb"?"),
        (rb"[!]+", rb"!"),
        (rb"([^?!]+)([?!])", rb"\1 \2 "),
        (rb"([?!])([?!])", rb"\1 \2"),
        (rb"[\t\n\f\r ,:;\-&'\"]+\Z", rb""),
        (rb"\A[\t\n\f\r ,:;\-&'\"]+", rb""),
    )
)


def _infer_custom_normalize(x: TensorType) -> TensorType:
    _check_bytes(x)
    return x.like(custom_normalize(x.known()).shape)


@op(infer=_infer_custom_normalize, dtypes=("u8",), static=("x",))
def custom_normalize(x: Array) -> Array:
    """Return a sentence in plain words: small letters, no dots and brackets, short forms spelled out (SmartReply).

    Steps, in order: ASCII letters become small; white space at the ends goes; .*()" go; short endings ('t 'nt n't 'd
    'll 's 'm 've 're) after a white space and before another, a mark or the end are joined to their word; in each word
    the last 'll 'nt 're 've n't becomes " will" " not" " are" " have" " not", i'm becomes "i am"; runs of ? or ! become
    one, with spaces around; white space and ,:;-&'" at the ends go. "<S> " comes in front, " <E>" behind where at most
    300 bytes are left, or else the first 300 stay.

    Inputs: `x` (bytes,) u8, a packed text of at most 2^12 bytes.
    Constraints: (C1) `x` is a vector.

    >>> unpacked(custom_normalize(packed([b" I'm here (don't ask)!! "])))
    [b'<S> i am here do not ask ! <E>']
    """
    text = _first(x)
    if len(text) > LONGEST:
        raise RunError(f"a text of {len(text)} bytes; at most {LONGEST}")
    text = text.lower().strip(SPACES)
    for pattern, new in _STEPS:
        text = pattern.sub(new, text)
    text = text.strip(SPACES)
    fits = len(text) <= MOST_CHARACTERS
    return packed([b"<S> " + (text + b" <E>" if fits else text[:MOST_CHARACTERS])])
