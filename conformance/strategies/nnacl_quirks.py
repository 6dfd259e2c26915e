"""Cases of the dialect nnacl-quirks: those of nnacl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from ...refimpl.activation import leaky_relu, relu, relu6
from ...refimpl.channel import scale
from ..case import Case
from ..tables import CASES, Key

KEY = "s8-nnacl-quirks"


def with_quirks(case: Case) -> Case:
    """Return the same case in that dialect, where a scale has no activation beside ReLU and ReLU6."""
    attributes = dict(case.attributes)
    if attributes.get("activation") == "relu_n1_to_1":
        attributes["activation"] = "relu"
    return replace(case, attributes=attributes, dialect="nnacl-quirks")


@CASES.completed
def quirks() -> Mapping[Key, st.SearchStrategy[Case]]:
    """Map the cases of these operators."""
    like: list[Key] = [(relu, "s8"), (relu6, "s8"), (leaky_relu, "s8"), (scale, "s8-nnacl")]
    return {(op, KEY): CASES[op, form].map(with_quirks) for op, form in like}
