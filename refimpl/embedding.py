"""Operators that look things up: by key, by hash, by how often words stand together."""

from __future__ import annotations

import bisect
import math
import struct
from typing import Any, Final

import numpy as np

from ..ir import ANY, Array, TensorType, op, require
from .axes import whole_numbers
from .fingerprint import fingerprint


def _infer_hashtable_lookup(
    lookup: TensorType, keys: TensorType, values: TensorType
) -> tuple[TensorType, TensorType]:
    require("C1", lookup.format == keys.format == "s32", f"{lookup.format} and {keys.format}")
    require("C2", len(lookup.shape) == len(keys.shape) == 1, f"{lookup.shape} and {keys.shape}")
    fits = len(values.shape) >= 1 and values.shape[:1] == keys.shape
    require("C3", fits, f"values {values.shape} of keys {keys.shape}")
    y = values.like((*lookup.shape, *values.shape[1:]))
    return y, values.like(lookup.shape, np.uint8)


@op(infer=_infer_hashtable_lookup, dtypes=ANY, format_input=2, moves=True)
def hashtable_lookup(lookup: Array, keys: Array, values: Array) -> tuple[Array, Array]:
    """Return the row of `values` that belongs to each key looked up, or zeros, and whether it was found (1 or 0, u8).

    The key is searched by halves, as TFLite does; where `keys` does not ascend, one that is there may not be found.

    Inputs: `lookup` (L,) s32; `keys` (K,) s32, ascending; `values` (K, ...) of any type.
    Constraints: (C1) `lookup` and `keys` are s32. (C2) They are vectors. (C3) `values` has a row for each key.

    >>> [y.tolist() for y in hashtable_lookup(*np.int32([[7, 5], [3, 7], [10, 20]]))]
    [[20, 0], [1, 0]]
    """
    found = [_search(keys.tolist(), key) for key in lookup.tolist()]
    y = np.zeros((len(found), *values.shape[1:]), values.dtype)
    for row, at in enumerate(found):
        if at >= 0:
            y[row] = values[at]
    return y, np.array([at >= 0 for at in found], np.uint8)


def _search(keys: list[int], key: int) -> int:
    """Return where a key stands among ascending ones, or -1."""
    at = bisect.bisect_left(keys, key)
    return at if at < len(keys) and keys[at] == key else -1


KINDS: Final = ("sparse", "dense")


def _infer_lsh_projection(
    seeds: TensorType, x: TensorType, weights: TensorType | None = None, *, kind: str = "dense"
) -> TensorType:
    matrix = len(seeds.shape) == 2 and seeds.format == "f32" and seeds.shape[1] <= 32
    require("C1", matrix, f"seeds {seeds.format} {seeds.shape}")
    require("C2", len(x.shape) >= 1 and x.size > 0, f"x {x.shape}")
    if weights is not None:
        fits = weights.format == "f32" and weights.shape == x.shape[:1]
        require("C3", fits, f"weights {weights.format} {weights.shape}")
    require("C4", kind in KINDS, f"kind {kind!r}; one of {KINDS}")
    rows, bits = seeds.shape
    return x.like((rows if kind == "sparse" else rows * bits,), np.int32)


@op(infer=_infer_lsh_projection, dtypes=("s8", "u8", "s32", "s64"), format_input=1)
def lsh_projection(
    seeds: Array, x: Array, weights: Array | None = None, *, kind: str = "dense"
) -> Array:
    """Project rows of `x` to bits by locality sensitive hashing.

    A bit is 1 where sum_n weights[n] hash(seed, x[n]) > 0, the hash being FarmHash's of the bytes of the seed and of
    the row, as a signed number; terms are added in order, in float64 (`lsh_projection.cc`).

    Inputs: `seeds` (H, B) float32; `x` (N, ...), whose bytes count; `weights` (N,) float32, 1 if absent.
    Attributes: `kind`: "dense", all bits in a row (H B); or "sparse", a number of B bits for each row of seeds, h 2^B
    added to it, which wraps (H).
    Constraints: (C1) `seeds` is a float32 matrix with up to 32 columns. (C2) `x` has elements. (C3) There is a
    weight for each row. (C4) The kind is one of these.

    >>> lsh_projection(np.float32([[0.5, 0.25], [3, 4]]), np.int32([1, 2]), kind="sparse").tolist()
    [0, 6]
    """
    rows = [row.tobytes() for row in np.ascontiguousarray(x).reshape(len(x), -1)]
    scale = [1.0] * len(rows) if weights is None else weights.astype(np.float64).tolist()
    bits = [_bit(struct.pack("<f", seed), rows, scale) for seed in seeds.ravel().tolist()]
    if kind == "dense":
        return np.array(bits, np.int32)
    count = seeds.shape[1]
    found = [
        int("".join(map(str, bits[h * count : (h + 1) * count])) or "0", 2)
        for h in range(len(seeds))
    ]
    whole = np.array(found, np.int64) + (np.arange(len(seeds), dtype=np.int64) << count)
    return whole.astype(np.int32)


def _bit(seed: bytes, rows: list[bytes], weights: list[float]) -> int:
    score = 0.0
    for row, weight in zip(rows, weights, strict=True):
        value = fingerprint(seed + row)
        score += weight * float(value - 2**64 if value >= 2**63 else value)
    return int(score > 0)


def _infer_custom_predict(
    lookup: TensorType,
    keys: TensorType,
    labels: TensorType,
    weights: TensorType,
    *,
    count: int,
    threshold: float,
) -> tuple[TensorType, TensorType]:
    s32 = lookup.format == keys.format == labels.format == "s32"
    require("C1", s32, f"{lookup.format}, {keys.format}, {labels.format}")
    require("C2", len(lookup.shape) == len(keys.shape) == 1, f"{lookup.shape} and {keys.shape}")
    fits = len(labels.shape) == 2 and labels.shape == weights.shape
    require("C3", fits and labels.shape[:1] == keys.shape, f"{labels.shape}, {weights.shape}")
    require("C4", count >= 0, f"{count} results")
    return labels.like((count,)), weights.like((count,))


@op(infer=_infer_custom_predict, format_input=3)
def custom_predict(
    lookup: Array, keys: Array, labels: Array, weights: Array, *, count: int, threshold: float
) -> tuple[Array, Array]:
    """Let the keys that are looked up vote for their labels; return the best labels and their votes (SmartReply).

    A vote is the sum of weights / (number of keys looked up), in the order of the keys, each step rounded to
    float32. Of equal votes that of the label named first comes first.

    Inputs: `lookup` (N,) s32; `keys` (K,) s32, ascending; `labels` (K, M) s32 and `weights` (K, M) of each key.
    Attributes: `count` of results; `threshold`: from the first vote below it on, labels are -1 and votes 0.
    Constraints: (C1) Keys and labels are s32. (C2) Keys are vectors. (C3) Labels and weights have a row for each key.
    (C4) The count is not negative.

    >>> keys, labels, weights = np.int32([3, 7]), np.int32([[1, 2], [2, 5]]), np.float32([[0.5, 0.5], [1, 0]])
    >>> [y.tolist() for y in custom_predict(keys, keys, labels, weights, count=3, threshold=0.2)]
    [[2, 1, -1], [0.75, 0.25, 0.0]]
    """
    votes: dict[int, np.float32] = {}
    each = np.float32(len(lookup))
    for key in lookup.tolist():
        at = _search(keys.tolist(), key)
        if at >= 0:
            for label, weight in zip(
                labels[at].tolist(), weights[at].astype(np.float32), strict=True
            ):
                votes[label] = votes.get(label, np.float32(0)) + weight / each
    best = sorted(votes, key=lambda label: (np.isnan(votes[label]), -votes[label]))[:count]
    kept = [label for label in best if not votes[label] < np.float32(threshold)]
    y, weight_of = np.full(count, -1, np.int32), np.zeros(count, np.float32)
    y[: len(kept)], weight_of[: len(kept)] = kept, [votes[label] for label in kept]
    return y, weight_of.astype(weights.dtype)


MODES: Final = ("TF", "IDF", "TFIDF")


def _infer_tf_idf(
    x: TensorType,
    pool: TensorType,
    starts: TensorType,
    columns: TensorType,
    weights: TensorType | None = None,
    *,
    mode: str,
    shortest: int,
    longest: int,
    max_skip: int,
) -> TensorType:
    require("C1", 1 <= len(x.shape) <= 2, f"x {x.shape}")
    require("C2", pool.dtype == x.dtype, f"x is {x.format}, the pool {pool.format}")
    vectors = len(pool.shape) == len(starts.shape) == len(columns.shape) == 1
    require("C3", vectors, f"{pool.shape}, {starts.shape}, {columns.shape}")
    _grams(whole_numbers(starts), pool.shape[0], columns.shape[0])
    places = whole_numbers(columns)
    require("C5", len(set(places)) == len(places) > 0 <= min(places), f"columns {places}")
    fits = weights is None or (weights.format == "f32" and weights.shape == columns.shape)
    require("C6", fits, f"weights {weights and weights.shape}")
    require("C7", mode in MODES, f"mode {mode!r}; one of {MODES}")
    require("C8", 1 <= shortest <= longest and max_skip >= 0, f"{shortest}, {longest}, {max_skip}")
    return x.like((*x.shape[:-1], max(places) + 1), np.float32)


def _grams(starts: list[int], size: int, count: int) -> list[tuple[int, int]]:
    """Return (length, place in the pool) of each n-gram."""
    ends = [*starts[1:], size]
    pairs = list(zip(starts, ends, strict=True)) if starts else []
    fits = all(0 <= a <= b and (b - a) % n == 0 for n, (a, b) in enumerate(pairs, 1))
    require("C4", fits and starts[:1] == [0], f"n-grams start at {starts} of {size}")
    found = [(n, at) for n, (a, b) in enumerate(pairs, 1) for at in range(a, b, n)]
    require("C4", len(found) == count, f"{len(found)} n-grams, {count} columns")
    return found


@op(infer=_infer_tf_idf, dtypes=("s32", "s64"), static=("starts", "columns"))
def tf_idf(
    x: Array,
    pool: Array,
    starts: Array,
    columns: Array,
    weights: Array | None = None,
    *,
    mode: str,
    shortest: int,
    longest: int,
    max_skip: int,
) -> Array:
    """Count how often each n-gram of a pool stands in a row of `x`, and weigh it (ONNX TfIdfVectorizer).

    An n-gram stands where its words follow each other at one distance, from 1 to `max_skip` + 1; that of one word is
    counted once. TF: the count; IDF: the weight of what occurs; TFIDF: their product, rounded once. What does not
    occur has 0.

    Inputs: `x` (C,) or (N, C) s32 or s64; `pool` (P,), n-grams one after the other, the short ones first; `starts`
    (G,): where those of 1, 2 ... words begin; `columns` (K,): where the result of each n-gram goes; `weights` (K,)
    float32, 1 if absent.
    Attributes: `mode` "TF", "IDF" or "TFIDF"; `shortest`, `longest` n-grams that count; `max_skip`.
    Constraints: (C1) `x` has one or two axes. (C2) The pool has its type. (C3) The others are vectors. (C4) The pool
    holds whole n-grams, one for each column. (C5) There is a column, and columns are distinct and not negative. (C6)
    There is a weight for each. (C7) The mode is one of these. (C8) 1 <= `shortest` <= `longest`, and
    `max_skip` is not negative.

    >>> lists = np.int64([1, 2, 1, 2]), np.int64([0, 2]), np.int64([0, 1, 2])
    >>> tf_idf(np.int64([1, 2, 1, 9, 2]), *lists, mode="TF", shortest=1, longest=2, max_skip=1).tolist()
    [2.0, 2.0, 2.0]
    """
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    y = np.zeros((len(rows), int(columns.max()) + 1), np.float32)
    for k, (n, at) in enumerate(_grams(whole_numbers(starts), len(pool), len(columns))):
        if not shortest <= n <= longest:
            continue
        count = np.zeros(len(rows), np.int64)
        for step in range(1, 2 + (max_skip if n > 1 else 0)):
            room = rows.shape[1] - step * (n - 1)
            hits = np.ones((len(rows), max(room, 0)), bool)
            for word in range(n if room > 0 else 0):
                hits &= rows[:, step * word : step * word + room] == pool[at + word]
            count += hits.sum(1)
        weight = np.float64(1 if weights is None else weights[k])
        value: Any = {"TF": count, "IDF": weight, "TFIDF": count * weight}[mode]
        y[:, columns[k]] = np.where(count > 0, value, 0)
    return y.reshape(*x.shape[:-1], y.shape[1])
