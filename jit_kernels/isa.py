"""What this processor can do, as a set of feature names; LITEGOLD_ISA masks the wider sets off."""

from __future__ import annotations

import os

# Each level includes the ones before it.
LEVELS = {
    "any": frozenset[str](),
    "avx2": frozenset({"avx", "avx2", "fma", "f16c"}),
    "avx512": frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni"}),
}


def _host_features() -> frozenset[str]:
    from llvmlite import binding

    return frozenset(name for name, on in binding.get_host_cpu_features().items() if on)


def _detect() -> frozenset[str]:
    limit = os.environ.get("LITEGOLD_ISA", "avx512")
    names = list(LEVELS)
    if limit not in names:
        raise ValueError(f"LITEGOLD_ISA={limit}: one of {', '.join(names)}")
    allowed = frozenset[str]().union(*(LEVELS[n] for n in names[: names.index(limit) + 1]))
    return _host_features() & allowed


HOST: frozenset[str] = _detect()
