"""Every shared TFLite file through the plan: equal to the reference, tensor by tensor, on one thread and two."""

import os
from pathlib import Path

import pytest

import litegold as lg
from litegold.conformance.check import check
from litegold.conformance.inputs import random_feeds
from litegold.runtime.session import Session

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LITEGOLD_DATA", ROOT.parent / "shared"))
# Refused, with reasons that tests/test_litert_models.py looks at.
REFUSED = {"person_detect", "audio_preprocessor_int8", "deconv"}
FILES = sorted(
    f for f in (SHARED / "models" / "tflite").glob("*/*.tflite") if f.stem not in REFUSED
)
pytestmark = [
    pytest.mark.skipif(not FILES, reason="no shared models (LITEGOLD_DATA)"),
    pytest.mark.slow,
]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_plan_is_what_the_reference_says(path):
    net = lg.load(path)
    report = check(net.graph, runs=2 if net.graph.states else 1)
    assert report.ok, [row for row in report.rows if not row.ok] or "outputs differ with reuse"
    feeds = random_feeds(net.graph, seed=0)
    one = Session(net.graph, threads=1).run(feeds)
    two = Session(net.graph, threads=2, split_from=0).run(feeds)
    assert {n: a.tobytes() for n, a in one.items()} == {n: a.tobytes() for n, a in two.items()}
