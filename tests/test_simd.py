"""The vector language: tiles at every width run here, and the code that other processors would get."""

from __future__ import annotations

import ctypes
import functools
import re

import numpy as np
import pytest
from llvmlite import binding as llvm
from llvmlite import ir

from litegold.jit_kernels import gemm, gemm_int8, packing, patches
from litegold.jit_kernels.isa import HOST, LEVELS
from litegold.jit_kernels.kernel import I64
from litegold.jit_kernels.simd import Tile, Vectors, tile
from litegold.quant import fixedpoint

pytestmark = pytest.mark.slow  # not in make quick

WIDTHS = (4, 8, 16)


def module_of(tiles: list[Tile], lanes: int, isa: frozenset[str]) -> str:
    module = ir.Module()
    module.triple = llvm.get_default_triple()
    for each in tiles:
        each.define(module, lanes, isa)
    return str(module)


@functools.cache
def engine_of(tiles: tuple[Tile, ...], lanes: int):
    """Compile tiles for this machine. `define` with the host's own features: what the plan would run."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True
    )
    module = llvm.parse_assembly(module_of(list(tiles), lanes, HOST))
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def call(each: Tile, lanes: int, *arguments) -> None:
    address = engine_of((each,), lanes).get_function_address(f"tile_{each.name}")
    kinds = [ctypes.c_double if k == "F64" else ctypes.c_int64 for k in each.kinds]
    values = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
    ctypes.CFUNCTYPE(None, *kinds)(address)(*values)


def assembly(tiles: list[Tile], lanes: int, cpu: str, isa: frozenset[str]) -> str:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, opt=3)
    module = llvm.parse_assembly(module_of(tiles, lanes, isa))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return machine.emit_assembly(module)


def panels(b, lanes):
    """Pack (K, N <= 2 lanes) as one panel, with NumPy alone."""
    padded = np.zeros((b.shape[0], 2 * lanes), b.dtype)
    padded[:, : b.shape[1]] = b
    return padded


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("part", [1, 3, 0])
@pytest.mark.parametrize("k", [0, 1, 2, 37])
@pytest.mark.parametrize("runs", [0, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_float_tile(lanes, part, k, runs, residual):
    """Rows of one run or of three, of which the last tile repeats some."""
    columns = part or 2 * lanes
    rng = np.random.default_rng(k)
    rows, half = gemm.ROWS + (0 if runs else 3), (gemm.ROWS + 1) // 2
    a = rng.standard_normal((rows, 3 * k + 9)).astype(np.float32)
    offsets = np.array([8, 0, 4 * k + 12], np.int64)
    taken = [a[:, o // 4 :][:, :k] for o in offsets] if runs else [a[:, :k]]
    used = np.concatenate(taken, axis=1).astype(np.float64)
    b = rng.standard_normal((used.shape[1], columns)).astype(np.float32)
    bias = rng.standard_normal(2 * lanes).astype(np.float32)
    c = np.full((rows, columns + 5), 77, np.float32)
    r = rng.standard_normal(c.shape).astype(np.float32) if residual else np.zeros_like(c)
    given = (rows, a, a.shape[1], a.strides[0] * half, offsets if runs else 0, runs or 1, k)
    b_padded = panels(b, lanes)
    for pace in (0, 64):
        call(
            gemm.f32_all, lanes, *given, b_padded, bias, r if residual else 0, c, c.shape[1], columns,
            b_padded, pace, -1.0, np.inf,
        )  # fmt: skip
        plus = r[:, :columns].astype(np.float64)
        exact = used @ b + bias[:columns] + plus
        terms = np.abs(used) @ np.abs(b) + np.abs(bias[:columns]) + np.abs(plus)
        bound = (len(b) + 2) * np.finfo(np.float32).eps * terms
        assert (np.abs(c[:, :columns] - np.maximum(exact, -1)) <= bound).all()
        assert (c[:, columns:] == 77).all()  # nothing else is touched


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("part", [1, 3, 0, -1])
@pytest.mark.parametrize("k", [0, 1, 3, 4, 16, 37])
def test_packing(lanes, part, k):
    """From rows or from columns: what NumPy packs, and zeros behind."""
    columns = part if part > 0 else 2 * lanes + part
    b = np.random.default_rng(k).standard_normal((k, columns + 3)).astype(np.float32)
    transposed = np.ascontiguousarray(b.T)
    for each, source, spacing in (
        (packing.f32_pack_rows, b, columns + 3),
        (packing.f32_pack_columns, transposed, k),
    ):
        to = np.full((k + 1, 2 * lanes), 77, np.float32)
        call(each, lanes, to, source, spacing, k, columns)
        assert np.array_equal(to[:k], panels(b[:, :columns], lanes))
        assert (to[k] == 77).all()


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("rounding", ["twice", "real", "bytes"])
@pytest.mark.parametrize("part", [1, 5, 0])
def test_integer_tile(lanes, rounding, part):
    columns, k = part or 2 * lanes, 23
    rng = np.random.default_rng(lanes + columns)
    a = np.zeros((4, 24), np.int16)
    a[:, :k] = rng.integers(-255, 256, (4, k))
    b = np.zeros((24, 2 * lanes), np.int16)
    most = 127 if rounding == "bytes" else 255
    b[:k, :columns] = rng.integers(-most, most + 1, (k, columns))
    packed = np.ascontiguousarray(b.reshape(12, 2, -1).swapaxes(1, 2))
    bias = rng.integers(-(2**31), 2**31, 2 * lanes).astype(np.int32)
    bias[::2] >>= 12
    acc = (a.astype(np.int64) @ b + bias).astype(np.int32)
    real = 2.0 ** rng.uniform(-14, 2, 2 * lanes)
    table = np.zeros((4, 2 * lanes), np.int32)
    table[0] = bias
    if rounding in ("real", "bytes"):
        each, rows = gemm_int8.real_4 if rounding == "real" else gemm_int8.bytes_4, 4
        packed = packed if rounding == "real" else packed.astype(np.int8)
        table[2:] = real.view(np.int32).reshape(2, -1)
        scaled = fixedpoint.scale_by_real(acc, real)
    else:
        each, rows = gemm_int8.twice_2, 2
        multiplier, shift = fixedpoint.quantize_multiplier(real)
        table[1:] = multiplier, np.maximum(shift, 0), np.maximum(-shift, 0)
        scaled = fixedpoint.scale_rounding_twice(acc, multiplier, shift)
    c = np.full((4, columns + 3), 99, np.int8)
    call(
        each, lanes, a, 48, packed, 12, table, c, c.shape[1], columns, -100, 127, 5,
    )  # fmt: skip
    want = np.clip(scaled.astype(np.int64) + 5, -100, 127)
    assert np.array_equal(c[:rows, :columns], want[:rows, :columns])
    assert (c[:, columns:] == 99).all()


@tile("test_scale_twice")
def scale_twice(v: Vectors, x: I64, multiplier: I64, left: I64, right: I64, y: I64) -> None:
    """Scale one vector."""
    x, multiplier, left, right = (v.load("s32", a) for a in (x, multiplier, left, right))
    v.store(v.shift_rounding(v.high_mul(v.b.shl(x, left), multiplier), right), y)


@tile("test_scale_real")
def scale_real(v: Vectors, x: I64, real: I64, y: I64) -> None:
    """Scale one vector by float64."""
    v.store(v.scale_real(v.load("s32", x), v.load("f64", real)), y)


EXTREMES = np.array([0, 1, -1, 2, -2, 3, 2**30, -(2**30), 2**31 - 1, -(2**31), -(2**31) + 1, 255])


@pytest.mark.parametrize("lanes", WIDTHS)
def test_roundings_are_those_of_fixedpoint(lanes):
    rng = np.random.default_rng(lanes)
    for round_ in range(200):
        x = rng.choice(EXTREMES, lanes) + (rng.integers(-3, 4, lanes) if round_ % 2 else 0)
        x = x.astype(np.int64).astype(np.int32)
        if round_ % 3 == 0:
            x = rng.integers(-(2**31), 2**31, lanes).astype(np.int32)
        real = 2.0 ** rng.integers(-31, 4, lanes) * rng.choice([1.0, 0.5, 0.75, 0.999999999], lanes)
        multiplier, shift = fixedpoint.quantize_multiplier(real)
        left, right = (np.maximum(s, 0).astype(np.int32) for s in (shift, -shift))
        y = np.zeros(lanes, np.int32)
        call(scale_twice, lanes, x, multiplier, left, right, y)
        assert np.array_equal(y, fixedpoint.scale_rounding_twice(x, multiplier, shift))
        call(scale_real, lanes, x, real, y)
        assert np.array_equal(y, fixedpoint.scale_by_real(x, real))


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 9, 31, 32, 33, 100])
def test_widen_bytes_touches_its_own(lanes, count):
    source = np.arange(200, dtype=np.uint8) * 7
    to = np.full(count + 1, 999, np.int16)
    call(patches.widen_bytes, lanes, to, source, count, 128, 120)
    want = (source[:count].astype(int) ^ 128) - 120
    assert np.array_equal(to[:count], want)
    assert to[count] == 999


AVX512 = LEVELS["avx2"] | LEVELS["avx512"]


@pytest.mark.parametrize("cpu", ["skylake-avx512", "znver4"])
def test_avx512_gets_wide_registers(cpu):
    vnni = cpu == "znver4"
    isa = AVX512 if vnni else AVX512 - {"avx512vnni"}
    rows = 14
    tiles = [gemm.f32_tile(rows, 2), gemm_int8.s16_tile(rows, 2, "twice")]
    code = assembly(tiles, 16, cpu, isa)
    product = "vpdpwssd" if vnni else "vpmaddwd"
    for name in (r"vfmadd\w+ps", product):
        assert len(re.findall(rf"{name}\s.*%zmm", code)) >= 2 * rows
    # The sums stay in registers: none is stored inside of the loops.
    blocks = re.split(r"^\.LBB\S+:", code, flags=re.M)
    loops = [b for b in blocks if len(re.findall(rf"vfmadd\w+ps|{product}", b)) >= 2 * rows]
    assert len(loops) == 3  # float32 has one that prefetches and one that does not
    assert not any(re.search(r"vmov\w+\s+%zmm\d+, .*\(%rsp\)", b) for b in loops)


def test_plain_processor_needs_no_library():
    tiles = [gemm.f32_all, gemm_int8.twice_all, gemm_int8.real_1, patches.widen_bytes]
    code = assembly(tiles, 4, "x86-64", frozenset())
    assert "pmaddwd" in code
    called = re.findall(r"movabsq\s+\$([a-z_]\w*)|call\w*\s+([a-z_]\w*)", code)
    assert {a or b for a, b in called} <= {"memcpy"}
