"""The logarithm of the softmax of float32 rows: powers and their sum in float64 vectors."""

from __future__ import annotations

import math

from ..refimpl.softmax import log_softmax
from .kernel import I64, OK, kernel, share
from .lowering import Site, Step, lowers
from .reduce_rows import joined, larger, same
from .simd import Value, Vectors, tile
from .wide_math import exp_wide, log_wide


@tile("f32_log_softmax_rows")
def log_softmax_rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64) -> None:
    """Subtract from each element the largest of its row and the logarithm of the sum of powers from there."""
    vectors, wide = v.b.sdiv(count, v.const(v.lanes)), v.vector("f64")
    done = v.mul(vectors, v.lanes)
    some, rest, none = v.mask(v.b.sub(count, done)), v.mul(done, 4), v.full("f64", 0.0)

    def row(r: Value) -> list[Value]:
        line, to = (v.pointer(place, v.mul(v.mul(r, count), 4)) for place in (x, y))
        most = v.splat(joined(v, line, count, same, larger, -math.inf))
        origin = v.b.fpext(most, wide)

        def off(part: Value) -> Value:
            return v.b.fsub(v.b.fpext(part, wide), origin)

        def add(i: Value, acc: Value) -> list[Value]:
            part = v.load("f32", line, v.mul(i, 4 * v.lanes))
            return [v.b.fadd(acc, exp_wide(v, off(part)))]

        (acc,) = v.carry(vectors, [none], add)
        last = off(v.load_some("f32", some, line, rest))
        acc = v.b.fadd(acc, v.b.select(some, exp_wide(v, last), none))
        less = log_wide(v, v.splat(v.fold(acc, v.b.fadd), v.lanes))

        def result(distance: Value) -> Value:
            return v.b.fptrunc(v.b.fsub(distance, less), v.vector("f32"))

        def write(i: Value) -> list[Value]:
            at = v.mul(i, 4 * v.lanes)
            v.store(result(off(v.load("f32", line, at))), to, at)
            return []

        v.carry(vectors, [], write)
        v.store_some(result(last), some, to, rest)
        return []

    v.carry(rows, [], row)


@kernel
def f32_log_softmax(x: I64, y: I64, rows: I64, depth: I64, tid: I64, threads: I64) -> I64:
    """Threads share the rows."""
    start, stop = share(rows, tid, threads)
    log_softmax_rows(x + 4 * start * depth, y + 4 * start * depth, stop - start, depth)
    return OK


@lowers((log_softmax, "f32"))
def lower_f32_log_softmax(site: Site) -> list[Step]:
    """A row is one piece of work."""
    y = site.outputs[0]
    depth = y.type.shape[-1]
    return [Step(f32_log_softmax, (site.inputs[0], y, y.type.size // depth, depth))]
