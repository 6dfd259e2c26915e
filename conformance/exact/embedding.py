"""Second oracles of the operators that look things up."""

from __future__ import annotations

import math
import struct

from ...refimpl.embedding import custom_predict, hashtable_lookup, lsh_projection, tf_idf
from ...refimpl.logic import assertion
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32
from .fingerprint import exact_fingerprint


@EXACT.of(assertion)
def exact_assertion(condition: Cells) -> Cells:
    """The same."""
    return condition


@EXACT.of(hashtable_lookup)
def exact_hashtable_lookup(lookup: Cells, keys: Cells, values: Cells) -> tuple[Cells, Cells]:
    """Compare with every key."""
    y = Cells.full((*lookup.shape, *values.shape[1:]), 0)
    hits = Cells.full(lookup.shape, 0)
    for i in y.indices():
        for row, key in enumerate(keys.values):
            if key == lookup.values[i[0]]:
                y[i] = values[(row, *i[1:])]
    hits.values = [int(key in keys.values) for key in lookup.values]
    return y, hits


WIDTHS = {"s8": "<b", "u8": "<B", "s32": "<i", "s64": "<q"}  # how elements lie in memory


@EXACT.of(lsh_projection)
def exact_lsh_projection(
    seeds: Cells, x: Cells, weights: Cells | None = None, *, kind: str
) -> Cells:
    """One bit after the other, in Python's float64."""
    size = len(x.values) // x.shape[0]
    rows = [
        b"".join(struct.pack(WIDTHS[x.format], v) for v in x.values[n * size : (n + 1) * size])
        for n in range(x.shape[0])
    ]
    bits = []
    for seed in seeds.values:
        score = 0.0
        for n, row in enumerate(rows):
            unsigned = struct.pack("<Q", exact_fingerprint(struct.pack("<f", seed) + row))
            (signed,) = struct.unpack("<q", unsigned)
            score += (1.0 if weights is None else weights.values[n]) * float(signed)
        bits.append(1 if score > 0 else 0)
    count, width = seeds.shape
    if kind == "dense":
        return Cells((count * width,), bits)
    numbers = []
    for h in range(count):
        own = bits[h * width : (h + 1) * width]
        numbers.append(sum(b << (width - 1 - k) for k, b in enumerate(own)) + h * 2**width)
    return Cells((count,), numbers)


@EXACT.of(custom_predict)
def exact_custom_predict(
    lookup: Cells, keys: Cells, labels: Cells, weights: Cells, *, count: int, threshold: float
) -> tuple[Cells, Cells]:
    """Add up per label, then pick the best again and again."""
    names: list[int] = []
    sums: list[float] = []
    for key in lookup.values:
        for row in [r for r, k in enumerate(keys.values) if k == key]:
            for j in range(labels.shape[1]):
                if labels[row, j] not in names:
                    names.append(labels[row, j])
                    sums.append(0.0)
                at = names.index(labels[row, j])
                sums[at] = f32(sums[at] + f32(weights[row, j] / len(lookup.values)))
    found: list[tuple[int, float]] = []
    while len(found) < count:
        top = max(sums, default=None)
        if top is None or top < f32(threshold):
            found.append((-1, 0.0))
        else:
            at = sums.index(top)
            found.append((names.pop(at), sums.pop(at)))
    return Cells((count,), [n for n, _ in found]), Cells((count,), [s for _, s in found])


@EXACT.of(tf_idf)
def exact_tf_idf(
    x: Cells,
    pool: Cells,
    starts: Cells,
    columns: Cells,
    weights: Cells | None = None,
    *,
    mode: str,
    shortest: int,
    longest: int,
    max_skip: int,
) -> Cells:
    """Walk along each row and collect what stands there."""
    width, rows = x.shape[-1], math.prod(x.shape[:-1])
    y = Cells.full((rows, max(columns.values) + 1), 0.0)
    gram, at = 0, 0
    ends = [*starts.values[1:], len(pool.values)]
    for n, end in enumerate(ends, 1):
        while at < end:
            words = pool.values[at : at + n]
            for row in range(rows if shortest <= n <= longest else 0):
                own = x.values[row * width : (row + 1) * width]
                steps = range(1, 2 + max_skip) if n > 1 else (1,)
                found = 0
                for step in steps:
                    for first in range(width):
                        places = [first + step * k for k in range(n)]
                        if places[-1] < width:
                            found += [own[p] for p in places] == words
                weight = 1.0 if weights is None else weights.values[gram]
                value = {
                    "TF": found,
                    "IDF": weight if found else 0.0,
                    "TFIDF": found * weight if found else 0.0,
                }
                y[row, columns.values[gram]] = value[mode]
            gram, at = gram + 1, at + n
    return Cells((*x.shape[:-1], y.shape[1]), y.values)
