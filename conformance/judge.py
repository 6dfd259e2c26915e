"""The judge: whether a result is right, and where it is most wrong. No tolerance is invented here.

Integers and booleans are right when they are equal. A float is right when it differs from the expected
value by no more than the operator's envelope allows at that element, and
- a NaN is right only where a NaN is expected (its sign and payload are free), an infinity only where the same
  infinity is expected;
- zeros of both signs are equal where the envelope is above 0: an error that is allowed may take a result through zero.
  Where the envelope is 0 the result is exact, and so is its sign;
- an envelope of infinity says that a conforming order of the additions may overflow there: anything is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Array, Node, TensorType, is_float, is_host
from ..quant.rule import INT8, number_format
from ..refimpl.half import narrow
from ..refimpl.native_half import is_native
from ..runtime.interpreter import evaluate
from .case import Case
from .tables import ENVELOPE

# What an envelope of float32 is worth in float64. Its terms are multiples of the unit roundoff, which is 2**-29 of
# float32's; the reference rounds in float64 as well, so that both may be off.
DOUBLE = 2.0**-28


@dataclass(frozen=True)
class Verdict:
    """What the judge found on one tensor.

    Attributes:
        ok: whether every element is right.
        worst: largest absolute difference (of the first wrong element, where its class is wrong: inf).
        bound: what the envelope allows at that element.
        index: position of that element; empty where the types differ or there are no elements.
        reason: what is wrong, in words; empty if nothing is.
    """

    ok: bool
    worst: float = 0.0
    bound: float = 0.0
    index: tuple[int, ...] = ()
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


def judge(got: Array, want: Array, bound: Array | float = 0.0) -> Verdict:
    """Compare `got` with `want`, elementwise within `bound` (for floats; integers must be equal).

    >>> judge(np.float32([1, 2]), np.float32([1, 2.5]), 0.25).reason
    '2.0 instead of 2.5 at (1,): off by 0.5, allowed 0.25'
    >>> bool(judge(np.float32([-0.0]), np.float32([0.0])))
    False
    """
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        reason = f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
        return Verdict(False, float("inf"), 0.0, (), reason)
    if got.size == 0:
        return Verdict(True)
    if is_float(want.dtype):
        return _judge_floats(got, want, np.broadcast_to(np.asarray(bound, np.float64), want.shape))
    # exact in float64 up to 2**53; beyond, `wrong` still decides
    difference = np.abs(got.astype(np.float64) - want.astype(np.float64))
    return _verdict(got, want, difference, np.zeros(want.shape), got != want)


def judge_value(got: Any, want: Any, bound: Any = 0.0) -> Verdict:
    """Compare any two values: tensors within `bound`, texts and sequences element by element."""
    if not is_host(want):
        return judge(got, want, bound)
    same = type(got) is type(want)
    if same and isinstance(want, list):
        same = len(got) == len(want) and all(map(judge_value, got, want, [bound] * len(want)))
    elif same and want is not None:
        same = got.shape == want.shape and got.tolist() == want.tolist()
    return Verdict(same, reason="" if same else f"{got!r} instead of {want!r}")


def _judge_floats(got: Array, want: Array, bound: Array) -> Verdict:
    with np.errstate(invalid="ignore"):  # signalling NaN too
        g, w = got.astype(np.float64), want.astype(np.float64)
        difference = np.abs(g - w)
        inside = difference <= bound  # False where either is a NaN
    special = ~(np.isfinite(g) & np.isfinite(w))
    same = (np.isnan(g) & np.isnan(w)) | (g == w)
    difference = np.where(special, np.where(same, 0.0, np.inf), difference)
    right = np.where(special, same, inside) | (bound == np.inf)
    exact_zero = (bound == 0) & (g == 0) & (w == 0)
    right &= ~(exact_zero & (np.signbit(g) != np.signbit(w)))
    return _verdict(got, want, np.where(bound == np.inf, 0.0, difference), bound, ~right)


def _verdict(got: Array, want: Array, difference: Array, bound: Array, wrong: Array) -> Verdict:
    """Report the element that is worst: in excess over its bound where any is wrong, else in share of it."""
    if wrong.any():
        with np.errstate(invalid="ignore"):
            excess = np.where(np.isnan(bound), np.inf, difference - bound)
        rank = np.where(wrong, np.maximum(excess, 0.0), -1.0)
    else:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rank = np.where(difference > 0, difference / bound, 0.0)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(rank)), want.shape))
    worst, allowed = float(difference[index]), float(bound[index])
    if not wrong.any():
        return Verdict(True, worst, allowed, index)
    reason = f"{got[index]} instead of {want[index]} at {index}: "
    reason += f"off by {worst:.9g}, allowed {allowed:.6g}" if worst else "the sign of zero"
    return Verdict(False, worst, allowed, index, reason)


def expected(case: Case) -> tuple[Array, ...]:
    """Return what the reference, or the quantized rule, makes of a case."""
    graph = case.graph()
    return evaluate(graph.nodes[0], case.types, case.out, case.args)


def node_bounds(
    node: Node,
    types: Sequence[TensorType | None],
    args: Sequence[Array | None],
    want: Sequence[Array],
    algorithms: Mapping[str, str] | None = None,
) -> tuple[Array, ...]:
    """Return the allowed absolute error of every element of a node's outputs.

    Integer results and those of quantized rules are exact. A hybrid node is bounded by the envelope of the float
    operator on its dequantized weights, one on float16 by what a float32 kernel may give, rounded (`_half_bounds`);
    where it computes in half, in a named order, it is exact.
    `algorithms` says by tensor which algorithm other than the operator's usual one was used (`Session.algorithms`): the
    envelope takes that as a parameter.
    """
    zeros = tuple(np.zeros(w.shape) for w in want)
    form = number_format(node.op, tuple(types), node.dialect)
    if is_native(node.op, form, node.dialect):
        return zeros
    if node.op.moves:
        return zeros  # nothing is computed
    if stores_halves(node, types):
        return _half_bounds(node, args, want, algorithms)
    if form == "hybrid":
        args = [real_values(a, t) for a, t in zip(args, types, strict=True)]
    elif (form != "f32" and (node.op, form) in INT8) or not any(is_float(w.dtype) for w in want):
        return zeros
    attributes = {**node.op.attributes, **node.attributes}
    used = [algorithms[name] for name in node.outputs if algorithms and name in algorithms]
    if used:
        attributes["algorithm"] = used[0]
    with np.errstate(all="ignore"):  # NaN, Inf and overflow have their place in bounds
        found = ENVELOPE[node.op](*args, **attributes)
    found = found if isinstance(found, tuple) else (found,)
    if form == "f64":
        found = tuple(DOUBLE * b for b in found)
    # states and indices that come along with a float result are exact where the envelope is silent
    found = (*found, *zeros[len(found) :])
    return tuple(
        np.broadcast_to(b, w.shape) if is_float(w.dtype) else z
        for b, w, z in zip(found, want, zeros, strict=True)
    )


def stores_halves(node: Node, types: Sequence[TensorType | None]) -> bool:
    """Whether a node computes in float32 what it stores as float16."""
    form = number_format(node.op, tuple(types), node.dialect)
    halves = form == "f16" and "f32" in node.op.dtypes
    return halves and not node.op.moves and not is_native(node.op, form, node.dialect)


def single_bounds(
    node: Node, args: Sequence[Array | None], algorithms: Mapping[str, str] | None = None
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return the float32 results of a node on halves, and the bounds of these."""
    wide = [a.astype(np.float32) if a is not None and a.dtype == np.float16 else a for a in args]
    types = [None if a is None else TensorType.of(a) for a in wide]
    out = node.op.output_types(tuple(types), {**node.op.attributes, **node.attributes})
    exact = evaluate(node, types, out, wide)
    return exact, node_bounds(node, types, wide, exact, algorithms)


def _half_bounds(
    node: Node,
    args: Sequence[Array | None],
    want: Sequence[Array],
    algorithms: Mapping[str, str] | None,
) -> tuple[Array, ...]:
    """Bound a node that stores float16 and computes in float32, for any operator.

    A conforming kernel widens its inputs, which is exact, comes to a float32 number within the envelope e of the
    float32 result m, and rounds that to half. Rounding is monotonic: so its result lies between the halves nearest to
    m - e and m + e, and no further from the expected one than the farther of these. Where e is 0, m itself is
    rounded: what two roundings may give. Where it is not, the sign of a zero is free. Where only the half result
    is NaN, halves between the nodes of a chain overflowed, which need not be made: anything is right.
    """
    exact, found = single_bounds(node, args, algorithms)
    return tuple(
        _rounded_ends(m, e, w) if w.dtype == np.float16 else e
        for m, e, w in zip(exact, found, want, strict=True)
    )


def _rounded_ends(middle: Array, error: Array, want: Array) -> Array:
    m, w = middle.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        ends = [np.nextafter(m + sign * error, sign * np.inf) for sign in (-1, 1)]
        ends = [narrow(np.where(error > 0, end, m)).astype(np.float64) for end in ends]
        off = np.maximum(*(np.where(end == w, 0.0, np.abs(end - w)) for end in ends))
    # a kernel that clamps before it rounds has a zero of the other sign
    free = (error > 0) | ((m == 0) & (w == 0) & (np.signbit(m) != np.signbit(w)))
    off = np.where(free, np.maximum(off, 2.0**-26), off)
    return np.where(np.isnan(w) & np.isnan(m), 0.0, np.where(np.isnan(off), np.inf, off))


def bounds(
    case: Case, want: Sequence[Array], algorithms: Mapping[str, str] | None = None
) -> tuple[Array, ...]:
    """Return `node_bounds` of a case."""
    return node_bounds(case.graph().nodes[0], case.types, case.args, want, algorithms)


def judge_case(
    case: Case,
    got: Sequence[Array],
    want: Sequence[Array] | None = None,
    algorithms: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge all outputs of a case; the first verdict against it, else the one closest to its bound."""
    want = expected(case) if want is None else want
    if len(got) != len(want):
        return Verdict(False, reason=f"{len(got)} outputs instead of {len(want)}")
    allowed = bounds(case, want, algorithms)
    verdicts = [judge(g, w, b) for g, w, b in zip(got, want, allowed, strict=True)]
    wrong = [v for v in verdicts if not v.ok]
    return wrong[0] if wrong else max(verdicts, key=_share)


def _share(verdict: Verdict) -> float:
    return verdict.worst / verdict.bound if verdict.bound else verdict.worst


def real_values(value: Array | None, type: TensorType | None) -> Any:
    """Return what a quantized array stands for; others as they are."""
    if value is None or type is None or type.quant is None or value.dtype.kind == "f":
        return value
    shape = [1] * value.ndim
    if type.quant.per_channel and type.quant.axis is not None:
        shape[type.quant.axis] = -1
    scale, zero = np.broadcast_arrays(
        np.asarray(type.quant.scale), np.asarray(type.quant.zero_point, np.int64)
    )
    return (value.astype(np.int64) - zero.reshape(shape)) * scale.reshape(shape)
