"""Laws of functions of two or more operands: arithmetic, comparisons, logic, bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...ir import Array, Op
from ...refimpl.binary import (
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    fmod,
    maximum,
    minimum,
    mul,
    pow,
    squared_difference,
    sub,
)
from ...refimpl.bitwise import bit_shift, bitwise_and, bitwise_not, bitwise_or, bitwise_xor
from ...refimpl.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    select,
)
from ..case import Case
from .law import EVERY, Pairs, Rng, Run, changed, law, slack
from .marked import spread

INTEGERS = ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64")
TURNED: dict[Op[..., Any], Op[..., Any]] = {
    greater: less,
    greater_equal: less_equal,
    less: greater,
    less_equal: greater_equal,
}
DENIED: dict[Op[..., Any], Op[..., Any]] = {
    equal: not_equal,
    not_equal: equal,
    less: greater_equal,
    greater: less_equal,
}
DENIED |= {less_equal: greater, greater_equal: less}
DUALS: dict[Op[..., Any], Op[..., Any]] = {
    bitwise_and: bitwise_or,
    bitwise_or: bitwise_and,
    logical_and: logical_or,
}
DUALS |= {logical_or: logical_and}


def exchanged(case: Case) -> Case:
    """Return the case with its two operands, and their quantizations, in the other order."""
    return replace(
        case,
        args=case.args[::-1],
        quant=case.quant[::-1],
        constant=frozenset(1 - i for i in case.constant),
    )


SYMMETRIC = (add, mul, squared_difference, equal, not_equal, logical_and, logical_or)


@law(*SYMMETRIC, bitwise_and, bitwise_or, bitwise_xor, formats=EVERY, exact=False)
def sides_may_be_exchanged(run: Run, case: Case, rng: Rng) -> Pairs:
    """X + y = y + x."""
    yield run(exchanged(case)), run(case)


@law(maximum, minimum, formats=EVERY)
def numbers_may_be_exchanged(run: Run, case: Case, rng: Rng) -> Pairs:
    """max(x, y) = max(y, x) of numbers."""
    yield run(exchanged(case)), run(case)


@law(maximum, minimum, formats=("f32", "s32", "s64"))
def larger_and_smaller(run: Run, case: Case, rng: Rng) -> Pairs:
    """max(x, y) + min(x, y) = x + y."""
    both = [run(replace(case, op=op)) for op in (maximum, minimum)]
    x, y = spread(case).args
    yield both[0] + both[1], x + y  # type: ignore[operator]


@law(add_n, formats=EVERY)
def summands_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sums of whole numbers in any order."""
    order = rng.permutation(len(case.args))
    yield run(replace(case, args=tuple(case.args[i] for i in order))), run(case)


@law(add_n)
def summed_two_by_two(run: Run, case: Case, rng: Rng) -> Pairs:
    """The sum of all is that of one and the sum of the rest."""
    first, *rest = case.args
    if rest:
        part = run(replace(case, args=tuple(rest)))
        yield run(replace(case, args=(first, part))), run(case)


@law(sub, formats=("f32", "s32", "s64"))
def difference_is_a_sum(run: Run, case: Case, rng: Rng) -> Pairs:
    """X - y = x + -y = -(y - x)."""
    x, y = case.args
    case = changed(case, activation="none")
    yield run(Case(add, (x, -y), case.attributes)), run(case)  # type: ignore[operator]
    yield -run(exchanged(case)), run(case)


@law(mul, div, formats=("f32",))
def signs_go_through(run: Run, case: Case, rng: Rng) -> Pairs:
    """(-x) y = -(x y) = x (-y), and twice x is twice the result."""
    x, y = case.args
    z = run(case)
    for changes in ((-x,), (..., -y)):  # type: ignore[operator]
        yield run(changed(case, *changes)), -z
    yield run(changed(case, x * 2)), z * 2  # type: ignore[operator]


@law(squared_difference, formats=("f32", "s32"))
def square_of_the_difference(run: Run, case: Case, rng: Rng) -> Pairs:
    """(x - y)^2 is a product."""
    d = run(Case(sub, case.args))
    yield run(Case(mul, (d, d))), run(case)


@law(div, formats=("s8", "s16", "s32", "s64"))
def quotients_are_cut(run: Run, case: Case, rng: Rng) -> Pairs:
    """Integers are cut towards zero: of the opposite the quotient is the opposite."""
    if not any(case.quant):
        x, y = (a // a.dtype.type(2) for a in case.args if a is not None)
        case = changed(case, x, _divisor(y), activation="none")
        yield run(changed(case, -x)), -run(case)


@law(div, formats=("f32",))
def fractions_may_be_reduced(run: Run, case: Case, rng: Rng) -> Pairs:
    """2x / 2y = x / y."""
    x, y = case.args
    yield run(changed(case, x * 2, y * 2)), run(case)  # type: ignore[operator]


def _divisor(y: Array | None) -> Array:
    assert y is not None
    return np.where(y == 0, y.dtype.type(3), y)


@law(floor_div, floor_mod, formats=("f32", "s32"))
def quotient_and_rest(run: Run, case: Case, rng: Rng) -> Pairs:
    """X = y (x // y) + x mod y."""
    x, y = spread(case).args
    assert x is not None and y is not None
    x, y = (np.clip(a, -99, 99) for a in (x, _divisor(y)))
    q, rest = (run(Case(op, (x, y))) for op in (floor_div, floor_mod))
    yield q * y + rest, x


@law(floor_div, floor_mod, fmod)
def both_signs_turned(run: Run, case: Case, rng: Rng) -> Pairs:
    """Of -x and -y the quotient is the same, the rest the opposite."""
    x, y = case.args
    case = changed(case, x, _divisor(y))
    z = run(case)
    turned = changed(case, *(-a for a in case.args))  # type: ignore[operator]
    yield run(turned), z if case.op is floor_div else -z


@law(fmod)
def sign_of_the_divisor(run: Run, case: Case, rng: Rng) -> Pairs:
    """It does not matter."""
    yield run(changed(case, ..., -case.args[1])), run(case)  # type: ignore[operator]


@law(pow, formats=("f32", "f64", "s32", "s64"))
def powers_of_whole_numbers(run: Run, case: Case, rng: Rng) -> Pairs:
    """x^1 = x, x^2 = x x."""
    x, _ = spread(case).args
    assert x is not None
    x = np.clip(x, -99, 99)
    for power, want in ((1, x), (2, x * x)):
        one = Case(pow, (x, np.full_like(x, power)))
        yield run(one), want, slack(one)


@law(*TURNED, formats=EVERY, exact=False)
def turned_comparisons(run: Run, case: Case, rng: Rng) -> Pairs:
    """X < y where y > x."""
    yield run(replace(exchanged(case), op=TURNED[case.op])), run(case)


@law(*DENIED, formats=("f32", *INTEGERS))
def denied_comparisons(run: Run, case: Case, rng: Rng) -> Pairs:
    """Not x < y where x >= y, of numbers."""
    yield ~run(replace(case, op=DENIED[case.op])), run(case)


@law(*DUALS, formats=EVERY)
def de_morgan(run: Run, case: Case, rng: Rng) -> Pairs:
    """Not (x and y) = (not x) or (not y)."""
    deny = logical_not if case.op in (logical_and, logical_or) else bitwise_not
    args = tuple(run(Case(deny, (a,))) for a in case.args)
    yield run(replace(case, op=DUALS[case.op], args=args)), run(Case(deny, (run(case),)))


@law(bitwise_xor, formats=EVERY)
def twice_is_nothing(run: Run, case: Case, rng: Rng) -> Pairs:
    """X xor y xor y = x."""
    x, y = spread(case).args
    yield run(changed(case, run(case), y)), x  # type: ignore[misc]


@law(bit_shift, formats=EVERY)
def shifts_add_up(run: Run, case: Case, rng: Rng) -> Pairs:
    """Shifted by one, and again by one, is by two; by nothing is nothing."""
    x, y = spread(case).args
    assert y is not None
    none, one, two = (np.full_like(y, n) for n in range(3))
    yield run(changed(case, run(changed(case, x, one)), one)), run(changed(case, x, two))
    yield run(changed(case, x, none)), x  # type: ignore[misc]


@law(select, formats=EVERY, exact=False)
def denied_condition(run: Run, case: Case, rng: Rng) -> Pairs:
    """X where c, else y, is y where not c, else x."""
    c, x, y = case.args
    quant = (*case.quant, None, None, None)[:3]
    if quant[1] == quant[2]:
        yield run(changed(case, ~c, y, x)), run(case)  # type: ignore[operator]
