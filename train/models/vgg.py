"""VGG-small: six 3x3 convolutions over 32x32 pictures, as low-bit networks are measured with."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...ir import Graph
from ...refimpl.shape import reshape
from .table import MODELS, Layers

WIDTHS: Final = (128, 256, 512)  # two convolutions each, then a maximum over 2x2


@MODELS.of("vgg_small")
def vgg_small(seed: int = 0, *, size: int = 32, classes: int = 10) -> Graph:
    """Build VGG-small: `image` (1, size, size, 3) to `classes` probabilities."""
    net = Layers("vgg_small", seed)
    x = net.input("image", (1, size, size, 3))
    for i, width in enumerate(WIDTHS):
        for j in (0, 1):
            x = net.conv(f"conv{i}.{j}", x, width, 3, activation="relu")
        x = net.max_pool(f"pool{i}", x, 2, 2)
    count = int(np.prod(net.types[x].shape))
    return net.classes(net.add(reshape, "flat", x, net.whole("flat/shape", (1, count))), classes)
