"""What this processor can do, as a set of feature names; LITEGOLD_ISA masks the wider sets off."""

from __future__ import annotations

import functools
import os
import platform
import sys
from pathlib import Path

# Each level includes the ones before it.
X86 = {
    "any": frozenset[str](),
    "avx2": frozenset({"avx", "avx2", "fma", "f16c"}),
    "avx512": frozenset(
        {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "avxvnni", "avx512vbmi"}
    ),
    "avx512fp16": frozenset({"avx512fp16"}),
    "amx": frozenset({"amx-tile", "amx-int8"}),
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
    if LEVELS is ARM or _limit().startswith(("avx512", "amx")):
        # Without neon an AArch64 compiler has no floats. The other instructions on tiles go with the two of "amx".
        tiles = feature.startswith("amx") and _limit() != "amx" and LEVELS is X86
        return tiles or feature in above - {"neon"}
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


@functools.cache
def second_level_cache() -> int:
    """Return the bytes of a core's second-level cache, or 0 where the system does not say."""
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(size.removesuffix("K")) << 10
    except (OSError, ValueError):
        return 0


_ARCH_REQ_XCOMP_PERM, _XTILEDATA, _ARCH_PRCTL = 0x1023, 18, 158  # Linux on x86-64


@functools.cache
def tiles_permitted() -> bool:
    """Whether this process may use AMX tiles. Linux grants it, for good, to a process that asks."""
    if "amx-int8" not in HOST or sys.platform != "linux":
        return False
    import ctypes

    ask = ctypes.CDLL(None).syscall
    return bool(ask(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA) == 0)
