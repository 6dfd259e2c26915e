"""Operators that look things up: by key, by hash, by how often words stand together."""

from __future__ import annotations

import math

import numpy as np

from ..ir import ANY, FORMATS, TensorType
from ..refimpl.embedding import (
    MODES,
    _grams,
    custom_predict,
    hashtable_lookup,
    lsh_projection,
    tf_idf,
)
from .detection import sort_falling
from .fingerprint import bytes_hash
from .kernel import F32, F64, I64, OK, S32, S64, U8, T, inlined, kernel, kernel_family, share
from .lowering import Operand, Site, Step, lowers
from .strided import operand


@inlined
def find(keys, count, key):  # type: ignore[no-untyped-def]
    """Return where a key stands among ascending ones, or -1."""
    low, high = np.int64(0), np.int64(count)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < count and keys[low] == key else np.int64(-1)


@kernel
def look_up(
    lookup: S32, keys: S32, values: U8, y: U8, hits: U8, rows: I64, count: I64, run: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """Copy the row of `run` bytes that belongs to each key, or zeros."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        at = find(keys, count, lookup[row])
        hits[row] = at >= 0
        for j in range(run):
            y[row * run + j] = values[at * run + j] if at >= 0 else 0
    return OK


@lowers(*((hashtable_lookup, form) for form in ANY))
def lower_hashtable_lookup(site: Site) -> list[Step]:
    """Keys are shared out."""
    (lookup, keys, values), (y, hits) = map(operand, site.inputs), site.outputs
    run = math.prod(values.type.shape[1:]) * values.type.dtype.itemsize
    sizes = lookup.type.size, keys.type.size, run
    return [Step(look_up, (lookup, keys, values, y, hits, *sizes))]


@kernel
def project(
    seeds: U8, x: U8, weights: F32, y: S32, keys: U8, bits: I64, rows: I64, run: I64, weighted: I64, tid: I64,
    threads: I64,
) -> I64:  # fmt: skip
    """Find a thread's share of the bits; `keys` has room for a seed and a row of `run` bytes a thread."""
    start, stop = share(bits, tid, threads)
    key = tid * (run + 4)
    for bit in range(start, stop):
        for j in range(4):
            keys[key + j] = seeds[4 * bit + j]
        score = 0.0
        for row in range(rows):
            for j in range(run):
                keys[key + 4 + j] = x[row * run + j]
            value = np.float64(np.int64(bytes_hash(keys, key, run + 4)))
            score += np.float64(weights[row]) * value if weighted else value
        y[bit] = score > 0
    return OK


@kernel
def join_bits(bits: S32, y: S32, rows: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Make a number of each row of bits, and add its row's 2^count."""
    for row in range(rows):
        value = np.int64(0)
        for j in range(count):
            value = value * 2 + bits[row * count + j]
        y[row] = np.int32(value + (np.int64(row) << count))
    return OK


@lowers(*((lsh_projection, form) for form in ("s8", "u8", "s32", "s64")))
def lower_lsh_projection(site: Site) -> list[Step]:
    """Bits are shared out."""
    seeds, x, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    weights = site.inputs[2] if len(site.inputs) > 2 else None
    rows, run = x.type.shape[0], x.type.nbytes // x.type.shape[0]
    sparse, bits = site.attributes["kind"] == "sparse", seeds.type.size
    found = _room(site, bits, "s32") if sparse else y
    keys = site.scratch(site.threads * (run + 4))
    arguments = (seeds, x, weights or x, found, keys, bits, rows, run, int(weights is not None))
    steps = [Step(project, arguments)] if bits else []
    if sparse:
        steps.append(Step(join_bits, (found, y, *seeds.type.shape), serial=True))
    return steps


def _room(site: Site, count: int, form: str) -> Operand:
    dtype = FORMATS[form]
    return Operand(site.scratch(max(count, 1) * dtype.itemsize).name, TensorType((count,), dtype))


@kernel
def vote(
    lookup: S32, keys: S32, labels: S32, weights: F32, y: S32, votes: F32, own: S32, sums: F32, slots: S32, order: S64,
    spare: S64, rows: I64, count: I64, items: I64, wanted: I64, mask: I64, threshold: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Add up the votes of each label, found by a hash table of mask + 1 slots; then put the best first."""
    for i in range(mask + 1):
        slots[i] = -1
    known = 0
    each = np.float32(rows)
    for row in range(rows):
        at = find(keys, count, lookup[row])
        for j in range(items if at >= 0 else 0):
            label, weight = labels[at * items + j], weights[at * items + j] / each
            slot = (np.int64(label) * 0x9E3779B1 >> 7) & mask
            while slots[slot] >= 0 and own[slots[slot]] != label:
                slot = (slot + 1) & mask
            if slots[slot] < 0:
                slots[slot] = known
                own[known], sums[known], order[known] = label, np.float32(0.0), known
                known += 1
            sums[slots[slot]] += weight
    sort_falling(sums, order, spare, known)
    under = False
    for i in range(wanted):
        under = under or i >= known or sums[order[min(i, known - 1)]] < np.float32(threshold)
        y[i] = -1 if under else own[order[i]]
        votes[i] = np.float32(0.0) if under else sums[order[i]]
    return OK


@lowers((custom_predict, "f32"))
def lower_custom_predict(site: Site) -> list[Step]:
    """By one thread: the order of the sums matters."""
    places, (y, votes) = [operand(p) for p in site.inputs], site.outputs
    rows, (count, items) = places[0].type.size, places[2].type.shape
    most = max(min(rows, count) * items, 1)
    mask = (1 << (2 * most).bit_length()) - 1
    own, sums = _room(site, most, "s32"), _room(site, most, "f32")
    slots = _room(site, mask + 1, "s32")
    order, spare = _room(site, most, "s64"), _room(site, most, "s64")
    if not y.type.size:
        return []
    sizes = rows, count, items, y.type.size, mask, float(site.attributes["threshold"])
    room = own, sums, slots, order, spare
    return [Step(vote, (*places, y, votes, *room, *sizes), serial=True)]


@kernel_family("s32", "s64")
def count_grams(
    x: T, pool: T, grams: S64, weights: F32, y: F32, rows: I64, words: I64, count: I64, columns: I64, max_skip: I64,
    mode: I64, weighted: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Count each of `grams`, (words, place in the pool, column, number), in a thread's share of the rows."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        for j in range(columns):
            y[row * columns + j] = 0
        for k in range(count):
            n, at = grams[4 * k], grams[4 * k + 1]
            found = 0
            for step in range(1, 2 + (max_skip if n > 1 else 0)):
                for first in range(words - step * (n - 1)):
                    same = 0
                    while same < n and x[row * words + first + same * step] == pool[at + same]:
                        same += 1
                    found += same == n
            weight = np.float64(weights[grams[4 * k + 3]]) if weighted else 1.0
            value = np.float64(found) if mode != 1 else np.float64(found > 0)
            y[row * columns + grams[4 * k + 2]] = np.float32(
                value * weight if mode and found else value
            )
    return OK


@lowers((tf_idf, "s32"), (tf_idf, "s64"))
def lower_tf_idf(site: Site) -> list[Step]:
    """Rows are shared out."""
    x, pool, starts, columns = (operand(p) for p in site.inputs[:4])
    y, a = site.outputs[0], site.attributes
    weights = site.inputs[4] if len(site.inputs) > 4 else None
    assert starts.value is not None and columns.value is not None
    pairs = _grams(starts.value.tolist(), pool.type.size, columns.type.size)
    rows = [
        (n, at, int(columns.value[k]), k)
        for k, (n, at) in enumerate(pairs)
        if a["shortest"] <= n <= a["longest"]
    ]
    table = site.constant(np.array([*rows, (0, 0, 0, 0)], np.int64))
    words, width, count = x.type.shape[-1], y.type.shape[-1], y.type.size // y.type.shape[-1]
    sizes = count, words, len(rows), width, a["max_skip"], MODES.index(a["mode"])
    arguments = (x, pool, table, weights or y, y, *sizes, int(weights is not None))
    return [Step(count_grams[x.type.format], arguments)] if count else []
