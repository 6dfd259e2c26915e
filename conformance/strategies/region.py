"""Cases of the pooling of regions."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import Array
from ...refimpl.region import roi_align, roi_pool
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SMALL, SPECIAL, floats, seeds


def fill_regions(count: int, height: int, width: int, kind: str, seed: int) -> Array:
    """Return rows of left, top, right, bottom: in the image, reaching over it, far away, or turned over."""
    rng = np.random.default_rng(seed)
    reach = {"inside": (0, 1), "over": (-0.7, 1.7), "away": (3, 5), "turned": (0, 1)}[kind]
    ends = (
        (width - 0.8, height - 0.8) if kind == "inside" else (width, height)
    )  # rounded, inside too
    x, y = (rng.uniform(*reach, (count, 2)) * end for end in ends)
    if kind != "turned":
        x.sort(axis=1)
        y.sort(axis=1)
    regions = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)
    if seed % 3 == 0:  # ties and whole places
        regions = np.round(regions * 2) / 2
    return regions.astype(np.float32)


@st.composite
def region_cases(draw: st.DrawFn, align: bool) -> Case:
    """A few regions of one or two images; none at all, too."""
    n, c = draw(st.sampled_from((1, 2))), draw(st.sampled_from((1, 3, 17)))
    height, width = draw(st.permutations((4, 5, 7, 1)))[:2]
    count, size = draw(st.sampled_from((2, 3, 1) * 8 + (0,))), draw(st.permutations((3, 2, 1)))[:2]
    x = draw(floats((n, height, width, c), kinds=FINITE * 3 + SMALL + SPECIAL))
    kind = draw(st.sampled_from(("inside", "inside", "over") * 8 + ("away", "turned")))
    regions = fill_regions(count, height, width, kind, draw(seeds()))
    scale = draw(st.sampled_from((1.0, 0.5, float(np.float32(0.3)))))
    image = np.random.default_rng(draw(seeds())).integers(0, n, count)
    attributes = {"size": tuple(size), "scale": scale}
    regions = (regions / np.float32(scale)).astype(np.float32)
    if not align:
        rows = np.concatenate([image[:, None].astype(np.float32), regions], 1)
        return Case(roi_pool, (x, rows), attributes)
    dtype = draw(st.sampled_from((np.int64, np.int32)))
    attributes |= {
        "sampling": draw(st.integers(0, 2)),
        "half_pixel": draw(st.booleans()),
        "mode": draw(st.sampled_from(("average", "max"))),
    }
    return Case(roi_align, (x, regions, image.astype(dtype)), attributes)


CASES.of((roi_align, "f32"))(region_cases(True))
CASES.of((roi_pool, "f32"))(region_cases(False))
