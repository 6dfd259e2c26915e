"""The frozen ONNX node corpus: every case passes, in the reference and in the plan, but for those that are listed."""

import pytest

from litegold.conformance.corpus import cases, find, run
from litegold.conformance.corpus_findings import FINDINGS, finding

pytestmark = pytest.mark.slow  # not in make quick

WHEEL = find()
PARTS = 32
corpus = pytest.mark.skipif(WHEEL is None, reason="no corpus (make test downloads it)")


@corpus
@pytest.mark.parametrize("part", range(PARTS))
def test_cases(part):
    found = {}
    for case in cases(WHEEL, lambda name: sum(name.encode()) % PARTS == part):
        if case.default:
            outcome = run(case)
            wrong = outcome.reference or (case.numeric and outcome.plan)
            known = finding(case.name)
            if bool(wrong) != (known is not None) and not (known and known.by_chance):
                found[case.name] = wrong or "it is listed, but passes"
    assert not found


@corpus
def test_nearly_all_cases_pass():
    everything = [c for c in cases(WHEEL) if c.default]
    numeric = [c for c in everything if c.numeric]
    assert len(everything) == 1739
    for some in (everything, numeric):
        listed = [c.name for c in some if finding(c.name)]
        assert len(listed) <= 0.02 * len(some), listed


@corpus
def test_every_finding_is_of_a_case():
    names = [c.name for c in cases(WHEEL)]
    assert all(any(finding(n) is f for n in names) for f in FINDINGS)
