"""What the driver needs beyond arithmetic: calls of addresses, atomic words, waiting, the clock."""

from __future__ import annotations

import platform
from typing import Any

from .kernel import emitted


def _int(bits: int = 64) -> Any:
    from llvmlite import ir

    return ir.IntType(bits)


def _word(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _int().as_pointer())


def _function(builder: Any, name: str, result: Any, *parameters: Any) -> Any:
    from llvmlite import ir
    from numba.core import cgutils

    kind = ir.FunctionType(result, parameters)
    return cgutils.get_or_insert_function(builder.module, kind, name)


@emitted("I64(I64, I64, I64, I64)")
def call_address(builder: Any, address: Any, block: Any, tid: Any, threads: Any) -> Any:
    """Call the kernel at `address`."""
    from llvmlite import ir

    kind = ir.FunctionType(_int(), [_int()] * 3)
    return builder.call(builder.inttoptr(address, kind.as_pointer()), [block, tid, threads])


@emitted("I64(I64)")
def atomic_load(builder: Any, address: Any) -> Any:
    """Read a word that other threads write."""
    return builder.load_atomic(_word(builder, address), "seq_cst", 8)


@emitted("NONE(I64, I64)")
def atomic_store(builder: Any, address: Any, value: Any) -> None:
    """Write a word that other threads read."""
    builder.store_atomic(value, _word(builder, address), "seq_cst", 8)


@emitted("I64(I64, I64)")
def atomic_add(builder: Any, address: Any, value: Any) -> Any:
    """Add to a word, and return what it held before."""
    return builder.atomic_rmw("add", _word(builder, address), value, "seq_cst")


@emitted("I64(I64, I64)")
def atomic_min(builder: Any, address: Any, value: Any) -> Any:
    """Lower a word to `value` where it is greater, and return what it held before."""
    return builder.atomic_rmw("min", _word(builder, address), value, "seq_cst")


@emitted("I64(I64, I64, I64)")
def atomic_replace(builder: Any, address: Any, old: Any, new: Any) -> Any:
    """Write `new` where the word holds `old`; return 1 if so, 0 if not."""
    pair = builder.cmpxchg(_word(builder, address), old, new, "seq_cst", "seq_cst")
    return builder.zext(builder.extract_value(pair, 1), _int())


@emitted("NONE()")
def pause(builder: Any) -> None:
    """Tell the processor that this is a waiting loop."""
    from llvmlite import ir

    if platform.machine() in ("x86_64", "AMD64"):
        builder.call(_function(builder, "llvm.x86.sse2.pause", ir.VoidType()), [])


@emitted("NONE()")
def give_way(builder: Any) -> None:
    """Let another thread have this core (`sched_yield`)."""
    builder.call(_function(builder, "sched_yield", _int(32)), [])


@emitted("NONE(I64)")
def read_clock(builder: Any, address: Any) -> None:
    """Write the monotonic clock's seconds and nanoseconds to two words at `address`."""
    clock = _function(builder, "clock_gettime", _int(32), _int(32), _int().as_pointer())
    builder.call(clock, [_int(32)(1), _word(builder, address)])
