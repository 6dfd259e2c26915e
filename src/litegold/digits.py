"""The demonstration's network: scikit-learn's handwritten digits, learned in a second.

The filters are the centres of k-means over contrast-normalised 3x3 patches (Coates, Lee and Ng,
"An analysis of single-layer networks in unsupervised feature learning", 2011), the head is a ridge regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ir import Array, Graph
from .runtime.session import Session
from .train.models.digits import filter_features, with_head

FILTERS, RIDGE, TRAINING = 32, 10.0, 1200


@dataclass(frozen=True)
class Digits:
    """A trained graph, and the samples it has not seen: pictures (N, 8, 8, 1) in 0..1, classes (N,)."""

    graph: Graph
    pictures: Array
    classes: Array


def train(seed: int = 0) -> Digits:
    """Learn the network from the first 1,200 digits; the other 597 are for testing."""
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_digits
    from sklearn.linear_model import Ridge

    data = load_digits()
    pictures = (data.images / 16).astype(np.float32)[..., None]
    training = pictures[:TRAINING]
    windows = np.lib.stride_tricks.sliding_window_view(training[..., 0], (3, 3), axis=(1, 2))
    patches = windows.reshape(-1, 9)
    patches = patches[patches.std(axis=1) > 0.05]
    patches = patches - patches.mean(axis=1, keepdims=True)
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    centres = KMeans(FILTERS, n_init=1, random_state=seed).fit(patches).cluster_centers_
    filters = centres.reshape(FILTERS, 3, 3, 1).astype(np.float32)
    features = filter_features(filters, np.full(FILTERS, -0.2, np.float32), 8)
    session = Session(features)
    rows = np.concatenate([session.run({"pixels": p[None]})["features"] for p in training])
    head = Ridge(RIDGE).fit(rows, np.eye(10)[data.target[:TRAINING]])
    graph = with_head(features, head.coef_.astype(np.float32), head.intercept_.astype(np.float32))
    return Digits(graph, pictures[TRAINING:], data.target[TRAINING:])
