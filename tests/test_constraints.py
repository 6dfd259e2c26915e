"""Every labelled constraint in an operator's docstring is raised under that label."""

import re

import pytest

from litegold.conformance.violations.examples import VIOLATIONS
from litegold.ir import OPS, ConstraintError, load_all

load_all("litegold.refimpl")
RANGE = re.compile(r"\(C(\d+)\) to \(C(\d+)\)")


def labels_of(op):
    """Labels that the docstring lists, the ranges "(C1) to (C3)" included."""
    text = op.__doc__ or ""
    found = {int(n) for n in re.findall(r"\(C(\d+)\)", text)}
    for first, last in RANGE.findall(text):
        found |= set(range(int(first), int(last) + 1))
    return [f"C{n}" for n in sorted(found)]


CONSTRAINTS = [
    pytest.param(op, label, id=f"{op.__name__}-{label}")
    for op in sorted(OPS.values(), key=lambda op: op.__name__)
    if not op.host  # these have no shape rule; their tests call them
    for label in labels_of(op)
]


@pytest.mark.parametrize(("op", "label"), CONSTRAINTS)
def test_violation_is_named(op, label):
    with pytest.raises(ConstraintError, match=op.__name__) as caught:
        VIOLATIONS[op].infer(op, label)
    assert caught.value.label == label


@pytest.mark.parametrize("op", list(VIOLATIONS), ids=lambda op: op.__name__)
def test_the_rest_of_an_example_is_legal(op):
    assert VIOLATIONS[op].infer(op)
    assert list(VIOLATIONS[op].broken) == labels_of(op)
