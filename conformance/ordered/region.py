"""Pooling of regions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...refimpl.region import region_samples, roi_align, roi_pool
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng

CHANNELS = 64


def _regions(rng: Rng, count: int) -> F32:
    """Draw regions of an image of 9 x 9, as halves."""
    ends = np.sort(rng.uniform(-1, 10, (count, 2, 2)), axis=1)
    return ends.reshape(count, 4).astype(np.float16).astype(np.float32)


@ORDERED.of((roi_align, ""))
def of_roi_align(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Elements times the product of their two weights; the mean of their sums, or the largest of them."""
    x, regions = draw(rng, 2, 9, 9, CHANNELS), _regions(rng, rows // (6 * CHANNELS) + 1)
    image = rng.integers(0, 2, len(regions))
    options: dict[str, Any] = {
        "size": (2, 3),
        "sampling": int(rng.integers(0, 4)),
        "half_pixel": bool(rng.integers(2)),
    }
    mode = str(rng.choice(["average", "max"]))

    def compute(add: InOrder) -> F32:
        y = np.zeros((len(regions), 2, 3, CHANNELS), np.float32)
        for r, (down, across) in enumerate(region_samples(x, regions, scale=1.0, **options)):
            for i, j in np.ndindex(2, 3):
                h = np.concatenate([down.low[i], down.high[i]])
                w = np.concatenate([across.low[j], across.high[j]])
                f = np.concatenate([down.less[i], down.more[i]]).astype(np.float32)
                g = np.concatenate([across.less[j], across.more[j]]).astype(np.float32)
                if not h.size or not w.size:
                    continue
                each = x[image[r]][h][:, w].reshape(-1, CHANNELS).T
                weight = np.broadcast_to((f[:, None] * g).ravel(), each.shape)
                if mode == "max":
                    y[r, i, j] = (each * weight).max(axis=1)
                else:
                    samples = np.float32(h.size * w.size // 4)
                    y[r, i, j] = add(np.ascontiguousarray(each), weight) / samples
        return y

    case = Case(roi_align, (x, regions, image), {"mode": mode, **options})
    return Drawn(case, compute)


@ORDERED.of((roi_pool, ""))
def of_roi_pool(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """The largest element of whole regions; nothing is rounded."""
    x, regions = draw(rng, 2, 9, 9, CHANNELS), rng.integers(0, 9, (rows // CHANNELS + 1, 2, 2))
    corners = np.sort(regions, axis=1).reshape(-1, 4)
    image = rng.integers(0, 2, (len(corners), 1))

    def compute(add: InOrder) -> F32:
        boxes = zip(image[:, 0], *corners.T, strict=True)
        y = [x[n, top : below + 1, left : right + 1] for n, left, top, right, below in boxes]
        return np.stack([v.max((0, 1)) for v in y])[:, None, None]

    return Drawn(
        Case(roi_pool, (x, np.hstack([image, corners]).astype(np.float32)), {"size": (1, 1)}),
        compute,
    )
