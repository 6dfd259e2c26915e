"""The largest or smallest elements of each row: found by their leading digits, then sorted.

Elements become unsigned keys, the larger the earlier; a NaN has the key 0, and both zeros have the same.
"""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.sort import ORDERED, topk
from .kernel import (
    F32,
    F64P,
    I64,
    OK,
    S32,
    U32,
    U64,
    Kernel,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lowering import Argument, Site, Step, lowers
from .strided import operand

DIGITS = 256
FEW = 40  # so many are sorted by insertion
BLOCK = 16  # keys that are looked at together
PER_GROUP = 8  # keys of a group, at least, where groups are worth it


@inlined
def lower_end(keys, at, count, k, bits, marks, mark):  # type: ignore[no-untyped-def]
    """Return a number that `k` of the keys reach, and not many more: the beginning of the k-th largest, 0 behind it."""
    low, fixed, above = np.uint64(0), bits, 0
    while fixed > 0:
        for d in range(DIGITS):
            marks[mark + d] = 0
        shift = np.uint64(fixed - 8)
        for i in range(count):
            key = np.uint64(keys[at + i])
            if (key ^ low) >> shift < np.uint64(DIGITS):
                marks[mark + np.int64((key >> shift) & np.uint64(DIGITS - 1))] += 1
        d = DIGITS - 1
        while above + marks[mark + d] < k:
            above += marks[mark + d]
            d -= 1
        low |= np.uint64(d) << shift
        fixed -= 8
        if above + marks[mark + d] <= k + k // 4 + 8:
            break
    return low


@inlined
def largest_of_groups(keys, at, n, groups, to):  # type: ignore[no-untyped-def]
    """Key i goes to group i % groups; what is behind the last whole number of rounds is left out."""
    for j in range(groups):
        keys[to + j] = keys[at + j]
    for i in range(at + groups, at + n - groups + 1, groups):
        for j in range(groups):
            keys[to + j] = max(keys[to + j], keys[i + j])


@inlined
def reaching(keys, at, n, low, places, to):  # type: ignore[no-untyped-def]
    """Write down the places of keys from `low` on; return how many they are."""
    found = 0
    for i in range(0, n, BLOCK):
        some = 0
        if i + BLOCK <= n:
            for j in range(BLOCK):
                some += keys[at + i + j] >= low
        if some > 0 or i + BLOCK > n:
            for j in range(i, min(i + BLOCK, n)):
                places[to + found] = j
                found += keys[at + j] >= low
    return found


@inlined
def insert_all(keys, at, places, of, count):  # type: ignore[no-untyped-def]
    """Sort a few places by their keys, the largest first; equals stay in order."""
    for i in range(1, count):
        place = places[of + i]
        key, j = keys[at + place], i
        while j > 0 and keys[at + places[of + j - 1]] < key:
            places[of + j] = places[of + j - 1]
            j -= 1
        places[of + j] = place


@inlined
def sort_by_digit(keys, at, places, of, to, count, shift, marks, mark):  # type: ignore[no-untyped-def]
    """Move places from `of` to `to`, by a digit of their keys; return False where all have the same, and do nothing."""
    for d in range(DIGITS):
        marks[mark + d] = 0
    last, digit = np.uint64(DIGITS - 1), np.int64(0)
    for i in range(count):
        digit = np.int64((np.uint64(keys[at + places[of + i]]) >> shift) & last)
        marks[mark + digit] += 1
    if marks[mark + digit] == count:
        return False
    before = 0
    for d in range(DIGITS - 1, -1, -1):
        marks[mark + d], before = before, before + marks[mark + d]
    for i in range(count):
        place = places[of + i]
        digit = np.int64((np.uint64(keys[at + place]) >> shift) & last)
        places[to + marks[mark + digit]] = place
        marks[mark + digit] += 1
    return True


@inlined
def best_places(keys, at, n, k, bits, groups, places, marks, tid):  # type: ignore[no-untyped-def]
    """Return where in `places` those of the best k keys begin. Behind the n keys is room for one a group."""
    mark, of, to = tid * DIGITS, 2 * tid * n, (2 * tid + 1) * n
    low = np.uint64(0)
    if groups:
        largest_of_groups(keys, at, n, groups, at + n)
        low = lower_end(keys, at + n, groups, k, bits, marks, mark)
    elif k < n:
        low = lower_end(keys, at, n, k, bits, marks, mark)
    found = reaching(keys, at, n, low, places, of)
    if found <= FEW:
        insert_all(keys, at, places, of, found)
        return of
    for shift in range(0, bits, 8):
        if sort_by_digit(keys, at, places, of, to, found, np.uint64(shift), marks, mark):
            of, to = to, of
    return of


@inlined
def put_best(x, y, where, row, n, k, places, of):  # type: ignore[no-untyped-def]
    """Write the elements and their places."""
    for i in range(k):
        y[row * k + i] = x[row * n + places[of + i]]
        where[row * k + i] = places[of + i]


@kernel
def f32_topk(
    x: F32, y: F32, where: S32, keys: U32, places: S32, marks: S32, rows: I64, n: I64, k: I64, groups: I64, turn: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The bits of numbers ascend if those of negative ones are inverted, and the sign of the others."""
    start, stop = share(rows, tid, threads)
    at = tid * (n + groups)
    for row in range(start, stop):
        for i in range(n):
            value = x[row * n + i]
            bits = np.int64(np.float32(value + np.float32(0)).view(np.int32))
            key = bits ^ ((bits >> 31) | (1 << 31)) ^ turn
            keys[at + i] = key if value == value else 0
        of = best_places(keys, at, n, k, 32, groups, places, marks, tid)
        put_best(x, y, where, row, n, k, places, of)
    return OK


@kernel
def f64_topk(
    x: F64P, y: F64P, where: S32, keys: U64, places: S32, marks: S32, rows: I64, n: I64, k: I64, groups: I64, turn: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """As with float32."""
    start, stop = share(rows, tid, threads)
    at = tid * (n + groups)
    for row in range(start, stop):
        for i in range(n):
            value = x[row * n + i]
            bits = np.float64(value + 0.0).view(np.int64)
            key = bits ^ ((bits >> 63) | np.int64(-(2**63))) ^ turn
            keys[at + i] = key if value == value else 0
        of = best_places(keys, at, n, k, 64, groups, places, marks, tid)
        put_best(x, y, where, row, n, k, places, of)
    return OK


WHOLE = tuple(form for form in ORDERED if form not in ("f32", "f64"))


@kernel_family(*WHOLE)
def topk_wholes(
    x: T, y: T, where: S32, keys: U64, places: S32, marks: S32, rows: I64, n: I64, k: I64, groups: I64, turn: I64,
    bits: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The bits that are not zero in `turn` are inverted: the sign, or all but that for the smallest."""
    start, stop = share(rows, tid, threads)
    at, rest = tid * (n + groups), np.uint64(64 - bits)
    for row in range(start, stop):
        for i in range(n):
            key = np.uint64(x[row * n + i]) ^ np.uint64(turn)
            keys[at + i] = (key << rest) >> rest
        of = best_places(keys, at, n, k, bits, groups, places, marks, tid)
        put_best(x, y, where, row, n, k, places, of)
    return OK


FLOATS: dict[str, Kernel] = {"f32": f32_topk, "f64": f64_topk}


@lowers(*((topk, fmt) for fmt in ORDERED))
def lower_topk(site: Site) -> list[Step]:
    """Rows are shared out. Long ones are looked through for the largest of groups, four for each key wanted."""
    x, (y, where) = operand(site.inputs[0]), site.outputs
    if y.type.size == 0:
        return []
    rows, n, k = math.prod(x.type.shape[:-1]), x.type.shape[-1], y.type.shape[-1]
    form, size = x.type.format, x.type.dtype.itemsize
    largest = bool(site.attributes["largest"])
    groups = 4 * k + -4 * k % 64
    groups = groups if groups * PER_GROUP <= n else 0
    each = 4 if form == "f32" else 8
    rooms = [site.scratch(site.threads * b) for b in (each * (n + groups), 8 * n, 4 * DIGITS)]
    sizes: tuple[Argument, ...] = (x, y, where, *rooms, rows, n, k, groups)
    if form in FLOATS:
        return [Step(FLOATS[form], (*sizes, 0 if largest else -1))]
    sign = -(1 << (8 * size - 1)) if form.startswith("s") else 0
    return [Step(topk_wholes[form], (*sizes, sign if largest else ~sign, 8 * size))]
