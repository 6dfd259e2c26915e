"""Cases of the convolutions over one to three axes of space."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...refimpl.conv_nd import Sizes, conv, conv_transpose
from ..case import Case
from ..tables import CASES
from .conv import some_channels
from .draw import FINITE, SMALL, floats

WIDE = (8, 9)  # channels that packed products take
BUDGET = 1500  # multiplications, as the exact oracles are slow


@st.composite
def window_nd(
    draw: st.DrawFn, most: int, reach: int, tight: bool = False
) -> tuple[dict[str, Any], Sizes, Sizes]:
    """Attributes, kernel and sizes of an image that holds a window or some; distinct sizes where they can be.

    `tight` ones have few windows.
    """
    n = draw(st.sampled_from((3, 2, 3) if tight else (1, 2, 3, 3)))
    kernel = tuple(draw(st.permutations((1, 2, 3, most)))[:n])
    stride = tuple(draw(st.sampled_from((1, 1, 2, 3))) for _ in range(n))
    dilation = tuple(draw(st.sampled_from((1, 1, 1, 2))) for _ in range(n))
    pad = tuple(draw(st.integers(0, min(1, k - 1))) for k in kernel for _ in range(2))
    more = draw(st.permutations((0, 0, 1) if tight else range(reach)))
    size = tuple(
        max((k - 1) * d + 1 - sum(pad[2 * a : 2 * a + 2]), 1) + more[a]
        for a, (k, d) in enumerate(zip(kernel, dilation, strict=True))
    )
    given: dict[str, Any] = {"stride": stride, "pad": pad, "dilation": dilation}
    for name, default in (("stride", 1), ("pad", 0), ("dilation", 1)):
        if all(v == default for v in given[name]) and draw(st.booleans()):
            del given[name]  # none at all stands for the default
    return given, kernel, size


@st.composite
def conv_cases(draw: st.DrawFn) -> Case:
    """One, two and three axes; groups; all of it small."""
    wide = draw(st.sampled_from((False, True, False)))
    window, kernel, size = draw(window_nd(2, 3, wide))
    n = len(kernel)
    step = window.get("stride", (1,) * n)
    work = math.prod(kernel) * math.prod(math.ceil(s / t) for s, t in zip(size, step, strict=True))
    groups = draw(st.sampled_from((1, 2) if wide else (1, 1, 2, 3)))
    c = draw(st.sampled_from(WIDE) if wide else some_channels(BUDGET // (work * groups)))
    o = draw(st.sampled_from(WIDE) if wide else some_channels(BUDGET // (work * groups * c)))
    images = draw(st.sampled_from((1, 2)))
    x = draw(floats((images, *size, c * groups), kinds=FINITE + FINITE + SMALL))
    w = draw(floats((o * groups, *kernel, c)))
    b = draw(floats((o * groups,))) if draw(st.booleans()) else None
    return Case(conv, (x, w, b), window, constant=frozenset((1, 2)))


@st.composite
def conv_transpose_cases(draw: st.DrawFn) -> Case:
    """Every size that the stride allows, and sometimes more or less."""
    wide = draw(st.sampled_from((False, True, False)))
    window, kernel, size = draw(window_nd(2, 3, wide))
    n = len(kernel)
    stride = window.get("stride", (1,) * n)
    dilation, pad = window.get("dilation", (1,) * n), window.get("pad", (0,) * 2 * n)
    size = tuple(min(s, 2 if wide else 4) for s in size)
    whole = [
        (size[a] - 1) * stride[a] + (kernel[a] - 1) * dilation[a] + 1 - sum(pad[2 * a : 2 * a + 2])
        for a in range(n)
    ]
    out = [max(v + draw(st.integers(0, s)), 1) for v, s in zip(whole, stride, strict=True)]
    work = math.prod(kernel) * math.prod(size)
    groups = draw(st.sampled_from((1,) if wide else (1, 1, 2, 3)))
    c = draw(st.sampled_from(WIDE) if wide else some_channels(BUDGET // (work * groups)))
    few = some_channels(min(BUDGET // (work * groups * c), 200 // math.prod(out)))
    o = draw(st.sampled_from(WIDE) if wide else few)
    images = draw(st.sampled_from((1, 2)))
    x = draw(floats((images, *size, c * groups), kinds=FINITE + FINITE + SMALL))
    w = draw(floats((o * groups, *kernel, c)))
    b = draw(floats((o * groups,))) if draw(st.booleans()) else None
    shape = np.array([images, *out, o * groups], np.int32)
    return Case(conv_transpose, (x, w, shape, b), window, constant=frozenset((1, 2, 3)))


CASES.of((conv, "f32"))(conv_cases())
CASES.of((conv_transpose, "f32"))(conv_transpose_cases())
