"""Kernels: plain Python functions over raw addresses that Numba compiles; importing this never imports numba.

A kernel's parameters say its argument block: pointers (`F32`, `S8`, ...: index them, `x[i]`), whole numbers
(`I64`) and reals (`F64`), eight bytes each; the last two are always `tid` and `threads`. It returns 0, or one
of the codes below. It allocates nothing, raises nothing, and touches no byte outside of its tensors: an index
that arrives at run time is checked before use. What it writes through one pointer it reads through no other
(the compiler assumes so). The globals it uses come from modules of `jit_kernels` and `quant` alone: these make
up the key of the cached code.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

# Parameter annotations of kernels: pointers to elements, and scalars.
F16: TypeAlias = Any
F32: TypeAlias = Any
F64P: TypeAlias = Any
S8: TypeAlias = Any
U8: TypeAlias = Any
S16: TypeAlias = Any
U16: TypeAlias = Any
S32: TypeAlias = Any
U32: TypeAlias = Any
S64: TypeAlias = Any
U64: TypeAlias = Any
BOOL: TypeAlias = Any
I64: TypeAlias = int
F64: TypeAlias = float
# Pointers that a kernel family has for each of its types: to the type, to the first and the second of two.
T: TypeAlias = Any
R: TypeAlias = Any

OK = 0
INDEX_OUT_OF_RANGE = 1
DIVISION_BY_ZERO = 2
OUT_OF_DOMAIN = 3
ASSERTION_FAILED = 4

CODES = {
    INDEX_OUT_OF_RANGE: "an index is out of range",
    DIVISION_BY_ZERO: "an integer is divided by zero",
    OUT_OF_DOMAIN: "the function has no value for an element",
    ASSERTION_FAILED: "an assertion does not hold",
}


class Kernel:
    """A function that can be compiled to `int64 name(args, tid, threads)`.

    `function` must live in an importable module, under its own name: the compiler finds it there. `types`
    are what T and R in its annotations stand for. Where the processor lacks one of `needs` it cannot be compiled.
    """

    __name__: str

    def __init__(
        self, function: Callable[..., int], *types: str, needs: frozenset[str] = frozenset()
    ) -> None:
        functools.update_wrapper(self, function)  # type: ignore[arg-type]
        self.function = function
        self.types, self.needs = types, needs
        self.__name__ = "_".join([*types, function.__name__])
        names = list(inspect.signature(function).parameters)
        if names[-2:] != ["tid", "threads"]:
            raise TypeError(f"{function.__name__}: the last two parameters are tid and threads")
        self.parameters = tuple(names[:-2])
        # With `from __future__ import annotations` these are the spelled names: "F32", "I64", ...
        spelled = [str(function.__annotations__[name]) for name in self.parameters]
        pointers = ["F64P" if t == "f64" else t.upper() for t in types]  # F64 is a scalar
        meant = dict(zip("TR", pointers, strict=False))
        self.abi = tuple(meant.get(kind, kind) for kind in spelled)

    @property
    def name(self) -> str:
        """The kernel's identity: module and function, and its types in a family."""
        types = f"[{', '.join(self.types)}]" if self.types else ""
        return f"{self.function.__module__}:{self.function.__qualname__}{types}"

    @property
    def file(self) -> str:
        """The source file that it is defined in."""
        return self.function.__code__.co_filename

    def __repr__(self) -> str:
        return f"<kernel {self.__name__}>"


def kernel(function: Callable[..., int]) -> Kernel:
    """Declare a kernel; it is compiled when a plan first needs it, and kept on disk."""
    return Kernel(function)


def kernel_for(needs: frozenset[str]) -> Callable[[Callable[..., int]], Kernel]:
    """Declare a kernel that only some processors can run."""
    return functools.partial(Kernel, needs=needs)


Types = TypeVar("Types", str, tuple[str, str])


class KernelFamily(dict[Types, Kernel], Generic[Types]):
    """The kernels that one function makes, by the types that they are for."""

    def __init__(self, function: Callable[..., int], choices: tuple[Types, ...]) -> None:
        for types in choices:
            self[types] = Kernel(function, *((types,) if isinstance(types, str) else types))
        self.function = function


def kernel_family(*choices: Types) -> Callable[[Callable[..., int]], KernelFamily[Types]]:
    """Declare one function as a kernel for each of some element types, or for each of some pairs of them.

    >>> @kernel_family("s8", "f32")
    ... def copy(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64: ...
    >>> copy["s8"].abi
    ('S8', 'S8', 'I64')
    """
    return lambda function: KernelFamily(function, choices)


class Inlined:
    """A function that kernels call. Python may call it as well."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    @functools.cached_property
    def _dispatcher(self) -> Any:  # Numba's type refers to it weakly
        from numba import njit

        return njit(error_model="numpy", no_cpython_wrapper=True)(self.function)

    @functools.cached_property
    def _numba_type_(self) -> Any:
        """What Numba asks of a global that it meets in a kernel."""
        from numba import typeof

        return typeof(self._dispatcher)


class Emitted:
    """An operation that kernels call and that writes LLVM IR: `emit(builder, *values) -> value`.

    `signature` names its types: "I64(I64, F64)"; a result of "NONE" is nothing.
    """

    def __init__(self, signature: str, emit: Callable[..., Any]) -> None:
        functools.update_wrapper(self, emit)
        self.emit = emit
        result, _, parameters = signature.rstrip(")").partition("(")
        self.result = result
        self.parameters = tuple(p.strip() for p in parameters.split(",") if p.strip())

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"{self.emit.__name__} works in kernels only")

    @functools.cached_property
    def _numba_type_(self) -> Any:
        from numba.core import types
        from numba.core.registry import cpu_target
        from numba.extending import intrinsic

        table = {"I64": types.int64, "F64": types.float64, "NONE": types.none}
        signature = table[self.result](*(table[p] for p in self.parameters))

        def codegen(context: Any, builder: Any, _: Any, values: Any) -> Any:
            value = self.emit(builder, *values)
            return context.get_dummy_value() if self.result == "NONE" else value

        names = ", ".join(f"a{i}" for i in range(len(self.parameters)))
        scope = {"signature": signature, "codegen": codegen}
        exec(f"def typed(context, {names}): return signature, codegen", scope)
        made = intrinsic(scope["typed"])
        cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(made)


def emitted(signature: str) -> Callable[[Callable[..., Any]], Emitted]:
    """Declare a function that emits LLVM IR as an operation for use inside kernels."""
    return functools.partial(Emitted, signature)


def inlined(function: Callable[..., Any]) -> Inlined:
    """Declare a function for use inside kernels."""
    return Inlined(function)


@inlined
def share(count, tid, threads):  # type: ignore[no-untyped-def]
    """Return the (start, stop) of thread `tid` in `count` items, cut evenly and always the same way."""
    return count * tid // threads, count * (tid + 1) // threads
