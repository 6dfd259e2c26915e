"""EfficientNet-Lite0 (Tan and Le, 2019; Lite: no squeeze-and-excitation, ReLU6): 224x224."""

from __future__ import annotations

from typing import Final

from ...ir import Graph
from .mobilenet import inverted_residuals
from .table import MODELS, Layers

# (kernel, expansion, filters, repetitions, stride of the first).
LITE0: Final = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)


@MODELS.of("efficientnet_lite0")
def efficientnet_lite0(seed: int = 0, *, size: int = 224, classes: int = 1000) -> Graph:
    """Build EfficientNet-Lite0: `image` (1, size, size, 3) to `classes` probabilities."""
    net = Layers("efficientnet_lite0", seed)
    x = net.conv("stem", net.input("image", (1, size, size, 3)), 32, 3, 2, "relu6")
    x = net.conv("head", inverted_residuals(net, x, LITE0), 1280, activation="relu6")
    return net.classes(net.pixel_mean("pooled", x), classes)
