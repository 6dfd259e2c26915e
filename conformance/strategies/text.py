"""Cases of texts: of few letters, so that they meet; with white space, other scripts and empty ones."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Array
from ...refimpl import text as ours
from ..case import HostCase
from ..tables import HOST_CASES
from .draw import broadcast_shapes, seeds, shapes

LETTERS = ["a", "A", "b", "ab", " ", "  ", "\t", ",", ";", "ß", "Ä", "日本", "-"]


@st.composite
def some_texts(
    draw: st.DrawFn, shape: tuple[int, ...], pieces: tuple[str, ...] = tuple(LETTERS)
) -> Array:
    """Up to five pieces each."""
    count = int(np.prod(shape, dtype=np.int64))
    rng = np.random.default_rng(draw(seeds()))
    rows = ["".join(rng.choice(pieces, rng.integers(0, 6)).tolist()) for _ in range(count)]
    return ours.texts(rows, shape)


@st.composite
def pair_cases(draw: st.DrawFn, op: object) -> HostCase:
    """Shapes that broadcast; half of the texts are equal."""
    one, other = draw(broadcast_shapes(max_dims=3, max_elements=24, zero=True))
    few = ("a", "b", "日") if draw(st.booleans()) else ("a",)
    x, y = draw(some_texts(one, few)), draw(some_texts(other, few))
    return HostCase(op, (x, y))  # type: ignore[arg-type]


@st.composite
def split_cases(draw: st.DrawFn) -> HostCase:
    """At white space, and at delimiters of one and two characters."""
    x = draw(some_texts(draw(shapes(max_dims=2, max_elements=12, zero=True))))
    attributes = {
        "delimiter": draw(st.sampled_from(["", ",", "ab", " ", "aa"])),
        "max_split": draw(st.integers(-1, 3)),
    }
    return HostCase(ours.string_split, (x,), attributes, 2)


@st.composite
def normalize_cases(draw: st.DrawFn) -> HostCase:
    """Rows of which all, some or none are stop words."""
    count = draw(st.integers(1, 6))
    x = draw(some_texts((count,) if draw(st.booleans()) else (1, count), ("a", "B", "ß")))
    words = draw(st.lists(st.sampled_from(["a", "A", "b", "aB", "", "SS"]), max_size=3))
    if draw(st.integers(0, 4)) == 4:
        words = x.ravel().tolist()
    attributes = {
        "change": draw(st.sampled_from(ours.CASES)),
        "case_sensitive": draw(st.booleans()),
        "stopwords": tuple(words),
    }
    return HostCase(ours.string_normalize, (x,), attributes)


ATOMS = ["a", "b", ".", "[ab]", "[^a]", r"\w", r"\W", r"\d", "-", "[a-c]", r"\b", "^", "$", r"\s"]
MARKS = ["", "", "*", "+", "?", "{2}", "{1,3}", "*?", "{0,2}?"]


@st.composite
def patterns(draw: st.DrawFn, depth: int = 2) -> str:
    """Alternatives of parts, repeated or not, nested up to `depth` times."""
    branches = []
    for _ in range(draw(st.integers(1, 2))):
        branch = ""
        for _ in range(draw(st.integers(0, 3))):
            if depth and draw(st.integers(0, 2)) == 2:
                branch += f"({draw(patterns(depth - 1))}){draw(st.sampled_from(MARKS))}"
            else:
                atom = draw(st.sampled_from(ATOMS))
                branch += atom if atom in (r"\b", "^", "$") else atom + draw(st.sampled_from(MARKS))
        branches.append(branch)
    return "|".join(branches)


@st.composite
def match_cases(draw: st.DrawFn) -> HostCase:
    """Texts of the letters that the patterns name."""
    x = draw(some_texts((draw(st.integers(0, 8)),), ("a", "b", "-", "1", " ", "é")))
    return HostCase(ours.regex_full_match, (x,), {"pattern": draw(patterns())})


@st.composite
def written_cases(draw: st.DrawFn) -> HostCase:
    """Whole numbers, and eighths, which few decimals write."""
    form = draw(st.sampled_from(["f32", "f64", "s32", "u8", "s64"]))
    shape = draw(shapes(max_dims=2, zero=True))
    rng = np.random.default_rng(draw(seeds()))
    x = rng.integers(-4000, 4000, shape).astype(np.float64) / 8
    x = np.where(rng.random(shape) < 0.2, rng.choice([np.nan, np.inf, -np.inf], shape), x)
    if form[0] in "us":
        x = np.nan_to_num(x, posinf=7, neginf=9)
        x = np.abs(x) % 256 if form == "u8" else x
    return HostCase(ours.number_to_text, (x.astype(FORMATS[form]),))


@st.composite
def read_cases(draw: st.DrawFn) -> HostCase:
    """Decimals with and without an exponent; whole numbers for whole types."""
    form = draw(st.sampled_from(["f32", "f64", "s32", "s64"]))
    rng = np.random.default_rng(draw(seeds()))
    shape = draw(shapes(max_dims=2, zero=True))
    found = []
    for _ in range(int(np.prod(shape, dtype=np.int64))):
        number = str(rng.integers(-999, 1000))
        if form[0] == "f":
            tail = ["", ".5", ".25e1", "e-2", "E+3"]
            number = str(rng.choice(["nan", "-INF", "inf", *[number + t for t in tail]]))
        found.append(number)
    return HostCase(ours.text_to_number, (ours.texts(found, shape),), {"to": form})


HOST_CASES.of(ours.string_concat)(pair_cases(ours.string_concat))
HOST_CASES.of(ours.string_equal)(pair_cases(ours.string_equal))
HOST_CASES.of(ours.string_split)(split_cases())
HOST_CASES.of(ours.string_normalize)(normalize_cases())
HOST_CASES.of(ours.regex_full_match)(match_cases())
HOST_CASES.of(ours.number_to_text)(written_cases())
HOST_CASES.of(ours.text_to_number)(read_cases())
