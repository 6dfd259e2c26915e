"""Copies between strided views: one kernel an element width does all that only moves elements."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .kernel import I64, OK, S64, T, kernel_family, share
from .lowering import Operand, Site, Step
from .transposes import KERNELS, transpose_table

AXES = 6  # axes that a copy kernel walks; a copy with more becomes several


@dataclass(frozen=True)
class View:
    """Places of elements: index i lies at offset + sum of i[a] * strides[a], counted in elements."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @staticmethod
    def of(sizes: tuple[int, ...]) -> View:
        """Return the view of a dense row-major array.

        >>> View.of((2, 3)).strides
        (3, 1)
        """
        return View(sizes, tuple(math.prod(sizes[a + 1 :]) for a in range(len(sizes))))

    def part(self, axis: int, start: int, count: int, step: int = 1) -> View:
        """Return `count` elements of an axis, from `start` on, `step` apart."""
        stride = self.strides[axis]
        return View(
            _put(self.sizes, axis, count),
            _put(self.strides, axis, stride * step),
            self.offset + start * stride,
        )

    def split(self, axis: int, inner: int) -> View:
        """Return the view with an axis of k * inner elements as two axes, (k, inner)."""
        n, stride = self.sizes[axis], self.strides[axis]
        return replace(
            self,
            sizes=_put(self.sizes, axis, n // inner, inner),
            strides=_put(self.strides, axis, stride * inner, stride),
        )

    def without(self, axis: int) -> View:
        """Drop an axis: its first element stays."""
        return replace(self, sizes=_put(self.sizes, axis), strides=_put(self.strides, axis))

    def repeated(self, axis: int, times: int) -> View:
        """Insert an axis before `axis`, along which the elements stay the same."""
        return replace(
            self,
            sizes=(*self.sizes[:axis], times, *self.sizes[axis:]),
            strides=(*self.strides[:axis], 0, *self.strides[axis:]),
        )

    def permuted(self, order: list[int]) -> View:
        """Return the axes in another order."""
        return replace(
            self,
            sizes=tuple(self.sizes[a] for a in order),
            strides=tuple(self.strides[a] for a in order),
        )


def _put(values: tuple[int, ...], axis: int, *new: int) -> tuple[int, ...]:
    axis %= len(values)
    return (*values[:axis], *new, *values[axis + 1 :])


@kernel_family("u8", "u16", "u32", "u64")
def copy_elements(x: T, y: T, table: S64, tid: I64, threads: I64) -> I64:
    """Copy a thread's share. `table`: sizes, strides of x, strides of y (six each), offsets of x and y.

    The counters of the five outer axes are variables, not memory: an odometer.
    """
    n0, n1, n2, n3, n4, n5 = table[0], table[1], table[2], table[3], table[4], table[5]
    p0, p1, p2, p3, p4, p5 = table[6], table[7], table[8], table[9], table[10], table[11]
    q0, q1, q2, q3, q4, q5 = table[12], table[13], table[14], table[15], table[16], table[17]
    at, stop = share(n0 * n1 * n2 * n3 * n4 * n5, tid, threads)
    row = at // n5
    i5 = at - row * n5
    i4, row = row % n4, row // n4
    i3, row = row % n3, row // n3
    i2, row = row % n2, row // n2
    i1, i0 = row % n1, row // n1
    a = table[18] + i0 * p0 + i1 * p1 + i2 * p2 + i3 * p3 + i4 * p4
    b = table[19] + i0 * q0 + i1 * q1 + i2 * q2 + i3 * q3 + i4 * q4
    while at < stop:
        run = min(n5 - i5, stop - at)
        if p5 == 1 and q5 == 1:
            for j in range(run):
                y[b + i5 + j] = x[a + i5 + j]
        else:
            for j in range(i5, i5 + run):
                y[b + j * q5] = x[a + j * p5]
        at += run
        i5 = 0
        i4 += 1
        a, b = a + p4, b + q4
        if i4 == n4:
            i4 = 0
            i3 += 1
            a, b = a + p3 - n4 * p4, b + q3 - n4 * q4
            if i3 == n3:
                i3 = 0
                i2 += 1
                a, b = a + p2 - n3 * p3, b + q2 - n3 * q3
                if i2 == n2:
                    i2 = 0
                    i1 += 1
                    a, b = a + p1 - n2 * p2, b + q1 - n2 * q2
                    if i1 == n1:
                        i1 = 0
                        a, b = a + p0 - n1 * p1, b + q0 - n1 * q1
    return OK


@kernel_family("u8", "u16", "u32", "u64")
def fill_elements(value: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Put the element at `value` into a thread's share of `y`."""
    start, stop = share(count, tid, threads)
    element = value[0]
    for i in range(start, stop):
        y[i] = element
    return OK


def width(x: Operand) -> str:
    """Return the unsigned type of as many bytes as an element has."""
    return f"u{8 * x.type.dtype.itemsize}"


def merged(x: View, y: View) -> tuple[View, View]:
    """Return the same pair with as few axes as possible.

    >>> merged(View.of((2, 3, 4)), View((2, 3, 4), (100, 4, 1)))[1]
    View(sizes=(2, 12), strides=(100, 1), offset=0)
    """
    axes: list[tuple[int, int, int]] = []
    for n, p, q in zip(x.sizes, x.strides, y.strides, strict=True):
        if n == 1:
            continue
        if axes and axes[-1][1] == n * p and axes[-1][2] == n * q:
            axes[-1] = (axes[-1][0] * n, p, q)
        else:
            axes.append((n, p, q))
    sizes = tuple(n for n, _, _ in axes)
    return (
        View(sizes, tuple(p for _, p, _ in axes), x.offset),
        View(sizes, tuple(q for _, _, q in axes), y.offset),
    )


def copy(site: Site, x: Operand, source: View, y: Operand, target: View) -> list[Step]:
    """Return the steps that copy the elements of `x` at `source` to those of `y` at `target`."""
    if 0 in source.sizes:
        return []
    source, target = merged(source, target)
    if len(source.sizes) > AXES:
        return [
            step
            for i in range(source.sizes[0])
            for step in copy(
                site, x, source.part(0, i, 1).without(0), y, target.part(0, i, 1).without(0)
            )
        ]
    size, offsets = y.type.dtype.itemsize, (source.offset, target.offset)
    turned = transpose_table(size, source.sizes, source.strides, target.strides, offsets)
    if turned is not None:
        return [Step(KERNELS[size], (x, y, site.constant(np.array(turned, np.int64))))]
    flat = View.of((x.type.size,)) if x.type.size > 1 else View((), ())
    whole = source == target == flat and y.type.size == x.type.size and x.offset == y.offset == 0
    missing = AXES - len(source.sizes)
    rows: list[int] = []
    for values, default in ((source.sizes, 1), (source.strides, 0), (target.strides, 0)):
        rows += [default] * missing + list(values)
    table = site.constant(np.array([*rows, source.offset, target.offset], np.int64))
    return [Step(copy_elements[width(y)], (x, y, table), whole_copy=whole)]


def fill_with(value: Operand, y: Operand, count: int) -> list[Step]:
    """Return the steps that put the element at `value` into all `count` elements of `y`."""
    return [Step(fill_elements[width(y)], (value, y, count))] if count else []


def operand(place: Any) -> Operand:
    """Return an operand that is not optional."""
    assert isinstance(place, Operand)
    return place
