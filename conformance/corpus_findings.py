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
    """Cases by a regular expression over their whole names; whose the difference is, and what it is.

    `by_chance`: they may come out alike now and then.
    """

    pattern: str
    whose: str
    reason: str
    by_chance: bool = False


FINDINGS: Final = (
    Finding(
        r"test_bernoulli(_double|_seed)?(_expanded)?",
        "theirs",
        "random draws; without a seed they differ from run to run, and a seed says nothing of the generator",
        by_chance=True,
    ),
    Finding(
        r"test_roialign_aligned_.*|test_averagepool_2d_ceil_last_window_starts_on_pad",
        "theirs",
        "the expected values are written with four digits",
    ),
    Finding(
        r"test_nllloss_NCd1d2d3_none_no_weight_negative_ii_expanded",
        "theirs",
        "the expected 0 is that of the operator; the nodes that it stands for give -0",
    ),
    Finding(
        r"test_flexattention_double_expanded_ver26",
        "ours",
        "matrix products and softmax of float64, which no operator of MindSpore Lite has",
    ),
)


def finding(name: str) -> Finding | None:
    """Return what is known of a case."""
    return next((f for f in FINDINGS if re.fullmatch(f.pattern, name)), None)
