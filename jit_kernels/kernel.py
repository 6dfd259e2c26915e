"""Kernels: plain Python functions over raw addresses that Numba compiles; importing this never imports numba.

A kernel's parameters say its argument block: pointers (`F32`, `S8`, ...: index them, `x[i]`), whole numbers
(`I64`) and reals (`F64`), eight bytes each; the last two are always `tid` and `threads`. It returns 0, or one
of the codes below. It allocates nothing, raises nothing, and touches no byte outside of its tensors: an index
that arrives at run time is checked before use.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

# Parameter annotations of kernels: pointers to elements, and scalars.
F16 = F32 = F64P = S8 = U8 = S16 = U16 = S32 = U32 = S64 = U64 = BOOL = Any
I64 = int
F64 = float

OK = 0
INDEX_OUT_OF_RANGE = 1
DIVISION_BY_ZERO = 2

CODES = {
    INDEX_OUT_OF_RANGE: "an index is out of range",
    DIVISION_BY_ZERO: "an integer is divided by zero",
}


class Kernel:
    """A function that can be compiled to `int64 name(args, tid, threads)`.

    `function` must live in an importable module, under its own name: the compiler finds it there.
    """

    def __init__(self, function: Callable[..., int]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        names = list(inspect.signature(function).parameters)
        if names[-2:] != ["tid", "threads"]:
            raise TypeError(f"{function.__name__}: the last two parameters are tid and threads")
        self.parameters = tuple(names[:-2])
        # With `from __future__ import annotations` these are the spelled names: "F32", "I64", ...
        self.abi = tuple(str(function.__annotations__[name]) for name in self.parameters)

    @property
    def name(self) -> str:
        """The kernel's identity: module and function."""
        return f"{self.function.__module__}:{self.function.__name__}"

    def __repr__(self) -> str:
        return f"<kernel {self.function.__name__}>"


def kernel(function: Callable[..., int]) -> Kernel:
    """Declare a kernel; it is compiled when a plan first needs it, and kept on disk."""
    return Kernel(function)


class Inlined:
    """A function that kernels call. Python may call it as well."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    @functools.cached_property
    def _numba_type_(self) -> Any:
        """What Numba asks of a global that it meets in a kernel."""
        from numba import njit, typeof

        return typeof(njit(error_model="numpy")(self.function))


def inlined(function: Callable[..., Any]) -> Inlined:
    """Declare a function for use inside kernels."""
    return Inlined(function)


@inlined
def share(count, tid, threads):  # type: ignore[no-untyped-def]
    """Return the (start, stop) of thread `tid` in `count` items, cut evenly and always the same way."""
    return count * tid // threads, count * (tid + 1) // threads
