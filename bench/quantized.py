"""A float32 network as an 8-bit one, to be timed: ranges come from a few runs on drawn inputs, nothing is tuned.

How accurate the result is does not matter here, but that its kernels do the work that a network has: its values use
the range that they have.
"""

from __future__ import annotations

from litegold.conformance.inputs import random_feeds
from litegold.ir import Graph
from litegold.quant.calibration import observe
from litegold.quant.post_training import quantize_graph
from litegold.runtime.session import Session

BATCHES = 3


def quantized(graph: Graph, seed: int = 0) -> Graph:
    """Return the full-integer network; the plan finds the ranges."""
    session = Session(graph, reuse=False, fuse=False)
    feeds = [random_feeds(graph, seed + i) for i in range(BATCHES)]
    return quantize_graph(graph, observe(graph, lambda _, f: session.run_all(f), feeds))
