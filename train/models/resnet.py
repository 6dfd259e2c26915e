"""ResNet-18 and ResNet-50 (He et al., 2015): 224x224; the stride of a bottleneck is in its 3x3 convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...ir import Graph
from ...refimpl.binary import add
from .table import MODELS, Layers

STAGES: Final = ((64, 1), (128, 2), (256, 2), (512, 2))  # width, stride of the first block
# A sum of two branches has the energy of both: later blocks would see ever larger numbers.
BRANCH_GAIN: Final = 0.25

Block = Callable[[Layers, str, str, int, int], str]


def _sum(net: Layers, name: str, x: str, y: str, stride: int) -> str:
    """Add the input of a block to what came of it; a 1x1 convolution makes their shapes the same."""
    channels = net.types[y].shape[3]
    if net.types[x].shape != net.types[y].shape:
        x = net.conv(f"{name}/shortcut", x, channels, 1, stride)
    return net.add(add, f"{name}/add", y, x, activation="relu")


def basic(net: Layers, name: str, x: str, width: int, stride: int) -> str:
    """Add a block of two 3x3 convolutions."""
    y = net.conv(f"{name}/conv1", x, width, 3, stride, "relu")
    return _sum(net, name, x, net.conv(f"{name}/conv2", y, width, 3, gain=BRANCH_GAIN), stride)


def bottleneck(net: Layers, name: str, x: str, width: int, stride: int) -> str:
    """Add a block that narrows, convolves 3x3 and widens fourfold."""
    y = net.conv(f"{name}/conv1", x, width, activation="relu")
    y = net.conv(f"{name}/conv2", y, width, 3, stride, "relu")
    return _sum(net, name, x, net.conv(f"{name}/conv3", y, 4 * width, gain=BRANCH_GAIN), stride)


def _resnet(net: Layers, block: Block, counts: tuple[int, ...], size: int, classes: int) -> Graph:
    x = net.conv("stem", net.input("image", (1, size, size, 3)), 64, 7, 2, "relu")
    x = net.max_pool("pool", x, 3, 2, same=True)
    for s, ((width, stride), count) in enumerate(zip(STAGES, counts, strict=True)):
        for i in range(count):
            x = block(net, f"stage{s}/block{i}", x, width, 1 if i else stride)
    return net.classes(net.pixel_mean("pooled", x), classes)


@MODELS.of("resnet18")
def resnet18(seed: int = 0, *, size: int = 224, classes: int = 1000) -> Graph:
    """Build ResNet-18: `image` (1, size, size, 3) to `classes` probabilities."""
    return _resnet(Layers("resnet18", seed), basic, (2, 2, 2, 2), size, classes)


@MODELS.of("resnet50")
def resnet50(seed: int = 0, *, size: int = 224, classes: int = 1000) -> Graph:
    """Build ResNet-50: `image` (1, size, size, 3) to `classes` probabilities."""
    return _resnet(Layers("resnet50", seed), bottleneck, (3, 4, 6, 3), size, classes)
