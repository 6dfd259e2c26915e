"""How far another engine's outputs may be off from the oracle's, end to end: the bounds of all nodes, propagated.

`check` judges each node on the inputs that it really had. An engine that is timed as its users run it fuses nodes and
shows only outputs, so its errors add up. Every result of a node is off by some d with |d| at most b, and to first
order the outputs are off by e = sum J d, J being how the network passes on a change. The worst case, sum |J| b, grows
with the norms of the layers and says nothing after ten of them. So roundings are taken to be independent and
without bias, the model of Higham and Mary (SIAM J. Sci. Comput. 41, 2019): then e is sub-Gaussian with variance
s^2 = sum J^2 b^2, and by Hoeffding's inequality |e| exceeds s sqrt(2 ln(2 N / p)) in any of N elements with
probability p at most.

s is measured: probes run the oracle with each node's results moved by +b or -b, the signs drawn, whose effect on the
outputs has just this variance. What b is:
- of sums S of n products, of whose squares the sum is Q: 2^-24 sqrt((n/3 + 1) S^2 + (n/6 + 1) Q). Each addition rounds
  a partial sum by at most 2^-24 of it; in no particular order, that of k terms has the mean k/n S and at most the
  variance k/n (1 - k/n) Q, so the squares of all add up to n/3 S^2 + n/6 Q. The products and the result are
  rounded as well. (The envelope, which holds for the worst order and signs, is far larger.)
- of other float operators: their envelope, but
- of an LSTM, whose envelope is derived for few cells, what comes of moved weights: a sum of n products is that of
  weights off by 2^-24 sqrt(n) of themselves (theorem 3.1 there), and a sigmoid or tanh off by 4 units in the last
  place of 1 is that of a bias off by four times as much, the slope of a sigmoid being 1/4 at most.
- of quantized rules: one step, where a value is so near a tie that another rounding takes the other neighbour. TFLite
  rounds a product with a multiplier below 2^-e first to 2^-e steps, so 2^-e of the values are that near; its sums
  work on 20 more bits, 2^-10 is enough for them. Any other rule may be off by a step everywhere.

All elements of an output share the bound of its most sensitive one. An engine that rounds to bfloat16 or float16 on
its way, swaps axes or reads an input twice is outside; Winograd's transforms, less exact than plain sums, are inside.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..ir import Array, Graph, Node, Op, TensorType, is_host
from ..quant.rule import INT8, number_format
from ..refimpl.binary import add, mul, sub
from ..refimpl.conv import conv2d, conv2d_sums, depthwise_conv2d, depthwise_conv2d_sums
from ..refimpl.matmul import fully_connected, fully_connected_sums, matmul, matmul_sums
from ..refimpl.recurrent import lstm
from ..runtime.interpreter import attributes_of, evaluate, interpret
from .envelopes.matmul import UNIT
from .judge import node_bounds

PROBES: Final = 6
FALSE_ALARM: Final = 2.0**-20  # probability that a conforming engine is called wrong
_BEFORE_SIGMOID: Final = 4 * 8 * UNIT
# The sum of squares of as many standard normal numbers as there are probes is above this, 99 times in 100.
CHI_SQUARE: Final = 0.872


@dataclass(frozen=True)
class Agreement:
    """What came of comparing an engine's outputs: largest difference, and what is allowed, of the worst output."""

    ok: bool
    worst: float = 0.0
    allowed: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Expectation:
    """The oracle's outputs for some inputs, and how far each may be off."""

    outputs: Mapping[str, Array]
    allowed: Mapping[str, float]

    def judge(self, outputs: Mapping[str, Array]) -> Agreement:
        """Judge an engine's outputs by their names."""
        found = [self._judge(name, outputs[name]) for name in self.outputs]
        return max(found, key=lambda a: (not a.ok, a.worst / a.allowed if a.allowed else a.worst))

    def _judge(self, name: str, got: Array) -> Agreement:
        want, allowed = self.outputs[name], self.allowed[name]
        if got.shape != want.shape or got.dtype != want.dtype:
            what = f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
            return Agreement(False, math.inf, allowed, f"{name}: {what}")
        g, w = got.astype(np.float64), want.astype(np.float64)
        with np.errstate(invalid="ignore"):
            off = np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0.0, np.abs(g - w))
        off = np.where(np.isnan(off), np.inf, off)
        worst = float(off.max(initial=0.0))
        reason = "" if worst <= allowed else f"{name}: off by {worst:.3g}, allowed {allowed:.3g}"
        return Agreement(worst <= allowed, worst, allowed, reason)


def expect(graph: Graph, feeds: Mapping[str, Any], *, probes: int = PROBES) -> Expectation:
    """Run the oracle once as it is and `probes` times disturbed; states are the initial ones."""
    scales: dict[Any, tuple[Array, ...]] = {}
    clean = _run(graph, feeds, lambda run: scales.setdefault(run.key, _scales(graph, run)))
    ends = [n for n in graph.outputs if not is_host(clean[n])]
    energy = {name: np.zeros(clean[name].shape) for name in ends}
    rng = np.random.default_rng(probes)
    for _ in range(probes):
        moved = _run(graph, feeds, lambda run: _moved(rng, run, scales.get(run.key)))
        for name, sum_of_squares in energy.items():
            if moved[name].shape == sum_of_squares.shape:
                sum_of_squares += _difference(moved[name], clean[name]) ** 2
    count = sum(clean[name].size for name in ends)
    factor = math.sqrt(2 * math.log(2 * max(count, 1) / FALSE_ALARM) / CHI_SQUARE)
    allowed = {n: factor * math.sqrt(float(e.max(initial=0.0))) for n, e in energy.items()}
    # the last rounding of all is to be allowed for, even where no probe met it
    quantized = {n for n in ends if n in graph.tensors and graph.tensors[n].quant is not None}
    allowed |= {n: max(a, 1.0) for n, a in allowed.items() if n in quantized}
    floats = {n for n in ends if clean[n].dtype == np.float32}
    allowed |= {n: max(a, _last_place(clean[n])) for n, a in allowed.items() if n in floats}
    return Expectation({n: clean[n] for n in graph.outputs}, allowed)


def run_bounds(node: Node, args: Sequence[Any]) -> tuple[tuple[Any, ...], list[Any]]:
    """Return what a node that runs networks or works on host values gives, and how far each result may be off."""
    names = [f"{i}" for i in range(len(args))]
    inputs = tuple(n for n, a in zip(names, args, strict=True) if a is not None)
    alone = replace(node, inputs=tuple(n if n in inputs else None for n in names))
    graph = Graph((alone,), inputs, node.outputs, {})
    found = expect(graph, {n: args[int(n)] for n in inputs})
    return (
        tuple(found.outputs[n] for n in node.outputs),
        [found.allowed.get(n, 0.0) for n in node.outputs],
    )


def _difference(a: Array, b: Array) -> Array:
    """Return a - b; same infinities do not differ, and a NaN of a probe that left a function's domain says nothing."""
    with np.errstate(invalid="ignore"):
        return np.where((a == b) | (np.isnan(a) & ~np.isnan(b)), 0.0, a.astype(np.float64) - b)


def _last_place(x: Array) -> float:
    """Return one unit in the last place of the largest finite number."""
    return 2 * UNIT * float(np.abs(np.where(np.isfinite(x), x, 0.0)).max(initial=0.0))


Results = tuple[Array, ...]
Arguments = Sequence[Array | None]


@dataclass(frozen=True)
class _NodeRun:
    """One run of a node: `key` tells it from the other runs of a network."""

    node: Node
    types: tuple[TensorType | None, ...]
    args: Arguments
    results: Results
    key: Any


def _run(
    graph: Graph, feeds: Mapping[str, Any], visit: Callable[[_NodeRun], Any]
) -> dict[str, Array]:
    """Run the references; where `visit` returns moved results, these go on instead."""
    counts = Counter[tuple[str, ...]]()

    def observe(node: Node, types: Any, args: Any, results: Any) -> Any:
        if node.op.host:
            return results
        key = (node.outputs, counts[node.outputs])
        counts[node.outputs] += 1
        found = visit(_NodeRun(node, tuple(types), args, results, key))
        return found.results if isinstance(found, _Moved) else results

    return interpret(graph, feeds, observe=observe)


@dataclass(frozen=True)
class _Moved:
    results: Results


def _moved(
    rng: np.random.Generator, run: _NodeRun, scales: tuple[Array, ...] | None
) -> _Moved | None:
    if scales is None:
        return None
    results = run.results
    if run.node.op is lstm:
        out = tuple(TensorType.of(r) for r in results)
        results = evaluate(run.node, run.types, out, _with_moved_weights(rng, list(run.args)))
    return _Moved(_disturbed(rng, results, scales))


def _scales(graph: Graph, run: _NodeRun) -> tuple[Array, ...]:
    """Return how far each of a node's results may be off."""
    node, types, args, want = run.node, run.types, run.args, run.results
    form = number_format(node.op, types, node.dialect)
    if (node.op, form) in INT8 and form != "hybrid" and _is_quantized(graph, node):
        near = np.float32(_near_a_tie(graph, node))
        return tuple(np.broadcast_to(near, w.shape) for w in want)
    if form == "f32" and node.op in _SUMS:
        total, squares, terms = _SUMS[node.op](*args, **attributes_of(node))
        square = (terms / 3 + 1) * total**2 + (terms / 6 + 1) * squares
        return (np.asarray(UNIT * np.sqrt(square), np.float32),)
    if form == "f32" and node.op is lstm:
        return tuple(UNIT * np.abs(w) for w in want)
    return tuple(b.astype(np.float32) for b in node_bounds(node, types, args, want))


def _is_quantized(graph: Graph, node: Node) -> bool:
    names = [n for n in (*node.inputs, *node.outputs) if n in graph.tensors]
    return any(graph.tensors[n].quant for n in names if n is not None)


def _with_moved_weights(rng: np.random.Generator, args: Arguments) -> list[Array | None]:
    """Move the weights of an LSTM as the roundings of its sums would, its biases as those of its functions."""
    x, *others = args
    assert x is not None
    terms = x.shape[-1] + sum(a.shape[1] for a in others[3:4] if a is not None)
    moved: list[Array | None] = [x]
    for a in others:
        if a is not None and a.dtype == np.float32 and a.any():
            size = UNIT * np.sqrt(terms) * np.abs(a) + (_BEFORE_SIGMOID if a.ndim == 1 else 0.0)
            a = (a + rng.choice([-1, 1], a.shape) * size).astype(np.float32)
        moved.append(a)
    return moved


def _near_a_tie(graph: Graph, node: Node) -> float:
    """Return the share of a quantized node's results that another rounding may move by a step."""
    if node.op in (add, sub):
        return 2.0**-10
    if node.op not in (conv2d, depthwise_conv2d, fully_connected, mul):
        return 1.0
    quants = [graph.tensors[n].quant for n in (*node.inputs[:2], node.outputs[0]) if n]
    scales = [max(q.scale) for q in quants if q is not None]
    if len(scales) < 3:
        return 1.0
    return min(scales[0] * scales[1] / scales[2], 1.0)


def _disturbed(rng: np.random.Generator, want: Results, scales: tuple[Array, ...]) -> Results:
    """Move every float up or down by its scale, and every integer by a step, as often as its scale says."""
    moved = []
    for w, scale in zip(want, scales, strict=True):
        if not scale.any():
            moved.append(w)
            continue
        signs = np.where(rng.random(w.shape, np.float32) < 0.5, -1, 1)
        if w.dtype.kind in "iu":
            steps = signs * (rng.random(w.shape, np.float32) < scale)
            x = np.clip(w.astype(np.int64) + steps, np.iinfo(w.dtype).min, np.iinfo(w.dtype).max)
        else:
            x = w + signs * np.where(np.isfinite(scale), scale, 0).astype(np.float64)
        moved.append(x.astype(w.dtype))
    return tuple(moved)


Sums = tuple[Array, Array, int]  # of products, of their squares, and how many there are


def _conv2d(
    x: Array, w: Array, b: Array | None = None, *, activation: str = "none", **windows: Any
) -> Sums:
    sums = functools.partial(conv2d_sums, **windows)
    return _twice(sums, x, w, b, math.prod(w.shape[1:]))


def _depthwise(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    multiplier: int = 1,
    activation: str = "none",
    **windows: Any,
) -> Sums:
    sums = functools.partial(depthwise_conv2d_sums, **windows)
    return _twice(sums, x, w, b, math.prod(w.shape[1:3]))


def _fully_connected(
    x: Array, w: Array, b: Array | None = None, *, keep_dims: bool = False, **_: Any
) -> Sums:
    sums = functools.partial(fully_connected_sums, keep_dims=keep_dims)
    return _twice(sums, x, w, b, w.shape[1])


def _matmul(x: Array, y: Array, *, transpose_x: bool = False, transpose_y: bool = False) -> Sums:
    sums = functools.partial(matmul_sums, transpose_x=transpose_x, transpose_y=transpose_y)
    return _twice(sums, x, y, None, x.shape[-2 if transpose_x else -1])


def _twice(sums: Callable[..., Array], x: Array, w: Array, b: Array | None, terms: int) -> Sums:
    x, w = x.astype(np.float64), w.astype(np.float64)
    bias = 0.0 if b is None else b.astype(np.float64)
    return sums(x, w) + bias, sums(x * x, w * w) + bias**2, terms + 1


_SUMS: Final[dict[Op[..., Any], Callable[..., Sums]]] = {
    conv2d: _conv2d,
    depthwise_conv2d: _depthwise,
    fully_connected: _fully_connected,
    matmul: _matmul,
}
