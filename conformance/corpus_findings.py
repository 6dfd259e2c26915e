"""Cases of the frozen ONNX corpus in which litegold gives something else than the corpus holds, and why.

`theirs`: the corpus is wrong, or holds what cannot be known; `dialect`: both are right in their own terms; `ours`:
litegold lacks something. A test demands that these cases differ, and that no others do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Finding:
    """Cases by a regular expression over their whole names; whose the difference is, and what it is."""

    pattern: str
    whose: str
    reason: str


FINDINGS: Final = (
    Finding(
        r"test_bernoulli(_double|_seed)?(_expanded)?",
        "theirs",
        "random draws; those without a seed differ from run to run, the seed says nothing of the generator",
    ),
    Finding(
        r"test_roialign_aligned_.*|test_averagepool_2d_ceil_last_window_starts_on_pad",
        "theirs",
        "the expected values are written with four digits",
    ),
)


def finding(name: str) -> Finding | None:
    """Return what is known of a case."""
    return next((f for f in FINDINGS if re.fullmatch(f.pattern, name)), None)
