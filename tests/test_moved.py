"""What moves elements moves those of every type: a case on words, seen as another type of as many bits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from litegold.conformance.judge import expected
from litegold.conformance.tables import CASES
from litegold.ir import FORMATS, MOVED, OPS, load_all
from litegold.refimpl.narrow import MASKS
from litegold.runtime import Session

pytestmark = pytest.mark.slow  # not in make quick

load_all("litegold.refimpl")
MOVERS = sorted((op for op in OPS.values() if op.moves), key=lambda op: op.__name__)
WORD = {1: "u8", 2: "u16", 8: "u64"}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def with_few_bits(array, form, word):
    """Return an array of words of which a narrow type has all the bits; others as they are."""
    if form not in MASKS or array is None or array.dtype != FORMATS[word] or word == "bool":
        return array
    return array & np.uint8(MASKS[form])


def seen_as(array, form, word):
    """Return an array of words as one of another type, whatever numbers that makes; others as they are."""
    other = array is None or array.dtype != FORMATS[word]
    return array if other else np.asarray(array).view(FORMATS[form])


def bits_of(array):
    """Return what two results are compared by."""
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind != "b" else array


@pytest.mark.parametrize("op", MOVERS, ids=lambda op: op.__name__)
@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=SLOW,
    phases=[Phase.explicit, Phase.generate],
)
@given(data=st.data())
def test_every_type_is_moved(op, data):
    form = data.draw(st.sampled_from((*MOVED, "s8", "u8", "s16")))
    if form in op.dtypes:
        return  # it has cases of its own
    word = WORD[FORMATS[form].itemsize]
    word = word if word in op.dtypes else "bool"
    case = data.draw(CASES[op, word])
    words = tuple(with_few_bits(a, form, word) for a in case.args)
    plain = replace(case, args=words, quant=(), out_dtype=(), out_quant=())
    other = replace(plain, args=tuple(seen_as(a, form, word) for a in words))
    want = [bits_of(w) for w in expected(plain)]
    assert other.format == form
    graph = other.graph()
    session = Session(graph, 1, fold=False).run(other.feeds())
    for got, w in (
        *zip(map(bits_of, expected(other)), want, strict=True),
        *zip((bits_of(session[n]) for n in graph.outputs), want, strict=True),
    ):
        assert np.array_equal(got, w.astype(got.dtype)), f"{form}\n{case}"
