"""The loops that measure the processor's peaks compute what they say, and read and write no more memory than that."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bench import roofline
from bench.cases import PARTS
from litegold.jit_kernels import peaks
from litegold.jit_kernels.gemm_amx import SIDE, configuration
from litegold.jit_kernels.isa import HOST, LEVELS, tiles_permitted
from litegold.jit_kernels.loading import callable_of
from litegold.jit_kernels.simd import LANES

GUARD = 64


def run(kernel, memory, *arguments, first=None):
    """Run a kernel on a copy of `memory`, bytes; what lies around it must stay."""
    room = np.full(memory.size + 2 * GUARD, 0xA5, np.uint8)
    room[GUARD:-GUARD] = memory
    before = [] if first is None else [first]
    block = np.array([*before, room.ctypes.data + GUARD, *arguments], np.int64)
    assert callable_of(kernel)(block.ctypes.data, 0, 1) == 0
    assert (room[:GUARD] == 0xA5).all() and (room[-GUARD:] == 0xA5).all()
    return room[GUARD:-GUARD]


def f32(x, y, total):
    return (x.astype("f8") * y + total).astype("f4")


def s16(x, y, total):
    pairs = x.view("i2").astype("i8") * y.view("i2")
    return (total + pairs.reshape(-1, 2).sum(1)).astype("i4")


def s8(x, y, total):
    fours = x.view("u1").astype("i8") * y.view("i1")
    return (total + fours.reshape(-1, 4).sum(1)).astype("i4")


def f16(x, y, total):  # of numbers so small that no result is rounded
    return (x.astype("f8") * y + total).astype("f2")


PRODUCTS = {"f32": ("f4", f32), "f16": ("f2", f16), "s16": ("i4", s16), "s8": ("i4", s8)}


@pytest.mark.parametrize("form", peaks.PEAKS)
def test_products(form):
    kind, product = PRODUCTS[form]
    rng = np.random.default_rng(0)
    sums = rng.integers(-4, 4, (peaks.SUMS, LANES)).astype(kind)
    got = run(peaks.PEAKS[form][0], sums.reshape(-1).view("u1"), 2).view(kind).reshape(sums.shape)
    y = sums[0].copy()
    for _ in range(2):
        sums = np.stack([product(x, y, s) for x, s in zip(np.roll(sums, -1, 0), sums, strict=True)])
    np.testing.assert_array_equal(got, sums)


@pytest.mark.skipif(not tiles_permitted(), reason="the processor has no tiles")
def test_products_of_tiles():
    rng = np.random.default_rng(0)
    memory = rng.integers(0, 256, peaks.TILE_ROOM, np.uint8)
    config = configuration(SIDE, False)
    tiles = memory.reshape(-1, SIDE, 4 * SIDE)
    got = run(peaks.TILE_PEAK[0], memory, 3, first=config.ctypes.data).reshape(tiles.shape)
    for n in range(peaks.TILE_SUMS):
        a = tiles[peaks.TILE_SUMS + n // 2].astype("i8")
        b = (
            tiles[peaks.TILE_SUMS + 2 + n % 2].view("i1").astype("i8")
        )  # fours of a column side by side
        product = a @ b.reshape(SIDE, SIDE, 4).swapaxes(1, 2).reshape(4 * SIDE, SIDE)
        want = (tiles[n].view("i4") + 3 * product).astype("i4")
        np.testing.assert_array_equal(got[n].view("i4"), want)
    np.testing.assert_array_equal(got[peaks.TILE_SUMS :], tiles[peaks.TILE_SUMS :])


def test_passes():
    line = peaks.LINES * peaks.VECTOR
    memory = np.random.default_rng(0).integers(0, 256, 3 * line, np.uint8)
    copied = np.zeros(2 * line, np.uint8)
    assert (run(peaks.pass_copy, memory, copied.ctypes.data, 2, 3) == memory).all()
    assert (copied == memory[: 2 * line]).all()
    lines = memory.reshape(3, line).view("u4")
    read = run(peaks.pass_read, memory, 2, 1).reshape(3, line).view("u4")
    assert (read[0] == lines[0] ^ lines[0] ^ lines[1]).all() and (read[1:] == lines[1:]).all()


@pytest.mark.slow
@pytest.mark.parametrize("level", [n for n, features in LEVELS.items() if features < HOST])
def test_narrower_instruction_sets(level):
    words = [sys.executable, "-m", "pytest", "-q", __file__, "-k", "products or passes"]
    ran = subprocess.run(
        words, env={**os.environ, "LITEGOLD_ISA": level}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("part", PARTS)
def test_cases_count_their_products(part):
    for build in PARTS[part][:1] + PARTS[part][-1:]:
        case = build()
        (node,) = case.graph.nodes
        out = case.graph.tensors["y"].size
        if "w" in case.graph.tensors:
            shape = case.graph.tensors["w"].shape
            axis = 3 if node.op.__name__.startswith("depthwise") else 0
            assert case.products == out * case.graph.tensors["w"].size // shape[axis]
        assert case.bytes > 4 * out or case.form != "f32"


@pytest.mark.slow
def test_a_part_is_measured_and_shown():
    rows = roofline.measure(["elementwise"], rounds=2)
    rows = [row | {"isa": "avx512", "commit": "c", "load": 0.0} for row in rows]
    page = roofline.markdown(rows)
    assert "peak f32" in page and "GB/s" in page and "max pool 3x3/2 112^2 x 64" in page


def test_the_roof_is_the_lower_of_two():
    case = PARTS["gemm"][0]()
    fast = dict.fromkeys(roofline.MEMORY, 1e15)
    assert roofline.roof(case, 1e11, fast) == (1e11, "products")
    slow = dict.fromkeys(roofline.MEMORY, 1e3)
    rate, limit = roofline.roof(case, 1e11, slow)
    assert limit == "L2" and rate == 1e3 * case.products / case.bytes
