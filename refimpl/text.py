"""Operators on tensors of texts, NumPy arrays of Python strings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import FORMATS, Array, RunError, op, require
from .regex import compiled

CASES = ("NONE", "LOWER", "UPPER")


def texts(values: Any, shape: tuple[int, ...]) -> Array:
    """Return a tensor of texts."""
    y = np.empty(math.prod(shape), FORMATS["str"])
    y[:] = list(values)
    return y.reshape(shape)


def _read(x: Any) -> Array:
    """Return a value that must be a tensor of texts: files may hand anything to a node."""
    if not isinstance(x, np.ndarray) or x.dtype != FORMATS["str"]:
        raise RunError(f"texts are needed, got {getattr(x, 'dtype', type(x).__name__)}")
    if not all(isinstance(t, str) for t in x.ravel()):
        raise RunError("texts are needed, got other objects")
    return x


@op(host=True)
def string_concat(x: Array, y: Array) -> Array:
    """Return each text of `x` followed by that of `y`.

    Inputs: `x`, `y`, texts that broadcast together.

    Constraints:
        (C1) The shapes broadcast.

    >>> string_concat(texts(["a", "b"], (2,)), texts(["c"], (1,))).tolist()
    ['ac', 'bc']
    """
    both = _together(x, y)
    return texts((a + b for a, b in zip(*(t.ravel() for t in both), strict=True)), both[0].shape)


def _together(x: Array, y: Array) -> list[Array]:
    try:
        return list(np.broadcast_arrays(_read(x), _read(y)))
    except ValueError:
        require("C1", False, f"{x.shape} and {y.shape} do not broadcast")
        raise


@op(host=True)
def string_equal(x: Array, y: Array) -> Array:
    """Tell where two texts are the same.

    Inputs: `x`, `y`, texts that broadcast together.

    Constraints:
        (C1) The shapes broadcast.

    >>> string_equal(texts(["a", "b"], (2,)), texts(["b"], (1,))).tolist()
    [False, True]
    """
    a, b = _together(x, y)
    return np.array([p == q for p, q in zip(a.ravel(), b.ravel(), strict=True)], bool).reshape(
        a.shape
    )


@op(host=True)
def string_split(x: Array, *, delimiter: str = "", max_split: int = -1) -> tuple[Array, Array]:
    """Cut each text at a delimiter; return the parts, filled up with empty ones, and how many there are.

    Inputs: `x`, texts of any shape.

    Attributes:
        delimiter: where to cut; an empty one is any run of white space, which is dropped at both ends too.
        max_split: how many cuts are made, from the front; negative: all. What is not cut keeps its end.

    >>> [y.tolist() for y in string_split(texts(["a b", "c"], (2,)))]
    [[['a', 'b'], ['c', '']], [2, 1]]
    """
    rows = [t.split(delimiter or None, max_split) for t in _read(x).ravel()]
    counts = np.array([len(row) for row in rows], np.int64)
    most = max(counts.tolist(), default=0)
    padded = [part for row in rows for part in (*row, *[""] * (most - len(row)))]
    return texts(padded, (*x.shape, most)), counts.reshape(x.shape)


@op(host=True)
def string_normalize(
    x: Array, *, change: str = "NONE", case_sensitive: bool = False, stopwords: tuple[str, ...] = ()
) -> Array:
    """Leave out the texts that are stop words, then change the case of the letters.

    Inputs: `x`, texts (N,) or (1, N). If all are left out, one empty text remains.

    Attributes:
        change: "NONE", "LOWER" or "UPPER", as Unicode has it in no language.
        case_sensitive: whether a stop word leaves out only what is spelled with the same case.
        stopwords: the texts to be left out.

    Constraints:
        (C1) `x` is a row.
        (C2) The change is one of these.

    >>> string_normalize(texts(["a", "B"], (2,)), change="UPPER", stopwords=("b",)).tolist()
    ['A']
    """
    _read(x)
    require("C1", x.ndim in (1, 2) and x.shape[0] == (1 if x.ndim == 2 else x.size), f"{x.shape}")
    require("C2", change in CASES, f"{change!r}; one of {CASES}")
    out = set(stopwords) if case_sensitive else {w.lower() for w in stopwords}
    kept = [t for t in x.ravel() if (t if case_sensitive else t.lower()) not in out] or [""]
    kept = [t.lower() if change == "LOWER" else t.upper() if change == "UPPER" else t for t in kept]
    return texts(kept, (len(kept),) if x.ndim == 1 else (1, len(kept)))


@op(host=True)
def regex_full_match(x: Array, *, pattern: str) -> Array:
    """Tell which texts a regular expression matches as a whole.

    The time grows with the length of the text times that of the pattern, as in RE2.

    Inputs: `x`, texts of any shape.

    Attributes:
        pattern: in the syntax of RE2; back references and looking around are errors there too.

    >>> regex_full_match(texts(["ab", "abc"], (2,)), pattern="a.").tolist()
    [True, False]
    """
    matches = compiled(pattern)
    return np.array([matches(t) for t in _read(x).ravel()], bool).reshape(x.shape)


@op(host=True)
def number_to_text(x: Array) -> Array:
    """Write numbers as texts: the shortest decimal that names the number; NaN, INF and -INF.

    Inputs: `x`, numbers.

    >>> number_to_text(np.array([0.1, np.inf], np.float32)).tolist()
    ['0.1', 'INF']
    """
    return texts((_spelled(v) for v in x.ravel()), x.shape)


def _spelled(value: Any) -> str:
    if isinstance(value, np.floating) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "INF" if value > 0 else "-INF"
    return str(value)


@op(host=True)
def text_to_number(x: Array, *, to: str) -> Array:
    """Read numbers: decimal, with or without an exponent, and INF, NaN in any case.

    Inputs: `x`, texts; one that is no number is an error.

    Attributes:
        to: short name of the element type.

    >>> text_to_number(texts(["-1e2", "nan"], (2,)), to="f32").tolist()
    [-100.0, nan]
    """
    dtype, x = FORMATS[to], _read(x)
    try:
        if dtype.kind == "f":
            return np.array([float(t) for t in x.ravel()], dtype).reshape(x.shape)
        return np.array([int(t) for t in x.ravel()], dtype).reshape(x.shape)
    except (ValueError, OverflowError) as error:
        raise RunError(f"a text is no {to}: {error}") from None
