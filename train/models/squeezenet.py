"""SqueezeNet 1.1 (Iandola et al., 2016): 224x224, its last convolution gives the scores."""

from __future__ import annotations

from typing import Final

from ...ir import Graph
from ...refimpl.join import concat
from ...refimpl.softmax import softmax
from .table import MODELS, Layers

# (narrow, wide) of the fire modules; a maximum over windows stands before 1, 3 and 5 of them.
FIRES: Final = (
    (16, 64),
    (16, 64),
    (32, 128),
    (32, 128),
    (48, 192),
    (48, 192),
    (64, 256),
    (64, 256),
)
POOLED_BEFORE: Final = (0, 2, 4)


def fire(net: Layers, name: str, x: str, narrow: int, wide: int) -> str:
    """Add a module: narrow, then widen by 1x1 and by 3x3 side by side."""
    x = net.conv(f"{name}/squeeze", x, narrow, activation="relu")
    pixels = net.conv(f"{name}/expand1", x, wide, 1, activation="relu")
    windows = net.conv(f"{name}/expand3", x, wide, 3, activation="relu")
    return net.add(concat, f"{name}/concat", pixels, windows, axis=3)


@MODELS.of("squeezenet1_1")
def squeezenet(seed: int = 0, *, size: int = 224, classes: int = 1000) -> Graph:
    """Build SqueezeNet 1.1: `image` (1, size, size, 3) to `classes` probabilities."""
    net = Layers("squeezenet1_1", seed)
    x = net.conv("stem", net.input("image", (1, size, size, 3)), 64, 3, 2, "relu", same=False)
    for i, (narrow, wide) in enumerate(FIRES):
        if i in POOLED_BEFORE:
            x = net.max_pool(f"pool{i}", x, 3, 2)
        x = fire(net, f"fire{i}", x, narrow, wide)
    x = net.pixel_mean("scores", net.conv("classifier", x, classes, activation="relu"))
    return net.graph(net.add(softmax, "probabilities", x))
