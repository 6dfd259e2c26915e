"""What recurrent layers must keep beside agreeing with their oracles: states carry on, bounds stay finite."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litegold.conformance.case import Case
from litegold.conformance.exact.lstm_int8 import sigmoid16, tanh16
from litegold.conformance.exact.norm import inverse_root
from litegold.conformance.judge import expected, judge, judge_case
from litegold.conformance.tables import CASES, ENVELOPE
from litegold.quant.gates import sigmoid_table, tanh_table
from litegold.quant.norm import inverse_sqrt_multiplier
from litegold.refimpl.recurrent import lstm
from litegold.runtime import Session

RAW = [*range(-32768, 32768, 37), -1, 0, 1, 32767]


def test_sigmoid_of_int16_is_the_oracles():
    assert [int(sigmoid_table()[x + 32768]) for x in RAW] == [sigmoid16(x) for x in RAW]


@pytest.mark.parametrize("bits", range(7))
def test_tanh_of_int16_is_the_oracles(bits):
    assert [int(tanh_table(bits)[x + 32768]) for x in RAW] == [tanh16(x, bits) for x in RAW]


@given(x=st.integers(0, 2**31 - 1))
def test_inverse_square_root_is_the_oracles(x):
    mantissa, exponent = inverse_sqrt_multiplier(np.array([x]))
    assert (int(mantissa[0]), int(exponent[0])) == inverse_root(x)


@pytest.mark.parametrize("form", ["f32", "s8"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_frames_one_by_one_are_the_sequence(form, data):
    case = data.draw(CASES[lstm, form])
    whole = expected(case)
    axis = 0 if case.attributes["time_major"] else 1
    args, outputs = list(case.args), []
    for frame in np.split(case.args[0], case.args[0].shape[axis], axis):
        args[0] = frame
        y, args[10], args[11] = expected(replace(case, args=tuple(args)))
        outputs.append(y)
    got = (np.concatenate(outputs, axis), args[10], args[11])
    bounds = ENVELOPE[lstm](*case.args, **case.attributes) if form == "f32" else (0.0, 0.0, 0.0)
    for g, w, bound in zip(got, whole, bounds, strict=True):
        assert judge(g, w, bound)


def test_the_bound_of_a_long_sequence_means_something():
    rng = np.random.default_rng(0)
    cells, depth = 20, 28
    shapes = [(cells, depth)] * 3 + [(cells, cells)] * 3 + [(cells,)] * 3
    weights = [rng.uniform(-0.5, 0.5, s).astype(np.float32) for s in shapes]
    more = [rng.uniform(-0.5, 0.5, s).astype(np.float32) for s in (shapes[0], shapes[3], shapes[6])]
    x = rng.uniform(0, 1, (1, 28, depth)).astype(np.float32)
    states = np.zeros((1, cells), np.float32), np.zeros((1, cells), np.float32)
    args = (x, *weights, *states, *more)
    y, _, _ = lstm(*args)
    bound, _, _ = ENVELOPE[lstm](*args)
    assert bound.max() < np.abs(y).max() / 100


def plain_lstm(cells: int, depth: int, batch: int, *, time_major: bool, clip: float) -> Case:
    """Four gates without anything more: the form that has a tile of its own."""
    rng = np.random.default_rng(cells)
    scale = {"w": depth**-0.5, "r": cells**-0.5, "b": 1.0}
    shapes = {"w": (cells, depth), "r": (cells, cells), "b": (cells,)}
    drawn = {
        kind + gate: (3 * scale[kind] * rng.standard_normal(shapes[kind])).astype(np.float32)
        for kind in "wrb"
        for gate in "ifco"
    }
    x = rng.standard_normal((5, batch, depth) if time_major else (batch, 5, depth))
    states = (rng.uniform(-1, 1, (batch, cells)).astype(np.float32) for _ in range(2))
    given = {"x": x.astype(np.float32), **drawn}
    given |= dict(zip(("output_state", "cell_state"), states, strict=True))
    args = tuple(given.get(name) for name in lstm.inputs)
    known = frozenset(i for i, name in enumerate(lstm.inputs) if name in drawn)
    return Case(lstm, args, {"time_major": time_major, "cell_clip": clip}, constant=known)


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("clip", [0.0, 0.75])
@pytest.mark.parametrize("cells, depth, batch", [(1, 3, 1), (16, 7, 2), (33, 20, 1), (70, 5, 3)])
def test_the_plain_tile(cells, depth, batch, clip, time_major):
    case = plain_lstm(cells, depth, batch, time_major=time_major, clip=clip)
    alone, together = (
        [*Session(case.graph(), threads=n, split_from=0).run(case.feeds()).values()] for n in (1, 2)
    )
    verdict = judge_case(case, tuple(alone))
    assert verdict, verdict.reason
    for a, b in zip(alone, together, strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_plain_tile_keeps_what_is_no_number():
    case = plain_lstm(20, 4, 1, time_major=False, clip=0.0)
    case.args[0][0, 2, 1] = np.nan
    y, h, c = Session(case.graph()).run(case.feeds()).values()
    assert np.isnan(y[0, 2:]).all() and np.isfinite(y[0, :2]).all()
    assert np.isnan(h).all() and np.isnan(c).all()
