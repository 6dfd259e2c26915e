"""Winograd convolutions: the transforms, each variant around the edges of patches, and the bound that judges them."""

from __future__ import annotations

import dataclasses
import functools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.envelopes.winograd import absolute_sums, roundings
from litegold.conformance.judge import judge_case
from litegold.conformance.strategies.draw import FINITE, SMALL, SPECIAL, fill_floats
from litegold.ir import Graph, Node, Op, TensorType
from litegold.jit_kernels import winograd
from litegold.jit_kernels.lowering import CPU, Lowering
from litegold.jit_kernels.winograd_transforms import F, real
from litegold.refimpl.activation import activate
from litegold.refimpl.conv import conv2d, conv2d_sums
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

KEY = conv2d, "f32"
FAST = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    database=None,
)
VARIANTS = pytest.mark.parametrize("m", F)


def forced(m: int) -> tuple[Lowering, ...]:
    """Return one variant in place of the choice; it still refuses what it cannot do."""
    build = functools.partial(winograd.lower_winograd, m)
    return (Lowering(build, winograd.takes), *CPU[KEY])


@pytest.fixture
def force(monkeypatch):
    _ = len(CPU)
    return lambda m: monkeypatch.setitem(CPU._table, KEY, forced(m))


def assert_right(case: Case, m: int = 0) -> np.ndarray:
    """The envelope of the algorithm holds, and two threads give the same bits."""
    runs = []
    for threads in (1, 2):
        session = Session(case.graph(), threads, split_from=0)
        runs.append(*session.run(case.feeds()).values())
        algorithms = session.algorithms(case.feeds())
        assert not m or algorithms == {"y0": f"winograd{m}"}
    verdict = judge_case(case, runs[:1], algorithms=algorithms)
    assert verdict, verdict.reason
    assert runs[0].tobytes() == runs[1].tobytes()
    return runs[0]


@VARIANTS
@given(st.data())
def test_matrices_are_exact(m, data):
    """A' [(G w G') . (B' x B)] A is the convolution, in Fractions."""
    f = F[m]
    whole = st.integers(-9, 9)
    w = [data.draw(st.tuples(*[whole] * 3)) for _ in range(3)]
    x = [data.draw(st.tuples(*[whole] * f.t)) for _ in range(f.t)]

    def times(a, b):
        return [
            [sum((p * q for p, q in zip(row, col, strict=True)), Fraction(0)) for col in zip(*b, strict=True)]
            for row in a
        ]  # fmt: skip

    def turned(a):
        return list(zip(*a, strict=True))

    u = times(times(f.g, w), turned(f.g))
    v = times(times(f.bt, x), turned(f.bt))
    product = [[a * b for a, b in zip(p, q, strict=True)] for p, q in zip(u, v, strict=True)]
    y = times(times(f.at, product), turned(f.at))
    for i in range(m):
        for j in range(m):
            assert y[i][j] == sum(w[p][q] * x[i + p][j + q] for p in range(3) for q in range(3))


SIZES = st.integers(1, 15)
CHANNELS = st.sampled_from((1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65))


@st.composite
def cases(draw: st.DrawFn, kinds: tuple[str, ...]) -> Case:
    """Images of any size and padding that hold a window; weights always finite and known."""
    pad = draw(st.tuples(*[st.integers(0, 3)] * 4))
    rows = max(draw(SIZES), 3 - pad[0] - pad[1])
    columns = max(draw(SIZES), 3 - pad[2] - pad[3])
    c, n, seed = draw(CHANNELS), draw(CHANNELS), draw(st.integers(0, 2**31))
    x = fill_floats((draw(st.integers(1, 3)), rows, columns, c), draw(st.sampled_from(kinds)), seed)
    w = fill_floats((n, 3, 3, c), draw(st.sampled_from(FINITE)), seed + 1)
    b = fill_floats((n,), draw(st.sampled_from(kinds)), seed + 2) if draw(st.booleans()) else None
    activation = draw(st.sampled_from(("none", "relu", "relu6")))
    attributes = {"pad": pad, "activation": activation}
    return Case(conv2d, (x, w, b), attributes, constant=frozenset((1, 2)))


@VARIANTS
def test_shapes_around_patches(m, force):
    force(m)

    @FAST
    @given(case=cases(FINITE))
    def holds(case):
        assert_right(case, m)

    holds()


@VARIANTS
def test_values_that_are_not_finite_stay_where_they_belong(m, force):
    force(m)

    @FAST
    @given(case=cases(SMALL + SPECIAL))
    def holds(case):
        assert_right(case, m)

    holds()


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@VARIANTS
def test_an_infinity_reaches_the_outputs_that_see_it(m, force):
    """Beside the judge: nothing else of the patch is lost, and the largest numbers do not overflow on the way."""
    force(m)
    x, w = drawn(1, 13, 13, 20), np.abs(drawn(40, 3, 3, 20, seed=1)) + 1
    x[0, 6, 7, 3] = np.inf
    y = assert_right(Case(conv2d, (x, w), {"pad": (1, 1, 1, 1)}, constant=frozenset((1,))), m)
    seen = np.zeros((13, 13), bool)
    seen[5:8, 6:9] = True
    assert (np.isposinf(y).all(axis=3)[0] == seen).all()
    assert (np.isfinite(y).all(axis=3)[0] == ~seen).all()
    x[:] = 0
    x[0, 6, 7] = 3e38
    w[:] = 1 / 32
    y = assert_right(Case(conv2d, (x, w), {"pad": (1, 1, 1, 1)}, constant=frozenset((1,))), m)
    assert np.isfinite(y).all() and y.max() > 1.8e38


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_weights_that_transforms_would_spoil_are_refused(value, force):
    x, w = drawn(1, 8, 8, 16), drawn(32, 3, 3, 16, seed=1)
    w[3, 1, 1, 2] = value
    force(4)
    case = Case(conv2d, (x, w), {"pad": (1, 1, 1, 1)}, constant=frozenset((1,)))
    assert not Session(case.graph()).algorithms(case.feeds())
    assert_right(case)


def _with_residual(x, w, b, r):
    return activate(
        conv2d(x, w, b, pad=(1, 1, 1, 1)).astype(np.float64) + r, "relu"
    ).astype(np.float32)  # fmt: skip


@VARIANTS
@pytest.mark.parametrize("shape", [(2, 12, 12, 32), (1, 7, 9, 21)])
def test_a_residual_is_added_before_the_activation(m, shape, monkeypatch):
    """What a pass fuses: no file says it, so an operator of this test alone does."""
    op = Op(_with_residual, lambda x, w, b, r: r.like(r.shape), "any", (), 0, False)

    def lower(site):
        attributes = {**conv2d.attributes, "pad": (1, 1, 1, 1), "activation": "relu"}
        inner = dataclasses.replace(
            site, inputs=site.inputs[:3], attributes=attributes, residual=site.inputs[3]
        )
        return winograd.lower_winograd(m, inner)

    _ = len(CPU)
    monkeypatch.setitem(CPU._table, (op, "f32"), (Lowering(lower),))
    x, w, b, r = (
        drawn(*shape[:3], 19),
        drawn(shape[3], 3, 3, 19, seed=1),
        drawn(shape[3], seed=2),
        drawn(*shape),
    )
    r[0, 2, 3, 4] = np.nan
    names = ("x", "w", "b", "r")
    graph = Graph(
        (Node(op, names, ("y",), {}, name="sum"),), ("x", "r"), ("y",),
        {**{k: TensorType(a.shape) for k, a in zip(names, (x, w, b, r), strict=True)}, "y": TensorType(shape)},
        constants={"w": w, "b": b},
    )  # fmt: skip
    got = [Session(graph, t, split_from=0).run({"x": x, "r": r})["y"] for t in (1, 2)]
    assert got[0].tobytes() == got[1].tobytes()
    want = _with_residual(x, w, b, r)
    pad, f = (1, 1, 1, 1), F[m]
    size = absolute_sums(np.abs(x).astype(float), np.abs(w).astype(float), pad, f) + abs(b) + abs(r)
    bound = roundings(f, 19) * 2.0**-23 * size
    wrong = np.isnan(want)
    assert wrong.sum() == 1 and (np.isnan(got[0]) == wrong).all()
    assert (np.abs(got[0] - want) <= bound)[~wrong].all()


def in_float32(x, w, f, g=None, bt=None, at=None):
    """Compute single patches in float32 with NumPy: x (N, t, t, C), w (O, 3, 3, C) -> (N, m, m, O)."""
    g, bt, at = (
        real(mine) if other is None else other for mine, other in ((f.g, g), (f.bt, bt), (f.at, at))
    )
    u = np.einsum("ip,opqc,jq->ijco", g, w.astype(float), g).astype(np.float32)
    bt, at = bt.astype(np.float32), at.astype(np.float32)
    v = bt @ x.transpose(0, 3, 1, 2) @ bt.T
    products = np.einsum("ncij,ijco->noij", v, u)
    return (at @ products @ at.T).transpose(0, 2, 3, 1)


def judged(f, x, w, **matrices):
    """Judge single patches by the envelope of their algorithm."""
    case = Case(conv2d, (x, w), constant=frozenset((1,)))
    algorithm = {"y0": f"winograd{f.m}"}
    return judge_case(case, [in_float32(x, w, f, **matrices)], algorithms=algorithm)


@VARIANTS
@pytest.mark.parametrize(("channels", "part"), [(1, 500), (40, 20)])
def test_one_wrong_coefficient_is_seen(m, channels, part):
    """Each nonzero entry of a matrix in turn, off by one part in so many."""
    f = F[m]
    x, w = drawn(6, f.t, f.t, channels), drawn(3, 3, 3, channels, seed=1)
    assert judged(f, x, w)
    for name in ("g", "bt", "at"):
        matrix = real(getattr(f, name))
        for at in np.argwhere(matrix):
            wrong = matrix.copy()
            wrong[*at] *= 1 + 1 / part
            assert not judged(f, x, w, **{name: wrong}), f"{name}{at}"


@VARIANTS
def test_the_bound_is_reached_in_part(m):
    """Some input loses an eighth of a rounding of the sum that the bound multiplies: no term of it is idle."""
    f, pad, most = F[m], (0, 0, 0, 0), 0.0
    rng = np.random.default_rng(m)
    w = rng.uniform(1, 2, (40, 3, 3, 1)).astype(np.float32)
    for _ in range(20):
        # Inputs and weights whose terms all add up in the transforms, of full mantissas.
        signs = np.sign(real(f.bt))[rng.integers(0, f.t, 2)]
        x = (signs[0][:, None] * signs[1] * rng.uniform(1, 2, (50, f.t, f.t)))[..., None].astype(
            np.float32
        )
        size = absolute_sums(np.abs(x).astype(float), w.astype(float), pad, f)
        exact = conv2d_sums(x.astype(float), w.astype(float))
        most = max(most, (np.abs(in_float32(x, w, f) - exact) / size).max() / 2.0**-24)
    assert 1 / 8 < most < roundings(f, 1)
