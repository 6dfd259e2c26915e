"""The four-way dot product of bytes at every width: operations, tiles, and the code of other processors."""

from __future__ import annotations

import ctypes
import functools
import re

import numpy as np
import pytest
from llvmlite import binding as llvm
from llvmlite import ir

from litegold.jit_kernels import gemm_amx, gemm_dot4, requant_tiles
from litegold.jit_kernels.isa import HOST, LEVELS, tiles_permitted
from litegold.jit_kernels.kernel import I64
from litegold.jit_kernels.simd import Tile, Vectors, tile
from litegold.jit_kernels.simd_int import signed_bytes
from litegold.quant import fixedpoint

pytestmark = pytest.mark.slow  # not in make quick

WIDTHS = (4, 8, 16)
LEVEL = {"any": frozenset(), "host": HOST}
ENDINGS = (requant_tiles.Bounded, requant_tiles.Real)
ROW = {ending: gemm_dot4.row_tile(ending) for ending in ENDINGS}  # of any number of units
GEMM = {
    (rows, units, ending): gemm_dot4.dot4_tile(rows, units, ending) if rows > 1 else ROW[ending]
    for rows, units in ((6, 2), (5, 1), (1, 7), (1, 1))
    for ending in ENDINGS
}


@functools.cache
def engine_of(each: Tile, lanes: int, isa: frozenset[str]):
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True
    )
    module = ir.Module()
    module.triple = llvm.get_default_triple()
    each.define(module, lanes, isa)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
    engine.finalize_object()
    return engine


def call(each: Tile, lanes: int, isa: frozenset[str], *arguments) -> None:
    address = engine_of(each, lanes, isa).get_function_address(f"tile_{each.name}")
    values = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(values))(address)(*values)


@tile("test_dot4")
def dot4(v: Vectors, acc: I64, a: I64, b: I64, unsigned: I64, signed: I64) -> None:
    """Both dot products of one vector."""
    acc = v.load("s32", acc)
    a, b = (v.load("s8", x, 0, 4 * v.lanes) for x in (a, b))
    v.store(v.dot4_u8s8(acc, a, b), unsigned)
    v.store(v.dot4_s8s8(acc, a, b), signed)


@tile("test_saturate")
def saturate(v: Vectors, x: I64, y: I64) -> None:
    """Four vectors to bytes."""
    v.store(v.saturate_s8([v.load("s32", x, 4 * v.lanes * i) for i in range(4)]), y)


@tile("test_real_inside")
def real_inside(v: Vectors, x: I64, real: I64, y: I64) -> None:
    """Scale one vector by float64."""
    v.store(v.scale_real_inside(v.load("s32", x), v.load("f64", real)), y)


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("level", LEVEL)
def test_dot_products_of_fours_wrap_and_do_not_saturate(lanes, level):
    rng = np.random.default_rng(lanes)
    extremes = np.array([0, 1, 127, 128, 129, 255], np.uint8)
    for round_ in range(20):
        a = rng.choice(extremes, 4 * lanes) if round_ else np.full(4 * lanes, 255, np.uint8)
        b = rng.choice(extremes, 4 * lanes) if round_ else np.full(4 * lanes, 127, np.uint8)
        acc = rng.integers(-(2**31), 2**31, lanes).astype(np.int32)
        unsigned, signed = np.zeros((2, lanes), np.int32)
        call(dot4, lanes, LEVEL[level], acc, a, b, unsigned, signed)
        for got, first in ((unsigned, a), (signed, a.view(np.int8))):
            products = first.astype(np.int64) * b.view(np.int8)
            assert np.array_equal(got, (products.reshape(-1, 4).sum(1) + acc).astype(np.int32))


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("level", LEVEL)
def test_saturation_keeps_the_order(lanes, level):
    x = np.arange(-2 * lanes, 2 * lanes, dtype=np.int32) * 61
    x[:4] = -(2**31), 2**31 - 1, 2**15, -(2**15) - 1
    y = np.zeros(4 * lanes, np.int8)
    call(saturate, lanes, LEVEL[level], x, y)
    assert np.array_equal(y, np.clip(x, -128, 127))


@pytest.mark.parametrize("lanes", WIDTHS)
def test_real_scale_rounds_halves_away(lanes):
    rng = np.random.default_rng(lanes)
    for _ in range(300):
        x = rng.integers(-(2**20), 2**20, lanes).astype(np.int32)
        real = rng.choice([0.5, 0.25, 1.5, 0.125, 2.0**-30, 1e-4, 0.1], lanes)
        real = (
            np.nextafter(real, rng.choice([0.0, 1.0, 9.0], lanes)) if rng.random() < 0.5 else real
        )
        y = np.zeros(lanes, np.int32)
        call(real_inside, lanes, HOST, x, real, y)
        assert np.array_equal(y, fixedpoint.scale_by_real(x, real))


def table_for(rows, lanes, count):
    """Lay a table out for units of any width."""
    table = np.zeros((count, requant_tiles.ROWS, lanes), np.int32)
    for u in range(count):
        table[u, : len(rows)] = rows[:, u * lanes : (u + 1) * lanes]
    table[:, requant_tiles.ODD, ::2] = table[:, requant_tiles.EVEN, 1::2]
    return table


def multipliers(rng, n):
    """Even and odd ones, powers of two, all shifts that the tile takes."""
    m = rng.integers(2**30, 2**31, n)
    m[rng.random(n) < 0.3] &= -(1 << int(rng.integers(1, 30)))
    m = np.maximum(m, 2**30)
    return m.astype(np.int32), -rng.integers(1, requant_tiles.FARTHEST + 1, n).astype(np.int32)


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("level", LEVEL)
@pytest.mark.parametrize("key", GEMM, ids=lambda k: f"{k[0]}x{k[1]}-{k[2].__name__}")
def test_tile(lanes, level, key):
    rows, units, ending = key
    signed = signed_bytes(LEVEL[level])
    for seed in range(12):
        rng = np.random.default_rng(seed)
        runs, quads, n = int(rng.integers(1, 4)), int(rng.integers(1, 8)), lanes * units
        columns = n if units > 1 or seed % 3 else int(rng.integers(1, lanes + 1))
        k = 4 * quads
        a = rng.integers(0, 256, (rows + 3, 80)).astype(np.uint8)
        offsets = rng.choice(3 * 80, runs, replace=False).astype(np.int64)
        b = rng.integers(-128, 128, (runs * k, n))
        bias = rng.integers(-(2 ** int(rng.integers(1, 30))), 2**10, n)
        places = (
            np.arange(rows)[:, None] * 80 + (offsets[:, None] + np.arange(k)).reshape(-1)
        ) % a.size
        source = a.reshape(-1)[places]
        acc = (source.view(np.int8) if signed else source).astype(np.int64) @ b + bias
        low, high, zero, flip = -120, 125, int(rng.integers(-128, 128)), 128 * (seed % 2)
        if ending is requant_tiles.Bounded:
            m, shift = multipliers(rng, n)
            spread = np.full(n, 255 * 128 * k * runs)
            made = requant_tiles.bounded_table(bias, spread, np.zeros(n), m, shift, zero)
            if made is None:
                continue
            table = table_for(made, lanes, units)
            scaled = fixedpoint.scale_rounding_twice(acc, m, shift)
        else:
            real = 2.0 ** rng.uniform(-30, -6, n)
            table = np.zeros((units, requant_tiles.ROWS, lanes), np.int32)
            table[:, 0] = bias.reshape(units, lanes)
            table[:, 2:4] = real.view(np.int32).reshape(units, 2, lanes)
            scaled = fixedpoint.scale_by_real(acc, real)
        packed = b.reshape(-1, 4, units, lanes).transpose(2, 0, 3, 1).astype(np.int8).copy()
        c = np.full((rows, n + 5), 99, np.uint8)
        steps = (n + 5, lanes, columns) if rows > 1 else (0, units, n - lanes, min(columns, lanes))
        given = (a, *[80][: rows - 1], offsets, runs, quads, packed, table, c, *steps)
        call(GEMM[key], lanes, LEVEL[level], *given, low, high, zero, flip)
        want = (
            np.clip(scaled.astype(np.int64) + zero, low, high).astype(np.int8).view(np.uint8) ^ flip
        )
        assert np.array_equal(c[:, :columns], want[:, :columns])
        assert (c[:, columns:] == 99).all()  # nothing else is touched


def test_what_a_table_refuses():
    one = np.ones(1, np.int64)
    m = np.array([2**30 + 1])
    accepted = functools.partial(requant_tiles.bounded_table, moved=0 * one, zero=3)
    assert accepted(bias=one, spread=one, multiplier=m, shift=-one) is not None
    assert accepted(bias=one, spread=one << 30, multiplier=m, shift=-one) is None
    assert accepted(bias=one, spread=one, multiplier=m, shift=0 * one) is None
    assert accepted(bias=one << 29, spread=one << 28, multiplier=m, shift=-25 * one) is None
    # One result, whatever the products: the multiplier does not matter.
    same = accepted(bias=one << 30, spread=0 * one, multiplier=m, shift=-26 * one)
    assert same is not None and same[requant_tiles.PLUS, 0] >> 1 == 3 + 8


AVX512 = LEVELS["avx2"] | LEVELS["avx512"]


def assembly(
    each: Tile, lanes: int, triple: str, cpu: str, features: str, isa: frozenset[str]
) -> str:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=3
    )
    module = ir.Module()
    module.triple = triple
    each.define(module, lanes, isa)
    parsed = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(parsed, passes)
    return machine.emit_assembly(parsed)


def loops_of(code: str, instruction: str, least: int) -> list[str]:
    blocks = re.split(r"^\.L\w+:", code, flags=re.M)
    return [b for b in blocks if len(re.findall(rf"\b{instruction}\b", b)) >= least]


def test_the_loop_over_k_is_dot_products_and_loads():
    each = gemm_dot4.dot4_tile(14, 2, requant_tiles.Bounded)
    code = assembly(each, 16, "x86_64-unknown-linux-gnu", "sapphirerapids", "", AVX512)
    (loop,) = loops_of(code, "vpdpbusd", 28)
    assert len(re.findall(r"vpbroadcastd\s+.*\(", loop)) == 14
    assert not re.search(r"zmm.*%rsp|%rsp.*zmm", loop)  # the sums stay in registers


@pytest.mark.parametrize(
    ("features", "isa", "instruction"),
    [
        ("+dotprod,+i8mm", {"neon", "dotprod", "i8mm"}, "usdot"),
        ("+dotprod", {"neon", "dotprod"}, "sdot"),
    ],
)
def test_aarch64_has_an_instruction(features, isa, instruction):
    each = gemm_dot4.dot4_tile(8, 2, requant_tiles.Bounded)
    code = assembly(each, 4, "aarch64-unknown-linux-gnu", "generic", features, frozenset(isa))
    assert loops_of(code, instruction, 16)


def amx_tile(sides: int, units: int, split: bool, end: type[requant_tiles.Ending]) -> Tile:
    """Return a tile that sets the registers up, makes sums, gives the registers back, and requantizes."""
    sums = gemm_amx.sums_tile(sides, units, split)
    ending = gemm_amx.ending_tile(units, end)

    @tile(f"test_{sums.name}_{end.__name__}")
    def whole(
        v: Vectors, config: I64, a: I64, lda: I64, offsets: I64, runs: I64, steps: I64, quads: I64,
        b: I64, more: I64, table: I64, how: I64, kept: I64, rows: I64, c: I64, ldc: I64, second: I64,
        columns: I64, low: I64, high: I64, zero: I64, flip: I64,
    ) -> None:  # fmt: skip
        gemm_amx.configure.emit(v.b, config)
        sums.emit(v.b, a, lda, offsets, runs, steps, quads, b, more, table, how, kept)
        gemm_amx.release.emit(v.b)
        ending.emit(v.b, kept, rows, table, c, ldc, second, columns, low, high, zero, flip)

    return whole


AMX = {
    (sides, units, split, end): amx_tile(sides, units, split, end)
    for sides, split in ((1, False), (2, False), (1, True))
    for units in (1, 2)
    for end in (requant_tiles.Bounded, requant_tiles.Positive)
}


@pytest.mark.skipif(not tiles_permitted(), reason="this processor has no AMX, or may not use it")
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "key", AMX, ids=lambda k: f"{16 * k[0]}x{16 * k[1]}{'+' * k[2]}-{k[3].__name__}"
)
def test_amx_tile(key, signed):
    sides, units, split, ending = key
    for seed in range(16):
        rng = np.random.default_rng(seed)
        runs, n = int(rng.integers(1, 4)), 16 * units
        steps, quads = gemm_amx.steps_of(int(rng.integers(1, 40)))
        rows = 16 * sides if seed % 4 else int(rng.integers(1, 16 * sides + 1))
        columns = n if units > 1 or seed % 3 else int(rng.integers(1, 17))
        k, lda = 4 * steps * quads, 200
        a = rng.integers(0, 256, 200 * 40).astype(np.uint8)
        offsets = rng.choice(900, runs, replace=False).astype(np.int64)
        b, bias = rng.integers(-128, 128, (runs * k, n)), rng.integers(-(2**20), 2**10, n)
        places = np.arange(rows)[:, None] * lda + (offsets[:, None] + np.arange(k)).reshape(-1)
        source = a[places].view(np.int8) if signed else a[places]
        more = np.repeat(rng.integers(-128, 128, (runs * k, 1)), 16, axis=1)
        weights = b + more[:, :1] if split else b
        acc = source.astype(np.int64) @ weights + bias
        m, shift = multipliers(rng, n)
        made = requant_tiles.bounded_table(bias, np.abs(acc).max(axis=0), 0 * bias, m, shift, 7)
        if made is None:
            continue
        packed, again = (
            w.reshape(-1, 4, w.shape[1] // 16, 16).transpose(2, 0, 3, 1).astype(np.int8).copy()
            for w in (b, more)
        )
        config, table = gemm_amx.configuration(quads, split), table_for(made, 16, units)
        kept = np.zeros(gemm_amx.KEPT, np.uint8)
        given = (
            config,
            a,
            lda,
            offsets,
            runs,
            steps,
            quads,
            packed,
            again,
            table,
            int(signed),
            kept,
        )
        c = np.full((rows, n + 5), 99, np.uint8)
        low = 7 if ending is requant_tiles.Positive else -120  # not below the zero point
        call(AMX[key], 16, HOST, *given, rows, c, n + 5, 16, columns, low, 125, 7, 128)
        scaled = fixedpoint.scale_rounding_twice(acc, m, shift).astype(np.int64)
        want = np.clip(scaled + 7, low, 125).astype(np.int8).view(np.uint8) ^ 128
        assert np.array_equal(c[:, :columns], want[:, :columns])
        assert (c[:, columns:] == 99).all()  # nothing else is touched
