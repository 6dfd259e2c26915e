"""Envelopes allow what conforming kernels do, in any order, and not much more."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from litegold.conformance.case import Case
from litegold.conformance.judge import bounds, expected, judge, judge_case
from litegold.conformance.ordered.drawn import halves, numbers
from litegold.conformance.ordered.fused import body
from litegold.conformance.orders import ORDERS, InOrder
from litegold.conformance.tables import CASES, ENVELOPE, ORDERED, WORST
from litegold.jit_kernels.lowering import CPU
from litegold.refimpl.activation import prelu
from litegold.refimpl.attention import attention
from litegold.refimpl.binary import add_n, floor_div
from litegold.refimpl.channel import batch_norm, scale
from litegold.refimpl.conv import depthwise_conv2d
from litegold.refimpl.conv_nd import conv
from litegold.refimpl.einsum import det
from litegold.refimpl.fill import range as range_op
from litegold.refimpl.fused import fused
from litegold.refimpl.half import narrow
from litegold.refimpl.norm import local_response_normalization as lrn
from litegold.refimpl.pool import avg_pool2d, max_pool2d
from litegold.refimpl.pool_nd import avg_pool, lp_pool
from litegold.refimpl.region import roi_pool
from litegold.refimpl.resample import resize
from litegold.refimpl.resize import resize_bilinear
from litegold.refimpl.rotary import rotary_embedding
from litegold.refimpl.sample import grid_sample
from litegold.refimpl.signal import cosine_window, dft, mel_weight_matrix
from litegold.runtime import Session

FAMILIES = {}
for _, draw in ORDERED.items():
    FAMILIES.setdefault(draw.__module__.rsplit(".", 1)[-1], []).append(draw)
TERMS = (2, 3, 9, 31, 64, 200)
KS = (1, 2, 3, 4, 5, 8, 9, 17, 64, 255, 1025, 4096)


def elements_without_alarm(family, count, seed):
    """Judge so many output elements in every order; return how many there were."""
    rng, judged, turn = np.random.default_rng(seed), 0, 0
    draws, rows = FAMILIES[family], min(count // 5, 8000)
    while judged < count * len(ORDERS) or turn < 2 * len(draws):
        draw, terms = draws[turn % len(draws)], int(rng.choice(TERMS))
        judged += judge_orders(draw(rng, rows, terms, numbers), rng, half=False)
        turn += 1
        if turn % 4 == 0:
            draw, terms = draws[int(rng.integers(len(draws)))], int(rng.choice(TERMS))
            judged += judge_orders(draw(rng, rows // 4, terms, halves), rng, half=True)
    return judged


def stored_as_half(case):
    """Return the case on the same numbers, all of which are halves."""
    return replace(
        case,
        args=tuple(
            a if a is None or a.dtype != np.float32 else a.astype(np.float16) for a in case.args
        ),
    )


def judge_orders(drawn, rng, half):
    case = stored_as_half(drawn.case) if half else drawn.case
    want = expected(case)
    allowed = bounds(case, want, {"y0": drawn.algorithm} if drawn.algorithm else None)
    for name in ORDERS:
        with np.errstate(all="ignore"):
            got = drawn.compute(InOrder(name, rng))
        got = got if isinstance(got, tuple) else (got,)
        for g, w, bound in zip(got, want, allowed, strict=True):
            g = narrow(g) if w.dtype == np.float16 else g
            verdict = judge(g, w, bound)
            assert verdict, f"{case.op.__name__}, {name}, {half=}: {verdict.reason}"
    return sum(w.size for w in want) * len(ORDERS)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_order_is_a_false_alarm(family):
    assert elements_without_alarm(family, 10_000, 0)


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_no_order_is_a_false_alarm_in_a_million_elements(family):
    """In each of eight orders; seeds anew each time."""
    assert elements_without_alarm(family, 1_000_000, None) >= 8_000_000


def unrounded(case):
    """Return what the reference makes of the case in float64, its last rounding left out."""
    wide = [a if a is None or a.dtype != np.float32 else a.astype(np.float64) for a in case.args]
    with np.errstate(all="ignore"):
        found = case.op(*wide, **case.attributes)
    return found if isinstance(found, tuple) else (found,)


def share_reached(op, k):
    """Return how much of its bound an element of the worst case uses up, added from either end."""
    case, compute, _ = WORST[op](k)
    exact, found, worst = unrounded(case), bounds(case, expected(case)), 0.0
    for order in ("sequential", "backwards"):
        with np.errstate(all="ignore"):
            got = compute(InOrder(order, None))
        for g, e, bound in zip(
            got if isinstance(got, tuple) else (got,), exact, found, strict=True
        ):
            counts = (bound > 0) & (bound < np.inf) & (np.abs(e) < np.finfo(np.float32).max)
            share = np.abs(g[counts] - e[counts]) / bound[counts]
            worst = max(worst, share.max(initial=0))
    return worst


# What is drawn in orders but has no worst case for a number of terms.
UNREACHED = {
    **dict.fromkeys((max_pool2d, roi_pool), "nothing is rounded, only the sign of a zero is free"),
    **dict.fromkeys((batch_norm, scale, rotary_embedding), "one sum of two or three terms"),
    **dict.fromkeys((resize_bilinear, grid_sample), "the number of neighbours is given"),
    **dict.fromkeys((cosine_window, mel_weight_matrix), "tables, of no input"),
    range_op: "the partial sums are bounded by the ends",
    det: "the growth of 2^(n - 1) in elimination belongs to one matrix, of whole numbers",
}
# Fewer terms are outweighed: by a fast transform, whose sizes count twice, roundings of weights, functions of scores.
LEAST_TERMS = {dft: 6, resize: 3, attention: 4}
WALKING = (depthwise_conv2d, conv, avg_pool2d, avg_pool, lp_pool, resize, add_n, lrn)


def test_what_adds_up_has_a_worst_case():
    assert {*WORST} | {*UNREACHED} == {op for op, _ in ORDERED if op not in ELEMENTS}
    assert not {*WORST} & {*UNREACHED}


@pytest.mark.slow
@pytest.mark.parametrize("op", list(WORST), ids=lambda op: op.__name__)
def test_an_order_uses_an_eighth_of_the_bound(op):
    for k in KS:
        share = share_reached(op, k)
        assert 1 / 8 <= share <= 1 or k < LEAST_TERMS.get(op, 2), (k, share)


@pytest.mark.long
@pytest.mark.parametrize("op", list(WORST), ids=lambda op: op.__name__)
def test_an_order_uses_an_eighth_of_the_bound_for_every_number_of_terms(op):
    """Where the reference walks through a window place by place, from 256 terms on every 32nd."""
    first = LEAST_TERMS.get(op, 2)
    every = [*range(first, 256), *range(256, 4097, 32)] if op in WALKING else range(first, 4097)
    for k in every:
        assert 1 / 8 <= share_reached(op, k) <= 1, k


@pytest.mark.parametrize("op", list(ENVELOPE), ids=lambda op: op.__name__)
def test_envelopes_say_how_they_are_derived(op):
    """A sentence that names roundings, units, a gamma, an error; or that nothing is rounded."""
    text = (ENVELOPE[op].__doc__ or "").lower()
    assert len(text.split()) >= 4, "no derivation"


def bit_patterns(rng, count):
    """Draw half of the numbers from all bit patterns, half from where functions are not flat."""
    bits = rng.integers(0, 1 << 32, count // 2, np.uint32).view(np.float32)
    return np.concatenate([bits, rng.uniform(-20, 20, count - count // 2).astype(np.float32)])


def judge_elements(op, count, seed):
    """Judge what the compiled plan makes of so many numbers, or pairs of them."""
    rng = np.random.default_rng(seed)
    args = [bit_patterns(rng, count) for _ in op.inputs]
    if len(args) == 2:  # some are whole numbers, or multiples of the other one
        whole, multiple = rng.permutation(count)[: count // 4].reshape(2, -1)
        with np.errstate(over="ignore", invalid="ignore"):
            args[1][whole] = np.rint(args[1][whole])
            args[1][multiple] = args[0][multiple] * rng.integers(-3, 4, len(multiple))
    if op is floor_div:
        args[1][args[1] == 0] = 1  # which it refuses
    if op is prelu:
        args = [args[0][None], args[1]]
    case = Case(op, tuple(args))
    (got,) = Session(case.graph(), 1, fold=False).run(case.feeds()).values()
    verdict = judge_case(case, [got])
    assert verdict, verdict.reason


def is_function_of_elements(op):
    """Whether it makes each result of one number, or of two."""
    alone = op.axes == "elementwise" and not op.moves and not op.variadic and len(op.inputs) < 3
    ready = all(p.default is not p.empty for p in op.parameters if p.kind is p.KEYWORD_ONLY)
    return alone and ready and (op, "f32") in CPU and (op, "f32") in CASES


ELEMENTS = sorted(filter(is_function_of_elements, ENVELOPE), key=lambda op: op.__name__)


@pytest.mark.slow
@pytest.mark.parametrize("op", ELEMENTS, ids=lambda op: op.__name__)
def test_functions_of_elements_stay_inside(op):
    judge_elements(op, 20_000, 0)


@pytest.mark.long
@pytest.mark.parametrize("op", ELEMENTS, ids=lambda op: op.__name__)
def test_functions_of_a_million_elements_stay_inside(op):
    judge_elements(op, 1_000_000, None)


IN_ORDER = {op for op, _ in ORDERED}
OTHERS = [op for op in ENVELOPE if op not in IN_ORDER and op not in ELEMENTS and not op.moves]


EXAMPLES = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("op", OTHERS, ids=lambda op: op.__name__)
def test_what_is_drawn_in_no_order_rounds_nothing(op):
    """What is neither computed in a given order nor a function of elements that the plan is asked for is exact."""
    forms = [form for of, form in CASES if of is op]
    form = "f32" if "f32" in forms else forms[0]

    @EXAMPLES
    @given(CASES[op, form])
    def allow_nothing(case):
        allowed = bounds(case, expected(case))
        assert not any(np.any(b) for b in allowed), "a bound above 0: it needs an entry in ORDERED"

    allow_nothing()


def test_a_chain_allows_for_weights_that_overflow_when_scaled():
    """The factor may be moved into the weights: 1e30 times 1e10 is infinite, though every result is small."""
    x, w = np.float32([[1e-20, 0]]), np.full((1, 2), 1e30, np.float32)
    none, factor = np.zeros(1, np.float32), np.float32([1e10])
    args = (x, w, none, factor, none, np.zeros((1, 1), np.float32))
    case = Case(fused, args, {"body": body(x, w, none)})
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(x @ (w * factor).T).all()
    assert judge_case(case, [np.full((1, 1), np.nan, np.float32)])
    modest = Case(fused, (x, w, none, np.float32([10]), *args[4:]), case.attributes)
    assert not judge_case(modest, [np.full((1, 1), np.nan, np.float32)])
