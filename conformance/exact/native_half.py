"""Sums of products in half arithmetic, on the bits of halves: each multiply-add is exact, then rounded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

from .half import add, fma

NEAREST = "nearest_even"


def chain(pairs: Iterable[tuple[int, int]], bias: int, parts: int) -> int:
    """Return the bits of bias + the products of pairs, dealt out to `parts` sums that are added in the end."""
    sums = [bias] + [0] * (parts - 1)
    for t, (x, w) in enumerate(pairs):
        sums[t % parts] = fma(x, w, sums[t % parts], NEAREST)
    total = sums[0]
    for other in sums[1:]:
        total = add(total, other, NEAREST)
    return total


def dense(
    rows: list[list[int]], weights: list[list[int]], bias: list[int], parts: int
) -> list[int]:
    """Return each row against each line of weights, flat."""
    return [
        chain(zip(row, line, strict=True), start, parts)
        for row in rows
        for line, start in zip(weights, bias, strict=True)
    ]


def windows(
    image: dict[tuple[int, ...], int],
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    out: tuple[int, int],
    stride: tuple[int, int],
    origin: tuple[int, int],
    dilation: tuple[int, int],
) -> list[list[int]]:
    """Return the window of each place, channels innermost; what is outside of the image is 0.

    `image` has the bits by (n, y, x, c); `origin` is what padding puts before row and column 0.
    """
    found = []
    for n, i, j in product(range(shape[0]), range(out[0]), range(out[1])):
        places = product(range(kernel[0]), range(kernel[1]), range(shape[3]))
        found.append(
            [
                image.get(
                    (
                        n,
                        i * stride[0] + p * dilation[0] - origin[0],
                        j * stride[1] + q * dilation[1] - origin[1],
                        c,
                    ),
                    0,
                )
                for p, q, c in places
            ]
        )
    assert math.prod(out) * shape[0] == len(found)
    return found
