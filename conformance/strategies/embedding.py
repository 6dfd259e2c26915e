"""Cases of the operators that look things up: few different keys and words, so that they meet."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import ANY, FORMATS, Array
from ...refimpl.embedding import (
    KINDS,
    MODES,
    custom_predict,
    hashtable_lookup,
    lsh_projection,
    tf_idf,
)
from ...refimpl.logic import assertion
from ...refimpl.packed import custom_extract_features, custom_normalize, packed, skip_gram
from ..case import Case
from ..tables import CASES
from .draw import floats, ints, seeds, shapes
from .typed import moved, s32, typed


@st.composite
def hashtable_lookup_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Keys that are there, and others."""
    rng = np.random.default_rng(draw(seeds()))
    count = draw(st.integers(1, 9))
    keys = np.sort(rng.choice(40, count, replace=False)) - 20
    lookup = rng.choice([*keys.tolist(), -30, 0, 99], draw(st.integers(0, 10)))
    lookup = rng.permutation([*lookup.tolist(), keys[0], 99])
    values, quant = draw(typed(fmt, (count, *draw(shapes(max_dims=2, max_size=5)))))
    args = (s32(lookup), s32(keys), values)
    case = moved(hashtable_lookup, args, quant, data=(2,), runtime=(0, 1))
    return case if quant is None else Case(case.op, args, {}, case.quant, (), (quant, None))


@st.composite
def lsh_projection_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Rows of 1 to 300 bytes: each branch of the hash; with weights and without."""
    rng = np.random.default_rng(draw(seeds()))
    rows, most = draw(st.integers(1, 5)), 300 // FORMATS[fmt].itemsize
    width = draw(st.integers(1, 8) | st.integers(1, most))
    x = draw(ints(fmt, (rows, width) if draw(st.booleans()) or width > 1 else (rows,)))
    table = rng.normal(0, 1, (draw(st.integers(1, 4)), draw(st.integers(1, 9)))).astype(np.float32)
    args: tuple[Array, ...] = (table, x)
    if draw(st.booleans()):
        args = (*args, draw(floats((rows,))))
    return Case(lsh_projection, args, {"kind": draw(st.sampled_from(KINDS))})


@st.composite
def custom_predict_cases(draw: st.DrawFn) -> Case:
    """Labels that get votes from several keys; equal votes among them."""
    rng = np.random.default_rng(draw(seeds()))
    count, items, rows = draw(st.integers(2, 9)), draw(st.integers(1, 4)), draw(st.integers(3, 12))
    keys = np.sort(rng.choice(40, count, replace=False)) - 20
    lookup = rng.choice([*keys.tolist(), *keys.tolist(), -30, 99], rows)
    labels = rng.integers(-2, 9, (count, items))
    weights = rng.integers(0, 9, (count, items)) / 8 if draw(st.booleans()) else None
    weights = rng.random((count, items)) if weights is None else weights
    attributes = {
        "count": draw(st.sampled_from([3, 5, 4, 7, 2, 12, 3, 4, 1, 0])),
        "threshold": draw(st.sampled_from([0.0, 0.0, 0.0, 0.0625, 0.125])),
    }
    args = (s32(lookup), s32(keys), s32(labels), weights.astype(np.float32))
    return Case(custom_predict, args, attributes)


def _distinct(rng: np.random.Generator, count: int, words: int) -> Array:
    """Return different n-grams of three kinds of words, one after the other."""
    chosen = rng.choice(3**words, count, replace=False)
    return (chosen[:, None] // 3 ** np.arange(words) % 3).reshape(-1)


@st.composite
def tf_idf_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Words of three kinds; n-grams of up to three of them, in any columns."""
    rng, dtype = np.random.default_rng(draw(seeds())), FORMATS[fmt]
    counts = [draw(st.sampled_from([3, 2, 3, 1])) for _ in range(draw(st.integers(1, 3)))]
    grams = [_distinct(rng, n, k + 1) for k, n in enumerate(counts)]
    starts = np.cumsum([0, *map(len, grams[:-1])])
    total = sum(counts)
    columns = rng.choice(total + draw(st.integers(0, 3)), total, replace=False)
    words = draw(st.sampled_from([12, 9, 15, 7, 8, 5] * 3 + [3, 0]))
    shape = (words,) if draw(st.booleans()) else (draw(st.integers(1, 3)), words)
    shortest = draw(st.sampled_from([1, 1, *range(1, len(counts) + 1)]))
    attributes = {
        "mode": draw(st.sampled_from(MODES)),
        "shortest": shortest,
        "longest": draw(st.integers(shortest, 4)),
        "max_skip": draw(st.integers(0, 3)),
    }
    lists = np.concatenate(grams).astype(dtype), starts.astype(np.int64), columns.astype(np.int64)
    args: tuple[Array, ...] = (rng.integers(0, 3, shape).astype(dtype), *lists)
    if draw(st.booleans()):
        args = (*args, draw(floats((total,))))
    constant = frozenset(range(1, len(args)))
    return Case(tf_idf, args, attributes, constant=constant)


def sentences(pieces: tuple[bytes, ...], most: int) -> st.SearchStrategy[bytes]:
    """Up to `most` of some pieces in a row."""
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=most).map(b"".join)


WORDS = (b"a", b"bc", b"d", b" ", b" ", b"  ", b"\t", b"\n", b"efg", "\u00df".encode())
SPOKEN = (
    *(b"I'm", b"don't", b" 'll", b"they've ", b"we're", b"y'nt", b" n't", b" 's", b"I", b"you"),
    *(b"?", b"!", b"??", b"?!", b" ", b" ", b",", b".", b"(", b'"', b";", b":", b"-", b"&", b"'"),
    *(b"Hello", b"World ", b"\v", b"\t", b"how", b"are ", "\u00c4".encode()),
)


@st.composite
def skip_gram_cases(draw: st.DrawFn) -> Case:
    """One to four words of up to nine, shorter n-grams too or not."""
    text = draw(sentences(WORDS, 14))
    attributes = {
        "size": draw(st.sampled_from([2, 1, 3, 4])),
        "max_skip": draw(st.integers(0, 3)),
        "include_all": draw(st.booleans()),
    }
    return Case(skip_gram, (packed([text]),), attributes)


@st.composite
def feature_cases(draw: st.DrawFn) -> Case:
    """Texts of all lengths that the hash tells apart, and marks."""
    rng = np.random.default_rng(draw(seeds()))
    sizes = draw(
        st.lists(st.integers(0, 150), min_size=draw(st.sampled_from([2, 1, 2, 0])), max_size=5)
    )
    texts = [rng.choice(list(b"ab \xff"), n).astype(np.uint8).tobytes() for n in sizes]
    texts += draw(st.lists(st.sampled_from([b"<S>", b"<E>", b"<S> <E>", b"<E> <S>"]), max_size=2))
    return Case(custom_extract_features, (packed(texts),))


@st.composite
def normalize_cases(draw: st.DrawFn) -> Case:
    """Sentences with short forms and marks, some beyond the limit."""
    text = draw(sentences(SPOKEN, 25)) * draw(st.sampled_from([1, 1, 1, 20]))
    return Case(custom_normalize, (packed([text]),))


CASES.of((assertion, "bool"))(
    shapes(max_dims=3, zero=True).map(lambda s: Case(assertion, (np.ones(s, np.bool_),)))
)
CASES.of((custom_predict, "f32"))(custom_predict_cases())
CASES.of((skip_gram, "u8"))(skip_gram_cases())
CASES.of((custom_extract_features, "u8"))(feature_cases())
CASES.of((custom_normalize, "u8"))(normalize_cases())
for fmt in ANY:
    CASES.of((hashtable_lookup, fmt))(hashtable_lookup_cases(fmt))
for fmt in ("s8", "u8", "s32", "s64"):
    CASES.of((lsh_projection, fmt))(lsh_projection_cases(fmt))
for fmt in ("s32", "s64"):
    CASES.of((tf_idf, fmt))(tf_idf_cases(fmt))
