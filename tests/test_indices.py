"""Indices that arrive while a network runs: a wrong one is an error, in the reference and in the plan."""

from dataclasses import replace

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import expected
from litegold.ir import RunError
from litegold.refimpl.gather import (
    gather,
    gather_elements,
    gather_nd,
    one_hot,
    reverse_sequence,
    sparse_to_dense,
)
from litegold.refimpl.scatter import REDUCTIONS, scatter_nd_update
from litegold.refimpl.sort import unique_rows
from litegold.runtime.session import Session

X = np.arange(12, dtype=np.float32).reshape(3, 4)
FAR = 2**31 - 1


def gather_case(index, dtype):
    return Case(gather, (X, np.array([0, index], dtype)), {"axis": 1})


def gather_nd_case(index, dtype):
    return Case(gather_nd, (X, np.array([[0, 0], [2, index]], dtype)))


def reverse_sequence_case(length, dtype):
    lengths = np.array([1, length, 2], dtype)
    return Case(reverse_sequence, (X, lengths), {"seq_axis": 1, "batch_axis": 0})


def sparse_to_dense_case(index, dtype):
    args = (np.array([[0, 1], [2, index]], dtype), np.int32([3, 4]), X[0, :2], X[0, 0])
    return Case(sparse_to_dense, args, constant=frozenset({1}))


def put_case(index, dtype):
    return Case(scatter_nd_update, (X, np.array([[0, 1], [2, index]], dtype), X[0, :2]))


def add_case(index, dtype):
    return replace(put_case(index, dtype), attributes={"reduction": "add"})


def gather_elements_case(index, dtype):
    return Case(gather_elements, (X, np.array([[0, index]], dtype)), {"axis": 1})


WRONG = [
    (gather_elements_case, (-1, 4, -FAR - 1, FAR)),
    (put_case, (-1, 4, -FAR - 1, FAR)),
    (add_case, (-1, 4, -FAR - 1, FAR)),
    (gather_case, (-1, 4, -FAR - 1, FAR)),
    (gather_nd_case, (-1, 4, -FAR - 1, FAR)),
    (reverse_sequence_case, (-1, 5, -FAR - 1, FAR)),
    (sparse_to_dense_case, (-1, 4, -FAR - 1, FAR)),
]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize(
    ("build", "index"),
    [(b, i) for b, wrong in WRONG for i in wrong],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_wrong_index_is_an_error(build, index, dtype):
    case = build(index, dtype)
    with pytest.raises(RunError, match=str(index)):
        expected(case)
    for threads in (1, 2):
        with pytest.raises(RunError, match=case.op.__name__):
            Session(case.graph(), threads, split_from=0).run(case.feeds())


@pytest.mark.parametrize("index", [-(2**62), -1, 3, 2**62])
def test_one_hot_takes_any_index(index):
    args = (np.array([1, index]), np.int32(3), np.float32(5), np.float32(-5))
    case = Case(one_hot, args, constant=frozenset({1}))
    (want,) = expected(case)
    assert want.tolist() == [[-5, 5, -5], [-5, -5, -5]]
    (got,) = Session(case.graph()).run(case.feeds()).values()
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("x", "rows"), [(X, (0, 2)), (X, (0, 1)), (X[:0], (0, 2)), (X[:, :0], (3, 1))]
)
def test_nothing_to_put_leaves_the_tensor(x, rows, reduction):
    args = (x, np.zeros(rows, np.int64), np.zeros((rows[0], *x.shape[rows[1] :]), np.float32))
    case = Case(scatter_nd_update, args, {"reduction": reduction})
    for got in (expected(case)[0], *Session(case.graph(), fold=False).run(case.feeds()).values()):
        assert got.shape == x.shape and got.tobytes() == x.tobytes()


@pytest.mark.parametrize(("shape", "count"), [((0, 3), 0), ((0, 0), 0), ((4, 0), 1)])
def test_rows_without_elements_are_equal(shape, count):
    case = Case(unique_rows, (np.zeros(shape, np.float32),))
    plan = Session(case.graph(), fold=False).run(case.feeds()).values()
    for rows, first, places, counts in (expected(case), plan):
        assert rows.shape == (count, shape[1]) and places.tolist() == [0] * shape[0]
        assert (first.tolist(), counts.tolist()) == ([0] * count, [shape[0]] * count)
