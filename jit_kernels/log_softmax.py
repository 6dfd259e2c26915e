"""The logarithm of the softmax of float32 rows: the powers are added up, and none of them is kept."""

from __future__ import annotations

import math

from ..refimpl.softmax import log_softmax
from .exponential import exp_down
from .kernel import I64, OK, kernel, share
from .lowering import Site, Step, lowers
from .reduce_rows import joined, larger, same
from .simd import Value, Vectors, tile
from .softmax import across
from .trigonometry import log32


@tile("f32_log_softmax_rows")
def log_softmax_rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64) -> None:
    """Subtract from each element the largest of its row, then the logarithm of the sum of powers from there."""
    vectors, none = v.b.sdiv(count, v.const(v.lanes)), v.full("f32", 0.0)
    done = v.mul(vectors, v.lanes)
    some, rest = v.mask(v.b.sub(count, done)), v.mul(done, 4)

    def row(r: Value) -> list[Value]:
        line, to = (v.pointer(place, v.mul(v.mul(r, count), 4)) for place in (x, y))
        most = v.splat(joined(v, line, count, same, larger, -math.inf))

        def power(acc: Value, at: Value) -> Value:
            return v.b.fadd(acc, exp_down(v, v.b.fsub(v.load("f32", line, at), most)))

        last = v.b.fsub(v.load_some("f32", some, line, rest), most)
        total = across(v, vectors, none, power, v.b.fadd)
        total = v.b.fadd(total, v.b.select(some, exp_down(v, last), none))
        less = log32(v, v.splat(v.fold(total, v.b.fadd)))

        def write(i: Value) -> list[Value]:
            at = v.mul(i, 4 * v.lanes)
            v.store(v.b.fsub(v.b.fsub(v.load("f32", line, at), most), less), to, at)
            return []

        v.carry(vectors, [], write)
        v.store_some(v.b.fsub(last, less), some, to, rest)
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
