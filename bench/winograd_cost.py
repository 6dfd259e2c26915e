"""Fit the cost model of jit_kernels/winograd_cost.py to this machine: `python -m bench.winograd_cost [--threads N]`.

Times the plain convolution and every F(m, 3) on a grid of shapes, fits the model's constants, and prints what its
choice, MindSpore Lite's rule and the best choice in hindsight cost in all.
"""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
from rich.progress import track
from rich.table import Table

from litegold.cli import screen
from litegold.conformance.engines.timing import interleave
from litegold.conformance.inputs import random_feeds
from litegold.ir import Array
from litegold.jit_kernels.lowering import CPU, Lowering
from litegold.jit_kernels.winograd import WINOGRAD, lower_winograd
from litegold.jit_kernels.winograd_cost import choice, terms
from litegold.jit_kernels.winograd_transforms import F
from litegold.refimpl.conv import conv2d
from litegold.runtime import Session
from litegold.train.models.table import Layers

KEY = conv2d, "f32"
LAYERS = 4
# (rows = columns, input channels, output channels)
SHAPES = (
    (112, 16, 32), (112, 64, 64), (56, 64, 64), (56, 32, 128), (56, 128, 32), (28, 128, 128), (28, 64, 256),
    (28, 256, 64), (14, 128, 128), (14, 256, 256), (14, 64, 512), (7, 128, 128), (7, 256, 256), (7, 512, 512),
    (32, 64, 64), (16, 128, 128), (8, 256, 256), (4, 256, 256), (30, 48, 48), (20, 96, 96), (10, 32, 32),
)  # fmt: skip


@contextmanager
def forced(m: int) -> Iterator[None]:
    """Have plans made with F(m, 3), or with plain sums for 0."""
    plain = tuple(way for way in CPU[KEY] if way not in WINOGRAD)
    ways = (Lowering(functools.partial(lower_winograd, m)),) if m else plain
    with mock.patch.dict(CPU._table, {KEY: ways}):
        yield


def measure(rows: int, c: int, n: int, threads: int, rounds: int) -> dict[int, float]:
    """Return the least seconds of each way, by m: of some layers in turn, so that weights come from far."""
    net = Layers("layers", 0)
    net.input("x", (1, rows, rows, c))
    graph = net.graph(*(net.conv(f"y{i}", "x", n, 3) for i in range(LAYERS)))
    feeds, runs = random_feeds(graph, 0), {}
    for m in (0, *F):
        with forced(m):
            session = Session(graph, threads)
            session.run(feeds)
        runs[str(m)] = functools.partial(session.run, feeds)
    return {int(m): t.best / LAYERS for m, t in interleave(runs, rounds).items()}


def mindspore_lite(y: tuple[int, ...], c: int, threads: int) -> int:
    """Return the output unit that MindSpore Lite 1.1 chooses, or 0: products saved, less a penalty for large units."""
    _, rows, columns, n = y
    most = min(max(math.isqrt(-(-rows * columns // (12 * threads))), 2), 8)
    rates = {0: 1.0}
    for m in (u for u in F if u <= most):
        t = m + 2
        plain = rows * columns * c * n * 9
        transformed = (2 + n) * t * t * c + (t + m) * m * n
        rates[m] = plain / (transformed * -(-rows // m) * -(-columns // m)) - 0.12 * t * t / 9
    return max(rates, key=lambda m: rates[m])


def fit(features: Array, seconds: Array) -> Array:
    """Return the constants, none negative, that minimise the sum of squares of relative errors."""
    from scipy.optimize import nnls

    return np.asarray(nnls(features / seconds[:, None], np.ones(len(seconds)))[0])


def main() -> None:
    """Print measurements, constants and the cost of the choices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    threads = options.threads
    table = Table(title=f"microseconds, {threads} thread(s)")
    for heading in ("shape", "plain", *(f"F({m},3)" for m in F), "best", "model", "MindSpore Lite"):
        table.add_column(heading)
    rows, seconds = [], []
    total = dict.fromkeys(("best", "model", "MindSpore Lite", "plain"), 0.0)
    for shape in track(SHAPES, transient=True):
        size, c, n = shape
        y = (1, size, size, n)
        times = measure(size, c, n, threads, options.rounds)
        rows += [terms(m, c, y) for m in F]
        seconds += [times[m] for m in F]
        ways = {
            "best": min(times, key=lambda m: times[m]),
            "model": choice(c, y),
            "MindSpore Lite": mindspore_lite(y, c, threads),
        }
        for name, m in {**ways, "plain": 0}.items():
            total[name] += math.log(times[m] / times[ways["best"]])
        numbers = [f"{times[m] * 1e6:.0f}" for m in (0, *F)]
        table.add_row("x".join(map(str, shape)), *numbers, *(str(m) for m in ways.values()))
    screen.out.print(table)
    constants = fit(np.array(rows), np.array(seconds))
    relative = " ".join(f"{v:.2f}" for v in constants / constants[0])
    screen.out.print(
        f"{constants[0] * 1e12:.2f} ps a product; input, output, weight byte: {relative}"
    )
    for name, value in total.items():
        screen.out.print(
            f"{name}: {math.exp(value / len(SHAPES)):.3f} of the best (geometric mean)"
        )


if __name__ == "__main__":
    main()
