"""The frozen vectors still come out, bit for bit."""

from pathlib import Path

import pytest

from litegold.conformance.golden import load
from litegold.conformance.judge import expected, judge
from litegold.conformance.tables import CASES
from litegold.ir import OPS, load_all

FOLDER = Path(__file__).parents[1] / "golden"
VECTORS = sorted(FOLDER.glob("*/*.npz"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_vector(path):
    case, want, bounds = load(path)
    assert (case.op.__name__, case.format) == (path.parent.name, path.stem)
    for got, w, bound in zip(expected(case), want, bounds, strict=True):
        # the reference is rounded once, so that even a float comes out as it did, but for the
        # last place of a library's transcendental function: the bound is stored for that
        verdict = judge(got, w, bound)
        assert verdict, verdict.reason


def test_every_key_has_a_vector():
    have = {(path.parent.name, path.stem) for path in VECTORS}
    assert not {(op.__name__, form) for op, form in CASES} - have


def test_every_operator_has_a_vector():
    load_all("litegold.refimpl")
    numeric = {name for name, op in OPS.items() if not op.host}
    assert not numeric - {path.parent.name for path in VECTORS}


def test_vectors_are_small():
    """Two KiB each, one with another."""
    assert sum(path.stat().st_size for path in VECTORS) < len(VECTORS) * 2 << 10
