"""MobileNetV1 and V2 (Howard et al., 2017; Sandler et al., 2018): 224x224, width 1.0."""

from __future__ import annotations

from typing import Final

from ...ir import Graph
from ...refimpl.binary import add
from .table import MODELS, Layers

# (filters, stride) of each pair of a depthwise and a 1x1 convolution.
V1: Final = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
# (kernel, expansion, filters, repetitions, stride of the first).
V2: Final = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (3, 6, 32, 3, 2),
    (3, 6, 64, 4, 2),
    (3, 6, 96, 3, 1),
    (3, 6, 160, 3, 2),
    (3, 6, 320, 1, 1),
)
# A sum of two branches has the energy of both: later blocks would see ever larger numbers.
BRANCH_GAIN: Final = 0.25


@MODELS.of("mobilenet_v1")
def mobilenet_v1(seed: int = 0, *, size: int = 224, classes: int = 1000) -> Graph:
    """Build MobileNetV1: `image` (1, size, size, 3) to `classes` probabilities."""
    net = Layers("mobilenet_v1", seed)
    x = net.conv("stem", net.input("image", (1, size, size, 3)), 32, 3, 2, "relu6")
    for i, (filters, stride) in enumerate(V1):
        x = net.depthwise(f"block{i}/depthwise", x, 3, stride, "relu6")
        x = net.conv(f"block{i}/pointwise", x, filters, activation="relu6")
    return net.classes(net.pixel_mean("pooled", x), classes)


def inverted_residual(
    net: Layers, name: str, x: str, kernel: int, expansion: int, filters: int, stride: int
) -> str:
    """Add a block: widen, convolve each channel, narrow without activation, and add the input where that fits."""
    channels, y = net.types[x].shape[3], x
    if expansion > 1:
        y = net.conv(f"{name}/expand", y, channels * expansion, activation="relu6")
    y = net.depthwise(f"{name}/depthwise", y, kernel, stride, "relu6")
    if stride == 1 and channels == filters:
        y = net.conv(f"{name}/project", y, filters, gain=BRANCH_GAIN)
        return net.add(add, f"{name}/add", y, x)
    return net.conv(f"{name}/project", y, filters)


def inverted_residuals(net: Layers, x: str, stages: tuple[tuple[int, ...], ...]) -> str:
    """Add stages of blocks: (kernel, expansion, filters, repetitions, stride of the first)."""
    for s, (kernel, expansion, filters, repetitions, stride) in enumerate(stages):
        for r in range(repetitions):
            name = f"stage{s}/block{r}"
            x = inverted_residual(net, name, x, kernel, expansion, filters, 1 if r else stride)
    return x


@MODELS.of("mobilenet_v2")
def mobilenet_v2(seed: int = 0, *, size: int = 224, classes: int = 1000) -> Graph:
    """Build MobileNetV2: `image` (1, size, size, 3) to `classes` probabilities."""
    net = Layers("mobilenet_v2", seed)
    x = net.conv("stem", net.input("image", (1, size, size, 3)), 32, 3, 2, "relu6")
    x = net.conv("head", inverted_residuals(net, x, V2), 1280, activation="relu6")
    return net.classes(net.pixel_mean("pooled", x), classes)
