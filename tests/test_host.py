"""Operators that run in Python: the reference against the exact oracle, and sessions against the interpreter."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.judge import judge_value
from litegold.conformance.second import exact_host
from litegold.conformance.tables import HOST_CASES, HOST_EXACT
from litegold.ir import OPS, ConstraintError, Graph, load_all
from litegold.refimpl import control
from litegold.runtime import Session
from litegold.runtime.interpreter import interpret

load_all("litegold.refimpl")
HOST = sorted((op for op in OPS.values() if op.host), key=lambda op: op.__name__)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def check(case):
    graph, feeds = case.graph(), case.feeds()
    values = interpret(graph, feeds)
    session = Session(graph)
    for wants, what in ((exact_host(case), "exact"), (values, "once"), (values, "again")):
        got = values if what == "exact" else session.run(feeds)
        wanted = wants if what == "exact" else [wants[n] for n in graph.outputs]
        for name, want in zip(graph.outputs, wanted, strict=True):
            verdict = judge_value(got[name], want)
            assert verdict, f"{what} {name}: {verdict.reason}\n{case}"


@pytest.mark.parametrize("op", HOST, ids=lambda op: op.__name__)
def test_operator_has_everything(op):
    assert op in HOST_CASES and op in HOST_EXACT


@pytest.mark.parametrize("op", HOST, ids=lambda op: op.__name__)
@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_reference_session_and_exact_oracle_agree(op, data):
    check(data.draw(HOST_CASES[op]))


@pytest.mark.long
@pytest.mark.parametrize("op", HOST, ids=lambda op: op.__name__)
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_they_agree_on_many_cases(op, data):
    check(data.draw(HOST_CASES[op]))


EMPTY = Graph((), ("x",), ("x",), {})
X = np.ones(9)
STACKS = Graph((), ("i", "go", "x"), ("go", "x", "x"), {})
FOREVER = Graph((), ("i", "go"), ("go",), {})
ONE = {"axes": (0, 0), "backward": (False,) * 2, "out_axes": (), "out_backward": ()}


@pytest.mark.parametrize(
    ("label", "op", "args", "attributes"),
    [
        ("C1", control.if_else, [np.ones(2, bool), 1], {"then": EMPTY, "otherwise": EMPTY}),
        ("C1", control.loop, [None, np.ones(2, bool)], {"body": FOREVER, "carried": 0}),
        ("C2", control.loop, [None, None], {"body": FOREVER, "carried": 0}),
        ("C3", control.loop, [np.int64(99), None, X], {"body": STACKS, "carried": 1}),
        (
            "C1",
            control.while_loop,
            [np.ones(2)],
            {"condition": EMPTY, "body": EMPTY, "carried": 1},
        ),
        (
            "C2",
            control.while_loop,
            [np.ones(1)],
            {"condition": EMPTY, "body": EMPTY, "carried": 1},
        ),
        (
            "C1",
            control.scan,
            [np.ones(2), np.ones(3)],
            {"body": EMPTY, "carried": 0, "scanned": 2, **ONE},
        ),
    ],
)
def test_constraints(label, op, args, attributes, monkeypatch):
    monkeypatch.setenv("LITEGOLD_ROUNDS", "100")
    monkeypatch.setattr(control, "MAX_STACKED", 800)
    with pytest.raises(ConstraintError) as caught:
        op(*args, **attributes)
    assert caught.value.label == label
