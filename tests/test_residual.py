"""A tensor that is added to a product's sum before its activation: what a fusion hands to the lowering."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.envelopes.matmul import magnitude, sum_of_products, with_bias
from litegold.jit_kernels.lowering import Operand
from litegold.refimpl.conv import conv2d, conv2d_sums
from litegold.refimpl.matmul import fully_connected, fully_connected_sums
from litegold.runtime import Session, plan

pytestmark = pytest.mark.slow  # not in make quick


def run(case: Case, r: np.ndarray, monkeypatch: pytest.MonkeyPatch, threads: int) -> np.ndarray:
    """Run the case's plan as if a pass had given its node the residual `r`."""
    graph = case.graph()
    graph = replace(
        graph, inputs=(*graph.inputs, "r"), tensors={**graph.tensors, "r": graph.tensors["y0"]}
    )
    plain = plan._site

    def site(*arguments):
        made = plain(*arguments)
        made.residual = Operand("r", made.outputs[0].type)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(plan, "_site", site)
        (y,) = Session(graph, threads=threads, split_from=0).run({**case.feeds(), "r": r}).values()
    return y


def assert_within(case: Case, sums, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum has one term more than the envelope's, and one and two threads the same bits."""
    x, w, b = case.args
    attributes = {k: v for k, v in case.attributes.items() if k != "activation"}
    (out,) = case.out
    r = np.random.default_rng(3).standard_normal(out.shape).astype(np.float32)
    exact = sums(x.astype(np.float64), w.astype(np.float64), **attributes) + b + r
    terms = sums(magnitude(x), magnitude(w), **attributes)
    bound = sum_of_products(with_bias(terms, b) + magnitude(r), w[0].size + 2)
    alone, together = (run(case, r, monkeypatch, threads) for threads in (1, 2))
    assert (np.abs(alone - np.maximum(exact, 0)) <= bound).all()
    assert alone.tobytes() == together.tobytes()


CONVOLUTIONS = [
    # images, kernel, filters, groups, stride, pad, are the weights known
    ((1, 7, 9, 20), (1, 1), 37, 1, 1, 0, True),
    ((2, 5, 6, 16), (3, 3), 24, 1, 1, 1, True),
    ((1, 9, 8, 12), (3, 3), 42, 3, 2, 1, True),
    ((1, 6, 6, 5), (1, 1), 33, 1, 2, 0, True),
    ((1, 1, 1, 40), (1, 1), 50, 1, 1, 0, True),
    ((1, 6, 5, 4), (3, 2), 18, 1, 1, 1, False),  # padding beside weights that are fed: plain loops
]


@pytest.mark.parametrize("images, kernel, filters, groups, stride, pad, known", CONVOLUTIONS)
def test_convolution(images, kernel, filters, groups, stride, pad, known, monkeypatch):
    rng = np.random.default_rng(filters)
    shape = (filters, *kernel, images[3] // groups)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in (images, shape, filters))
    attributes = {"stride": (stride,) * 2, "pad": (pad,) * 4, "activation": "relu"}
    constant = frozenset((1, 2)) if known else frozenset[int]()
    assert_within(Case(conv2d, (x, w, b), attributes, constant=constant), conv2d_sums, monkeypatch)


@pytest.mark.parametrize("m", [1, 3, 29])
def test_fully_connected(m, monkeypatch):
    rng = np.random.default_rng(m)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, 31), (71, 31), 71))
    case = Case(fully_connected, (x, w, b), {"activation": "relu"}, constant=frozenset((1, 2)))
    assert_within(case, lambda x, w, **_: fully_connected_sums(x, w, False), monkeypatch)
