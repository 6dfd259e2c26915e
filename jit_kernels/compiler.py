"""Compile kernels to object code in a child process: only it loads Numba, and LLVM may hang or crash there.

`python -m litegold.jit_kernels.compiler` reads one JSON request a line and answers each with one line.
The object defines a single symbol, `int64 name(int64 *block, int64 tid, int64 threads)`.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import os
import re
import sys
import traceback
from typing import Any

from .cache import source_digest

# What an object may leave open: the C library and its mathematics, which the process has anyway.
OPEN = re.compile(
    r"(mem(cpy|set|move|cmp)|sched_yield|clock_gettime|abs|labs|"
    r"a?(sin|cos|tan)h?|atan2|exp2?|expm1|log(1p|2|10)?|pow|sqrt|cbrt|erfc?|[lt]gamma|hypot|fmod|"
    r"floor|ceil|trunc|round(even)?|rint|nearbyint|l?lrint|fabs|fma|copysign|ldexp|frexp)f?"
)

_LLVM_TYPES = {"I64": "i64", "F64": "double"}


def _numba_types() -> dict[str, Any]:
    from numba.core import types

    elements = {
        "F16": types.float16, "F32": types.float32, "F64P": types.float64,
        "S8": types.int8, "U8": types.uint8, "S16": types.int16, "U16": types.uint16,
        "S32": types.int32, "U32": types.uint32, "S64": types.int64, "U64": types.uint64,
        "BOOL": types.uint8,
    }  # fmt: skip
    pointers = {
        name: types.CPointer(element)  # type: ignore[attr-defined]
        for name, element in elements.items()
    }
    return {**pointers, "I64": types.int64, "F64": types.float64}


def _shim(name: str, callee: str, abi: list[str]) -> str:
    """Return LLVM IR that unpacks the argument block and calls Numba's function by its convention."""
    kinds = [_LLVM_TYPES.get(kind, "ptr") for kind in abi]
    loads = "\n".join(
        f"  %p{i} = getelementptr i64, ptr %block, i64 {i}\n  %v{i} = load {kind}, ptr %p{i}"
        for i, kind in enumerate(kinds)
    )
    given = "".join(f"{kind} %v{i}, " for i, kind in enumerate(kinds))
    return f"""
declare i32 @"{callee}"({", ".join(["ptr", "ptr", *kinds, "i64", "i64"])})
define i64 @"{name}"(ptr %block, i64 %tid, i64 %threads) {{
  %result = alloca i64
  %error = alloca ptr
{loads}
  %status = call i32 @"{callee}"(ptr %result, ptr %error, {given}i64 %tid, i64 %threads)
  %value = load i64, ptr %result
  %failed = icmp ne i32 %status, 0
  %code = select i1 %failed, i64 -1, i64 %value
  ret i64 %code
}}"""


def _lower(function: Any, abi: list[str]) -> tuple[Any, str]:
    """Return Numba's optimised code of `function`, as a library, and the symbol in it."""
    from numba.core import types
    from numba.core.compiler import Flags, compile_extra
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.registry import cpu_target

    flags = Flags()
    flags.error_model = "numpy"
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.noalias = True  # what a kernel writes it reaches by one parameter only
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    target.refresh()
    table = _numba_types()
    unknown = [kind for kind in abi if kind not in table]
    if unknown:
        raise TypeError(f"parameters annotated {', '.join(unknown)}; known are {', '.join(table)}")
    arguments = (*(table[kind] for kind in abi), types.int64, types.int64)
    with global_compiler_lock:
        result = compile_extra(typing, target, function, arguments, types.int64, flags, {})
        result.library.finalize()
    return result.library, result.fndesc.llvm_func_name


def compile_kernel(function: Any, abi: list[str], symbol: str) -> bytes:
    """Return an object file that defines `symbol`; needs Numba, so it is called in the child."""
    from llvmlite import binding as llvm

    from .isa import cpu

    library, callee = _lower(function, abi)
    module = llvm.parse_assembly(library.get_llvm_str())
    module.link_in(llvm.parse_assembly(_shim(symbol, callee, abi)))
    for f in module.functions:
        if not f.is_declaration and f.name != symbol:
            f.linkage = "internal"
    for g in module.global_variables:
        g.linkage = "internal"
    name, features = cpu()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=name, features=features, opt=3, jit=True
    )
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_dead_prototype_pass()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.run(module, builder)
    open_names = [f.name for f in module.functions if f.is_declaration]
    foreign = [n for n in open_names if not n.startswith("llvm.") and not OPEN.fullmatch(n)]
    foreign += [g.name for g in module.global_variables if g.name.startswith("numba.")]
    if foreign:
        raise TypeError(f"it needs {', '.join(foreign)}, which kernels cannot have")
    return machine.emit_object(module)


def _function(module: str, name: str, file: str) -> Any:
    """Find the function of a kernel or family by its module's name, or by its file where that cannot be imported."""
    try:
        if module == "__main__":
            raise ModuleNotFoundError(module)
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        spec = importlib.util.spec_from_file_location(f"_kernels_of_{abs(hash(file))}", file)
        if spec is None or spec.loader is None:
            raise
        found = sys.modules.get(spec.name) or importlib.util.module_from_spec(spec)
        if spec.name not in sys.modules:
            sys.modules[spec.name] = found
            spec.loader.exec_module(found)
    for part in name.split("."):
        found = getattr(found, part)
    return found.function


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        function = _function(request["module"], request["function"], request["file"])
        code = compile_kernel(function, request["abi"], request["symbol"])
        # Sources edited since the parent started do not belong under the symbol that it asked for.
        current = source_digest(request["file"]) == request["sources"]
    except Exception as error:
        where = traceback.format_exc(limit=-6)
        return {"error": f"{type(error).__name__}: {error}", "where": where}
    return {"object": base64.b64encode(code).decode(), "current": current}


def main() -> None:
    """Serve requests until the input ends. What kernels' modules print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from llvmlite import binding as llvm

    # Instructions stay as a tile writes them. LLVM's scheduler moves loads to the front of an unrolled loop, for
    # their latency, which costs more registers than there are: sums of a product then went through memory.
    llvm.set_option("", "-enable-misched=false")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
