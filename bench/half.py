"""`python -m bench.half`: float32 <-> float16 beside NumPy's astype, and half multiply-adds a second, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from litegold.jit_kernels import half
from litegold.jit_kernels.isa import HOST

SIZES = (1 << 12, 1 << 16, 1 << 22)
ROUNDS = 60


def best(*runs: Callable[[], Any]) -> list[float]:
    """Return the least seconds of each, in turns."""
    times = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            start = time.perf_counter()
            run()
            times[i] = min(times[i], time.perf_counter() - start)
    return times


def main() -> None:
    """Print a table."""
    print(f"on {', '.join(sorted(HOST)) or 'any processor'}; the best of {ROUNDS} rounds, in turns")
    print(f"{'elements':>9} {'what':16} {'M a second':>11} {'NumPy':>8} {'times':>6}")
    rng = np.random.default_rng(0)
    for size in SIZES:
        single = rng.standard_normal(size).astype(np.float32)
        stored = single.astype(np.float16)
        for name, ours, theirs in (
            ("f32 to f16", lambda x=single: half.narrow(x), lambda x=single: x.astype(np.float16)),
            ("f16 to f32", lambda x=stored: half.widen(x), lambda x=stored: x.astype(np.float32)),
        ):
            own, other = best(ours, theirs)
            print(
                f"{size:9} {name:16} {size / own / 1e6:11.0f} {size / other / 1e6:8.0f} {other / own:6.1f}"
            )
        given = [rng.standard_normal(size).astype(np.float16) for _ in range(3)]
        for name, count in (("add", 2), ("mul", 2), ("div", 2), ("sqrt", 1), ("fma", 3)):
            operands = [np.abs(x) for x in given[:count]] if name == "sqrt" else given[:count]
            (own,) = best(lambda n=name, o=operands: half.arithmetic(n, *o))
            print(f"{size:9} {name:16} {size / own / 1e6:11.0f}")


if __name__ == "__main__":
    main()
