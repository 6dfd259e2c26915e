"""What this processor can do, as a set of feature names; LITEGOLD_ISA masks the wider sets off."""

from __future__ import annotations

import functools
import os
import platform

# Each level includes the ones before it.
X86 = {
    "any": frozenset[str](),
    "avx2": frozenset({"avx", "avx2", "fma", "f16c"}),
    "avx512": frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "avxvnni"}),
    "avx512fp16": frozenset({"avx512fp16"}),
}
ARM = {
    "any": frozenset[str](),
    "neon": frozenset({"neon"}),
    "armv8.2": frozenset({"dotprod", "fullfp16"}),
    "armv8.6": frozenset({"i8mm"}),
}
LEVELS = ARM if platform.machine() in ("aarch64", "arm64") else X86


def _limit() -> str:
    limit = os.environ.get("LITEGOLD_ISA", list(LEVELS)[-1])
    if limit not in LEVELS:
        raise ValueError(f"LITEGOLD_ISA={limit}: one of {', '.join(LEVELS)}")
    return limit


def _banned(feature: str) -> bool:
    """Whether the limit forbids the compiler to use `feature`."""
    names = list(LEVELS)
    above = frozenset[str]().union(*(LEVELS[n] for n in names[names.index(_limit()) + 1 :]))
    if LEVELS is ARM or _limit().startswith("avx512"):
        return feature in above - {"neon"}  # without which an AArch64 compiler has no floats
    if feature.startswith(("avx512", "avx10", "avxvnni", "avxneconvert", "avxifma", "amx")):
        return True
    wide = ("avx", "fma", "f16c", "xop", "vaes", "vpclmulqdq")
    return _limit() == "any" and feature.startswith(wide)


@functools.cache
def cpu() -> tuple[str, str]:
    """Return the processor's name and its features, for LLVM: `+sse2,-avx512f,...`."""
    from llvmlite import binding

    host = binding.get_host_cpu_features()
    features = (f"{'+' if on and not _banned(name) else '-'}{name}" for name, on in host.items())
    return binding.get_host_cpu_name(), ",".join(sorted(features))


def _detect() -> frozenset[str]:
    names = list(LEVELS)
    allowed = frozenset[str]().union(*(LEVELS[n] for n in names[: names.index(_limit()) + 1]))
    present = frozenset(f[1:] for f in cpu()[1].split(",") if f.startswith("+"))
    return present & allowed


HOST: frozenset[str] = _detect()
