"""Laws of functions of each element."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import ANY, FORMAT_OF, FORMATS, Array, Op
from ...refimpl.activation import (
    elu,
    gelu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from ...refimpl.affine import dequantize_linear, quantize_linear
from ...refimpl.bitwise import bitwise_not
from ...refimpl.cast import bit_cast, cast, dequantize, quantize
from ...refimpl.fill import zeros_like
from ...refimpl.gate import (
    celu,
    hard_sigmoid,
    mish,
    selu,
    shrink,
    softplus,
    softsign,
    swish,
    thresholded_relu,
)
from ...refimpl.logic import assertion, logical_not
from ...refimpl.trigonometry import acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan
from ...refimpl.unary import (
    abs,
    ceil,
    cos,
    erf,
    exp,
    floor,
    log,
    neg,
    round,
    rsqrt,
    sign,
    sin,
    sqrt,
    square,
)
from ..case import Case
from .law import EVERY, Pairs, Rng, Run, changed, law, slack, value_of

PLAIN = (*ANY, "f16", "f64")
# What f(2^a x) is in f(x), exactly: a and the power of two by which the result grows.
SCALED: dict[Op[..., Any], tuple[int, int]] = {
    sqrt: (2, 1),
    rsqrt: (2, -1),
    square: (1, 2),
    abs: (1, 1),
    neg: (1, 1),
    sign: (1, 0),
    relu: (1, 1),
    leaky_relu: (1, 1),
    prelu: (1, 1),
}
INVERSES: dict[Op[..., Any], Op[..., Any]] = {
    sinh: asinh,
    tan: atan,
    asin: sin,
    atanh: tanh,
    acosh: cosh,
    log: exp,
}


def first(case: Case) -> Array:
    """Return the first input."""
    x = case.args[0]
    assert x is not None
    return x


@law(abs, cos, square, cosh, exact=False)
def even(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(-x) = f(x)."""
    yield run(changed(case, -first(case))), run(case)


@law(
    *(tanh, erf, sin, neg, round, softsign, asin, asinh, atan, atanh, sinh, tan, relu_n1_to_1),
    exact=False,
)
def odd(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(-x) = -f(x)."""
    yield run(changed(case, -first(case))), -run(case)


@law(
    *(relu, relu6, relu_n1_to_1, leaky_relu, ceil, floor, round, sign, exp, log, sqrt, logistic),
    *(tanh, elu, celu, selu, hard_sigmoid, softplus, softsign, thresholded_relu, erf, asin, asinh),
    *(atan, atanh, acosh, sinh),
    exact=False,
)
def rising(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sorted arguments have sorted results."""
    if any(value_of(case, name) < 0 for name in case.op.attributes):
        return
    x = first(case)
    case = changed(case, np.sort(x[~np.isnan(x)]))
    y, off = run(case) + 0, slack(case) / 2
    y, off = (a[~np.isnan(y)] for a in (y, off))
    yield y[1:], np.maximum(y[1:], y[:-1]), off[1:] + off[:-1]


@law(relu, relu6, relu_n1_to_1, abs, ceil, floor, round, thresholded_relu, exact=False)
def once_is_enough(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(f(x)) = f(x)."""
    y = run(case)
    yield run(changed(case, y)), y


@law(neg, logical_not, bitwise_not, formats=PLAIN, exact=False)
def twice_is_nothing(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(f(x)) = x."""
    yield run(changed(case, run(case))), first(case)


@law(*SCALED)
def powers_of_two_go_through(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(2^a x) = 2^b f(x), without rounding."""
    a, b = SCALED[case.op]
    x = first(case)
    yield run(changed(case, x * x.dtype.type(2**a))), run(case) * x.dtype.type(2.0**b)


@law(logistic, hard_sigmoid, swish, gelu, hard_swish, softplus)
def halves_are_complete(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(x) + f(-x) = 1, or f(x) - f(-x) = x."""
    x = first(case)
    other = changed(case, -x)
    y, z = (run(c).astype(np.float64) for c in (case, other))
    off = slack(case) + slack(other)
    if case.op is hard_sigmoid and value_of(case, "beta") != 0.5:
        return
    if case.op in (logistic, hard_sigmoid):
        yield y + z, np.ones(x.shape), off + 2.0**-50
    else:
        yield y - z, x.astype(np.float64), off + 2.0**-40


@law(sin, cos)
def on_the_circle(run: Run, case: Case, rng: Rng) -> Pairs:
    """Cos x = sin(x + 90 degrees), as cos 2x = 1 - 2 sin^2 x: the square of one tells the other."""
    x = first(case)
    halves, whole = Case(sin, (x,)), Case(cos, (x * 2,))
    s, c = run(halves).astype(np.float64), run(whole).astype(np.float64)
    yield c, 1 - 2 * s * s, slack(whole) + 4 * np.abs(s) * slack(halves) + 2.0**-50


@law(acos, asin)
def right_angles(run: Run, case: Case, rng: Rng) -> Pairs:
    """Asin x + acos x = 90 degrees."""
    cases = [Case(op, (first(case) / np.float32(8),)) for op in (asin, acos)]
    a, b = (run(c).astype(np.float64) for c in cases)
    yield a + b, np.full(a.shape, np.pi / 2), slack(cases[0]) + slack(cases[1]) + 2.0**-50


@law(*INVERSES)
def inverse_comes_back(run: Run, case: Case, rng: Rng) -> Pairs:
    """g(f(x)) = x where g turns f around: within what the rounding of f(x) does to g, found at its ends."""
    x = np.abs(first(case)) / np.float32(16 if case.op in (asin, atanh) else 8)
    x = x + np.float32(1) if case.op in (acosh, log) else x
    there = changed(case, x)
    y, off = run(there), slack(there)
    back = Case(INVERSES[case.op], (y,))
    ends = [
        Case(back.op, (np.asarray(np.nextafter(np.float32(y + s * off), np.float32(s * np.inf))),))
        for s in (-1, 1)
    ]
    low, high = (run(end).astype(np.float64) for end in ends)
    room = slack(back) + slack(ends[0]) + slack(ends[1])
    yield run(back), x, np.abs(high - low) + room


@law(ceil, floor)
def up_is_down_turned_around(run: Run, case: Case, rng: Rng) -> Pairs:
    """Ceil x = -floor -x, of quarters too."""
    x = first(case) / np.float32(4)
    yield run(Case(ceil, (x,))), -run(Case(floor, (-x,))) + np.float32(0)


@law(round, ceil, floor)
def two_steps_on(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(x + 2) = f(x) + 2, of halves too: two further every tie goes the same way."""
    x = first(case) / np.float32(4)
    yield run(changed(case, x + np.float32(2))), run(changed(case, x)) + np.float32(2)


@law(mish, shrink, celu, elu, selu)
def large_numbers_stay(run: Run, case: Case, rng: Rng) -> Pairs:
    """What is far above zero grows as its argument does."""
    x = np.abs(first(case)) + np.float32(64)
    small, large = changed(case, x), changed(case, x + x)
    y = run(small)
    off = 2 * slack(small) + slack(large) + 2.0**-20
    if case.op is shrink and value_of(case, "bias"):
        return
    yield run(large).astype(np.float64), 2 * y.astype(np.float64), off


@law(relu6)
def turned_around_three(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(6 - x) = 6 - f(x)."""
    yield run(changed(case, 6 - first(case))), 6 - run(case)


@law(cast, exact=False)
def larger_numbers_are_cast_to_larger_ones(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sorted floats have sorted integers, from end to end."""
    to, x = value_of(case, "to"), first(case)
    if to in ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"):
        y = run(changed(case, np.sort(x[~np.isnan(x)])))
        yield y, np.maximum.accumulate(y) if y.size else y


@law(prelu)
def slope_of_one(run: Run, case: Case, rng: Rng) -> Pairs:
    """With a slope of 1 nothing happens."""
    alpha = case.args[1]
    assert alpha is not None
    yield (
        run(changed(case, ..., np.ones_like(alpha))),
        np.broadcast_to(first(case), case.out[0].shape),
    )


@law(assertion, formats=("bool",))
def truth_passes(run: Run, case: Case, rng: Rng) -> Pairs:
    """What holds comes out, of any shape."""
    x = np.ones_like(first(case))
    yield run(changed(case, x)), x


@law(cast, formats=EVERY, exact=False)
def cast_to_itself(run: Run, case: Case, rng: Rng) -> Pairs:
    """Cast to the type that it has, and so cast twice, nothing happens."""
    form, y = case.out[0].format, run(case)
    yield run(Case(cast, (y,), {"to": form})), y


@law(bit_cast, formats=EVERY, exact=False)
def bits_come_back(run: Run, case: Case, rng: Rng) -> Pairs:
    """Bits that are read as another type are there."""
    x = first(case)
    form = case.types[0].format  # type: ignore[union-attr]
    if value_of(case, "to") != "bool" != form:
        back = run(Case(bit_cast, (run(case),), {"to": form}))
        yield back.view(f"u{x.itemsize}"), x.view(f"u{x.itemsize}")


@law(zeros_like, formats=EVERY, exact=False)
def the_same_zeros(run: Run, case: Case, rng: Rng) -> Pairs:
    """The result has none of the elements."""
    yield run(changed(case, run(case))), run(case)


@law(dequantize, formats=("s8", "u8", "s16"), exact=False)
def quantized_again_it_is_the_same(run: Run, case: Case, rng: Rng) -> Pairs:
    """q(dq(q)) = q."""
    x = first(case)
    quant, real = case.quant[0], run(case)
    form = {"int8": "s8", "uint8": "u8", "int16": "s16"}[x.dtype.name]
    back = Case(quantize, (real,), {"to": form}, out_dtype=(x.dtype,), out_quant=(quant,))
    yield run(back), x


@law(quantize, exact=False)
def quantized_in_order(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sorted numbers have sorted integers, and those are found again."""
    x = first(case)
    if any(q and len(q.scale) > 1 for q in case.out_quant):
        return
    y = run(changed(case, np.sort(x[~np.isnan(x)])))
    yield y, np.maximum.accumulate(y) if y.size else y
    real = Case(dequantize, (y,), quant=case.out_quant)
    yield run(changed(case, run(real))), y
    info = np.iinfo(y.dtype)
    every = np.arange(info.min, info.max + 1).astype(y.dtype)
    yield run(changed(case, run(Case(dequantize, (every,), quant=case.out_quant)))), every


@law(quantize_linear, dequantize_linear, formats=("f32", "s8", "u8"), exact=False)
def another_unit(run: Run, case: Case, rng: Rng) -> Pairs:
    """In units twice as large numbers are twice as large."""
    x, s = case.args[:2]
    assert x is not None and s is not None
    if (
        s.dtype != np.float32
        or value_of(case, "precision" if case.op is quantize_linear else "to") != "f32"
    ):
        return
    two, y = np.float32(2), run(case)
    with np.errstate(over="ignore"):
        if (
            case.op is quantize_linear
            and np.isfinite(x * two).all()
            and np.all((x == 0) | (np.abs(x) > 2.0**-100))
        ):
            yield run(changed(case, x * two, s * two)), y
        elif case.op is dequantize_linear and np.isfinite(y * two).all():
            yield run(changed(case, ..., s * two)), y * two


@law(quantize_linear, exact=False)
def every_integer_is_reached(run: Run, case: Case, rng: Rng) -> Pairs:
    """All integers of the type come back from the numbers that they stand for, its ends too."""
    form = value_of(case, "to")
    if form in ("s8", "u8", "s16", "u16"):
        info, scale = np.iinfo(FORMATS[form]), np.array(0.25, np.float32)
        whole = np.arange(info.min, info.max + 1, dtype=FORMATS[form])
        real = whole.astype(np.float32) * scale
        yield run(Case(quantize_linear, (real, scale), {"to": form})), whole


@law(dequantize_linear, formats=("s8", "u8", "s16", "u16"), exact=False)
def linear_there_and_back(run: Run, case: Case, rng: Rng) -> Pairs:
    """q(dq(q)) = q, with tensors of scales."""
    x, s, zero = (*case.args, None)[:3]
    assert x is not None and s is not None
    if value_of(case, "to") == "f32" == FORMAT_OF[s.dtype] and np.all(np.abs(s) > 2.0**-100):
        to = case.types[0].format  # type: ignore[union-attr]
        given = {k: v for k, v in case.attributes.items() if k in ("axis", "block")}
        yield run(Case(quantize_linear, (run(case), s, zero), {**given, "to": to})), x
