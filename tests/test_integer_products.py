"""Products of bytes with constant weights go through the dot product, and every other way gives the same bits."""

import itertools

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import expected
from litegold.jit_kernels.conv_dot4 import DOT4
from litegold.jit_kernels.isa import HOST
from litegold.refimpl.integer_products import conv_integer, matmul_integer
from litegold.runtime import Session


def stored(rng, shape, dtype, low=None):
    info = np.iinfo(dtype)
    return rng.integers(info.min if low is None else low, info.max, shape, endpoint=True).astype(
        dtype
    )


def kernels_and_results(case):
    graph, found = case.graph(), []
    for threads in (1, 2):
        session = Session(graph, threads, fold=False, split_from=0)
        plan = session.plan(case.feeds())
        found.append(session.run(case.feeds())["y0"])
    assert found[0].tobytes() == found[1].tobytes()
    return {p.step.kernel.__name__ for p in plan.steps}, found[0]


def check(case, fast):
    kernels, got = kernels_and_results(case)
    assert np.array_equal(got, expected(case)[0]), case
    if DOT4 <= HOST:
        assert any("dot4" in name for name in kernels) == fast, kernels


KINDS = list(itertools.product((np.uint8, np.int8), repeat=2))


@pytest.mark.parametrize("kinds", KINDS, ids=lambda k: "-".join(v.__name__ for v in k))
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [((9, 7), (3, 2)), ((5, 6), (1, 1)), ((8, 8), (2, 5))])
def test_convolution(kinds, groups, shape):
    rng = np.random.default_rng(0)
    size, kernel = shape
    x = stored(rng, (2, *size, 5 * groups), kinds[0])
    w = stored(rng, (19 * groups, *kernel, 5), kinds[1])
    zeros = stored(rng, (19 * groups,), kinds[1])
    zero = np.array(33, kinds[0])
    unsigned = kinds[1] == np.uint8
    window = {"stride": (2, 1), "pad": (1, 0, 1, 2), "dilation": (1, 1)} if kernel != (1, 1) else {}
    if unsigned:  # so that the difference fits into int8
        w, zeros = (w // 2 + 64).astype(np.uint8), np.full(19 * groups, 128, np.uint8)
    else:
        zeros = np.zeros(19 * groups, np.int8)
    for shift, several in itertools.product((None, zero), (None, zeros)):
        if unsigned and several is None:
            continue
        case = Case(conv_integer, (x, w, shift, several), window, constant=frozenset({1, 2, 3}))
        check(case, fast=True)
    far = stored(rng, (19 * groups,), kinds[1])
    check(Case(conv_integer, (x, w, zero, far), window, constant=frozenset({1, 2, 3})), fast=False)
    check(Case(conv_integer, (x, w, zero, zeros), window), fast=False)


@pytest.mark.parametrize("kinds", KINDS, ids=lambda k: "-".join(v.__name__ for v in k))
@pytest.mark.parametrize("rows", [(1,), (13,), (2, 3)])
def test_matrices(kinds, rows):
    rng = np.random.default_rng(1)
    x, y = stored(rng, (*rows[:-1], rows[-1], 37), kinds[0]), stored(rng, (37, 21), kinds[1])
    shift = np.full((1, 21), 128, np.uint8) if kinds[1] == np.uint8 else np.zeros((1, 21), np.int8)
    zero = np.array(-7, np.int8).view(kinds[0])
    for constant in ({1, 2, 3}, {1, 3}):  # a zero point that the run brings
        check(
            Case(matmul_integer, (x, y, zero, shift), {}, constant=frozenset(constant)), fast=True
        )
    each = stored(rng, (rows[-1], 1), kinds[0])
    check(Case(matmul_integer, (x, y, each, shift), {}, constant=frozenset({1, 3})), fast=False)


def test_sums_wrap():
    """2**17 products of the largest numbers go round 2**32 twice."""
    k = 1 << 17
    x, y = np.full((1, k), 255, np.uint8), np.full((k, 16), 127, np.int8)
    check(Case(matmul_integer, (x, y, None, None), {}, constant=frozenset({1})), fast=True)


def test_a_filter_a_channel():
    rng = np.random.default_rng(2)
    x, w = stored(rng, (2, 7, 6, 37), np.uint8), stored(rng, (37, 3, 3, 1), np.int8)
    for zeros in (np.array(3, np.int8), stored(rng, (37,), np.int8)):
        case = Case(conv_integer, (x, w, np.array(9, np.uint8), zeros), {"pad": (1, 1, 1, 1)})
        check(case, fast=False)
        kernels, got = kernels_and_results(
            Case(conv_integer, case.args, case.attributes, constant=frozenset({1, 3}))
        )
        assert np.array_equal(got, expected(case)[0])
        assert any("by_channel" in name for name in kernels)
