"""Four layers of a transformer encoder (Vaswani et al., 2017): 128 tokens of 256 features, 4 heads, GELU."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ...ir import Graph
from ...refimpl.activation import gelu
from ...refimpl.binary import add, mul
from ...refimpl.matmul import matmul
from ...refimpl.norm import layer_norm
from ...refimpl.shape import reshape, transpose
from ...refimpl.softmax import softmax
from .table import MODELS, Layers

HEADS_FIRST: Final = (0, 2, 1, 3)
NARROWING: Final = 4  # the feed-forward layer is so much wider than the features


def _heads(net: Layers, name: str, x: str, heads: int) -> str:
    """Add a fully connected layer and cut its features into heads: (N, heads, T, D / heads)."""
    batch, tokens, features = net.types[x].shape
    x = net.dense(name, x, features, keep=True)
    shape = net.whole(f"{name}/shape", (batch, tokens, heads, features // heads))
    split = net.add(reshape, f"{name}/split", x, shape)
    return net.add(transpose, f"{name}/heads", split, net.whole(f"{name}/perm", HEADS_FIRST))


def attention(net: Layers, name: str, x: str, heads: int) -> str:
    """Add self-attention of several heads."""
    shape = net.types[x].shape
    q, k, v = (_heads(net, f"{name}/{part}", x, heads) for part in ("query", "key", "value"))
    scale = net.constant(f"{name}/scale", np.array([1 / math.sqrt(shape[2] // heads)], np.float32))
    scores = net.add(matmul, f"{name}/scores", q, k, transpose_y=True)
    weights = net.add(softmax, f"{name}/weights", net.add(mul, f"{name}/scaled", scores, scale))
    seen = net.add(matmul, f"{name}/seen", weights, v)
    together = net.add(transpose, f"{name}/tokens", seen, net.whole(f"{name}/perm", HEADS_FIRST))
    x = net.add(reshape, f"{name}/joined", together, net.whole(f"{name}/shape", shape))
    return net.dense(f"{name}/output", x, shape[2], keep=True)


def _normalized(net: Layers, name: str, x: str) -> str:
    features = net.types[x].shape[-1]
    drawn = net.random.standard_normal(features, np.float32) * np.float32(0.1)
    scale, bias = net.constant(f"{name}/scale", 1 + drawn), net.bias(f"{name}/bias", features)
    return net.add(layer_norm, name, x, scale, bias, axis=-1, epsilon=1e-5)


def encoder_layer(net: Layers, name: str, x: str, heads: int) -> str:
    """Add attention and a feed-forward layer; after each, its input is added and the sum normalized."""
    features = net.types[x].shape[-1]
    seen = attention(net, f"{name}/attention", x, heads)
    x = _normalized(net, f"{name}/norm1", net.add(add, f"{name}/add1", x, seen))
    wide = net.dense(f"{name}/wide", x, NARROWING * features, keep=True)
    y = net.dense(f"{name}/narrow", net.add(gelu, f"{name}/gelu", wide), features, keep=True)
    return _normalized(net, f"{name}/norm2", net.add(add, f"{name}/add2", x, y))


@MODELS.of("transformer4")
def transformer4(
    seed: int = 0, *, tokens: int = 128, features: int = 256, heads: int = 4, layers: int = 4
) -> Graph:
    """Build an encoder: `tokens` (1, tokens, features) to the same shape."""
    net = Layers("transformer4", seed)
    x = net.input("tokens", (1, tokens, features))
    for i in range(layers):
        x = encoder_layer(net, f"layer{i}", x, heads)
    return net.graph(x)
