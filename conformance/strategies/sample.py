"""Cases of sampling at places."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import Array
from ...refimpl.sample import MODES, PADDINGS, grid_sample
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SMALL, SPECIAL, floats, seeds


def fill_grid(shape: tuple[int, ...], kind: str, seed: int) -> Array:
    """Return coordinates: dyadic ones (ties among them), any, far outside, or with some that are not finite."""
    rng = np.random.default_rng(seed)
    if kind == "dyadic":
        return (rng.integers(-20, 21, shape) / 16).astype(np.float32)
    x = rng.uniform(-1.3, 1.3, shape)
    if kind == "far":
        x = x * np.exp2(rng.integers(0, 100, shape))
    if kind == "special":
        odd = np.array([np.nan, np.inf, -np.inf, 1.0, -1.0, 0.0, -0.0, 1e-45])
        x = np.where(rng.random(shape) < 0.2, rng.choice(odd, shape), x)
    return x.astype(np.float32)


@st.composite
def grid_sample_cases(draw: st.DrawFn) -> Case:
    """One to three axes of space, sizes of 1 among them."""
    n = draw(st.sampled_from((1, 2, 2, 3)))
    size = tuple(draw(st.permutations((2, 3, 5, 1)))[:n])
    images, c = draw(st.sampled_from((1, 2))), draw(st.sampled_from((1, 2, 3, 17)))
    mode = draw(st.sampled_from(tuple(MODES)))
    out = tuple(draw(st.permutations((1, 2, 3, 4)))[: draw(st.sampled_from((n, n, 1, 2)))])
    if mode == "cubic" and n == 3:
        out, c = tuple(min(m, 2) for m in out), min(c, 2)
    x = draw(floats((images, *size, c), kinds=FINITE + SMALL + SPECIAL))
    kind = draw(st.sampled_from(("dyadic", "any") * 3 + ("far", "special")))
    grid = fill_grid((images, *out, n), kind, draw(seeds()))
    normalized = draw(st.sampled_from((True, True, False)))
    if not normalized:
        grid = (grid * np.float32(max(size))).astype(np.float32)
    attributes = {
        "mode": mode,
        "padding": draw(st.sampled_from(PADDINGS)),
        "align_corners": draw(st.booleans()),
        "normalized": normalized,
    }
    return Case(grid_sample, (x, grid), attributes)


CASES.of((grid_sample, "f32"))(grid_sample_cases())
