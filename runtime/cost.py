"""A guess at how long a step takes, good enough to say whether sharing it among threads pays."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..ir import Node, TensorType
from ..jit_kernels.lowering import Operand, Step
from ..passes.chain import CHANNEL_AXIS
from ..refimpl.fused import fused

BYTES = 16.0  # read and written in a nanosecond, by one thread out of the caches
MOVED = 32.0  # the same where nothing is computed
PRODUCTS = 64.0  # multiplied and added in a nanosecond, at best
WORTH = 1500.0  # nanoseconds from which a step is shared: handing it over costs some 300


def nanoseconds(node: Node, step: Step, types: Mapping[str, TensorType]) -> float:
    """Return the longer of the times for its memory and for its products; scratch memory does not count.

    What moves numbers reads of each tensor no more than it writes: of a table that rows are gathered from these rows.
    """
    operands = {a.name: a for a in step.arguments if isinstance(a, Operand)}
    written = sum(types[n].nbytes for n in node.outputs)
    most = written if node.op.moves else math.inf
    nbytes = sum(min(a.type.nbytes, most) for a in operands.values() if a.name in types)
    return max(nbytes / (MOVED if node.op.moves else BYTES), _products(node, types) / PRODUCTS)


def _products(node: Node, types: Mapping[str, TensorType]) -> float:
    """Return how many products a convolution or fully connected layer sums up."""
    head = node.attributes["body"].nodes[0] if node.op is fused else node
    w = types.get(head.inputs[1] or "") if head.op in CHANNEL_AXIS else None
    if w is None:
        return 0.0
    return types[node.outputs[0]].size * math.prod(w.shape) / w.shape[CHANNEL_AXIS[head.op]]
