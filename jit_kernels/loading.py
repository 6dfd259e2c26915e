"""Addresses of compiled kernels in this process: from memory, from disk, or compiled just now."""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..ir import Array
from . import cache
from .batch import CompileError, compile_batch
from .kernel import Kernel

_at_start: Callable[[Any], Any] = ctypes.c_char.from_buffer
_addresses: dict[Kernel, int] = {}
_lock = threading.RLock()

# What an address is called as from Python: int64 f(block, tid, threads). The first kind of call releases the GIL; the
# second keeps it, which costs less and suits what takes less time than other threads would wait anyway.
_TYPES = [ctypes.c_int64] * 4
RELEASING, KEEPING = ctypes.CFUNCTYPE(*_TYPES), ctypes.PYFUNCTYPE(*_TYPES)


def address_of(array: Array) -> int:
    """Return where an array's elements start."""
    try:
        return ctypes.addressof(_at_start(array))  # a third of the time of `array.ctypes`
    except (
        TypeError,
        ValueError,
        BufferError,
    ):  # read-only, empty, strided, or of a type that buffers lack
        return int(array.__array_interface__["data"][0])


@functools.cache
def _engine() -> Any:
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.load_library_permanently("libm.so.6")
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _link(objects: Mapping[Kernel, bytes]) -> None:
    from llvmlite import binding as llvm

    engine = _engine()
    for code in objects.values():
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    for kernel in objects:
        address = engine.get_function_address(cache.symbol_of(kernel))
        if not address:
            raise CompileError(f"kernel {kernel.name}: its object code does not define it")
        _addresses[kernel] = address


def addresses(kernels: Iterable[Kernel]) -> list[int]:
    """Return where the machine code of each kernel is, compiling what is new to this machine."""
    wanted = list(kernels)
    with _lock:
        missing = {k: cache.symbol_of(k) for k in dict.fromkeys(wanted) if k not in _addresses}
        stored = {k: cache.load(symbol) for k, symbol in missing.items()}
        objects = {k: code for k, code in stored.items() if code is not None}
        fresh = {k: symbol for k, symbol in missing.items() if k not in objects}
        if fresh:
            for kernel, (code, keep) in compile_batch(fresh).items():
                objects[kernel] = code
                if keep:
                    cache.store(fresh[kernel], code)
        if objects:
            _link(objects)
        return [_addresses[k] for k in wanted]


@functools.cache
def callable_of(kernel: Kernel, keeps_lock: bool = False) -> Callable[[Any, Any, Any], int]:
    """Return a kernel as a function of Python: (address of the argument block, tid, threads) -> code.

    They are integers, Python's or `c_int64`. Other threads of Python run meanwhile, unless it `keeps_lock`.
    """
    return (KEEPING if keeps_lock else RELEASING)(addresses([kernel])[0])
