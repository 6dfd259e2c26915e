"""Two layers of long short-term memory: 64 frames of 128 features, 256 cells a layer."""

from __future__ import annotations

import numpy as np

from ...ir import Graph
from ...refimpl.recurrent import lstm
from .table import MODELS, PLAIN_GAIN, Layers

GATES = "fcoi"


def lstm_layer(net: Layers, name: str, x: str, cells: int) -> str:
    """Add a layer that starts from zeros: (N, T, D) to (N, T, cells)."""
    batch, _, features = net.types[x].shape
    weights = {
        g: net.weights(f"{name}/w{g}", (cells, features), features, PLAIN_GAIN) for g in GATES
    }
    again = {g: net.weights(f"{name}/r{g}", (cells, cells), cells, PLAIN_GAIN) for g in GATES}
    bias = {g: net.bias(f"{name}/b{g}", cells) for g in GATES}
    zeros = net.constant(f"{name}/zeros", np.zeros((batch, cells), np.float32))
    three = [table[g] for table in (weights, again, bias) for g in "fco"]
    return net.add(lstm, name, x, *three, zeros, zeros, weights["i"], again["i"], bias["i"])


@MODELS.of("lstm2")
def lstm2(seed: int = 0, *, frames: int = 64, features: int = 128, cells: int = 256) -> Graph:
    """Build two LSTM layers: `sequence` (1, frames, features) to (1, frames, cells)."""
    net = Layers("lstm2", seed)
    x = net.input("sequence", (1, frames, features))
    for i in (0, 1):
        x = lstm_layer(net, f"layer{i}", x, cells)
    return net.graph(x)
