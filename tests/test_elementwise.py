"""Elementwise kernels where drawn cases are too few: bit patterns, all bytes, six axes, divisors of zero."""

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import judge_case
from litegold.ir import ConstraintError, QuantParams, RunError
from litegold.jit_kernels.broadcast import layout_of
from litegold.refimpl.activation import logistic, tanh
from litegold.refimpl.binary import add, div, floor_div, fmod, mul, pow, sub
from litegold.refimpl.gate import celu, mish, selu, softplus, swish
from litegold.refimpl.trigonometry import acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan
from litegold.refimpl.unary import cos, exp, log, sin, sqrt
from litegold.runtime.session import Session

BITS = np.random.default_rng(1).integers(0, 2**32, 1 << 16, dtype=np.uint32)
EDGES = [0.0, -0.0, np.inf, -np.inf, 88.722839, 88.73, -87.33655, -103.97, 0.55, -0.55, 1e-45]
EDGES += [-9.0, 16.7, 3.4028235e38, -3.4028235e38, 1.1754944e-38]


def run(case, threads=1):
    session = Session(case.graph(), threads=threads, fold=False, split_from=0)
    return [session.run(case.feeds())[f"y{i}"] for i in range(len(case.out))]


FUNCTIONS = [exp, log, sin, cos, logistic, tanh, softplus, mish, swish, selu, celu]
FUNCTIONS += [acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan]


@pytest.mark.parametrize("op", FUNCTIONS, ids=lambda op: op.__name__)
def test_every_kind_of_float_stays_inside_the_envelope(op):
    patterns = BITS.view(np.float32)
    near = np.linspace(-110, 100, 1 << 16, dtype=np.float32)
    numbers = patterns[~np.isnan(patterns)]
    x = np.concatenate([numbers, near, np.float32(EDGES), np.float32([np.nan])])
    case = Case(op, (x,))
    verdict = judge_case(case, run(case))
    assert verdict, verdict.reason


NEAR_ONE = [0.99999994, 1.0, 1.0000001, -1.0, 0.5, -0.5, 3.0, -3.0, 2.0**24 - 1, 2.0**31, np.nan]


@pytest.mark.parametrize("op", [pow, fmod], ids=lambda op: op.__name__)
def test_every_pair_of_floats_stays_inside_the_envelope(op):
    edges = np.float32([*EDGES, *NEAR_ONE])
    pairs = [(edges[:, None], edges), (BITS.view(np.float32), BITS[::-1].copy().view(np.float32))]
    for x, y in pairs:
        case = Case(op, (x, y))
        alone, together = run(case), run(case, threads=2)
        verdict = judge_case(case, alone)
        assert verdict, verdict.reason
        assert alone[0].tobytes() == together[0].tobytes()


@pytest.mark.parametrize("op", [add, sub], ids=lambda op: op.__name__)
@pytest.mark.parametrize("scales", [(0.5, 0.125), (0.03, 0.3), (0.1, 0.1)])
def test_all_pairs_of_bytes(op, scales):
    values = np.arange(-128, 128).astype(np.int8)
    case = Case(
        op,
        (values[:, None], values[None, :]),
        {"activation": "relu6"},
        quant=tuple(
            QuantParams((float(np.float32(s)),), (z,))
            for s, z in zip(scales, (7, -128), strict=True)
        ),
        out_dtype=(values.dtype,),
        out_quant=(QuantParams((0.25,), (-20,)),),
    )
    verdict = judge_case(case, run(case, threads=2))
    assert verdict, verdict.reason


ODD_SCALES = [(0.0513721, 0.03172113, 0.0719317), (0.011723, 0.9123411, 0.7312331)]
EVEN_SCALES = [(0.5, 0.125, 0.25), (0.05, 0.031, 0.07), (2.0**-20, 2.0**9, 2.0**4)]


def bytes_case(op, dtype, scales, x, y):
    rng = np.random.default_rng(3)
    info = np.iinfo(dtype)
    first, second, last = (
        QuantParams((float(np.float32(s)),), (int(rng.integers(info.min, info.max + 1)),))
        for s in scales
    )
    attributes = {"activation": "none"}
    return Case(
        op, (x, y), attributes, quant=(first, second), out_dtype=(x.dtype,), out_quant=(last,)
    )


def kernel_of(case):
    (step,) = Session(case.graph(), fold=False).plan(case.feeds()).steps
    return step.step.kernel.__name__


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("op", [add, sub, mul], ids=lambda op: op.__name__)
@pytest.mark.parametrize("scales", [*ODD_SCALES, *EVEN_SCALES])
@pytest.mark.parametrize("layout", ["first", "second", "both"])
def test_all_pairs_of_bytes_in_long_rows(dtype, op, scales, layout):
    values = np.arange(256).astype(np.uint8).view(dtype)
    x, y = (values[:, None], values[None, :]) if layout == "first" else (values, values[:, None])
    if layout == "both":
        x, y = (np.ascontiguousarray(t) for t in np.broadcast_arrays(values[:, None], values))
    case = bytes_case(op, dtype, scales, x, y)
    alone, together = (run(case, threads=n)[0] for n in (1, 2))
    verdict = judge_case(case, (alone,))
    assert verdict, verdict.reason
    assert np.array_equal(alone, together)
    if op is not mul and scales in ODD_SCALES:
        assert kernel_of(case) == "q8_linear"


@pytest.mark.parametrize("count", [1, 15, 16, 17, 63, 64, 65, 100, 4095, 9000])
@pytest.mark.parametrize("scales", [ODD_SCALES[0], EVEN_SCALES[1]])
def test_rows_of_bytes_of_every_length(count, scales):
    x, y = np.random.default_rng(count).integers(-128, 128, (2, 3, count)).astype(np.int8)
    case = bytes_case(add, np.int8, scales, x, y[:1])
    for threads in (1, 2):
        verdict = judge_case(case, run(case, threads=threads))
        assert verdict, verdict.reason


def test_six_axes_that_alternate():
    rng = np.random.default_rng(2)
    x = rng.integers(-9, 9, (2, 1, 3, 1, 4, 1)).astype(np.float32)
    y = rng.integers(-9, 9, (1, 5, 1, 2, 1, 3)).astype(np.float32)
    assert np.array_equal(run(Case(sub, (x, y)), threads=2)[0], x - y)


def test_layout_joins_what_is_contiguous():
    assert layout_of((2, 3, 4), (2, 3, 4), (2, 3, 4)).tolist() == [1, 24, 1, 1, 0]
    assert layout_of((), (5, 2), (5, 2)).tolist() == [1, 10, 0, 1, 0]
    assert layout_of((3, 1), (1, 4), (3, 4)).tolist() == [3, 4, 0, 1, 1, 3, 1, 0]


@pytest.mark.parametrize("op", [div, floor_div], ids=lambda op: op.__name__)
def test_an_integer_divisor_of_zero_is_named(op):
    case = Case(op, (np.ones(9, np.int32), np.int32([1, 2, 3, 4, 0, 6, 7, 8, 9])))
    with pytest.raises(RunError, match="zero at \\(4,\\)"):
        op(*case.args)
    with pytest.raises(RunError, match="zero"):
        run(case, threads=2)


def test_the_least_integer_by_minus_one_wraps():
    least = np.int32([-(2**31), 7])
    case = Case(div, (least, np.int32([-1, -1])))
    assert run(case)[0].tolist() == div(*case.args).tolist() == [-(2**31), -7]


def test_what_has_no_value_is_refused():
    powers = Case(pow, (np.int32([2, 2]), np.int32([3, -1])))
    quant = QuantParams((0.5,), (0,))
    roots = Case(sqrt, (np.int8([4, -1]),), quant=(quant,), out_quant=(quant,))
    for case in (powers, roots):
        with pytest.raises(RunError, match="no value"):
            run(case)


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ConstraintError, match=r"\(C2\) add: shapes \(2, 3\) and \(2,\)"):
        _ = Case(add, (np.ones((2, 3), np.float32), np.ones(2, np.float32))).out
