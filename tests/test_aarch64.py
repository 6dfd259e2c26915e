"""AArch64: the instructions that tiles become, and what they compute under qemu-user, where that is installed."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding as llvm
from llvmlite import ir

from litegold.ir import load_all
from litegold.jit_kernels import gemm, gemm_int8, native_half
from litegold.jit_kernels import half as compiled
from litegold.jit_kernels.gemm_half import half_tile
from litegold.jit_kernels.isa import ARM
from litegold.jit_kernels.kernel import I64
from litegold.jit_kernels.simd import Tile, Vectors, tile
from litegold.quant import fixedpoint
from litegold.refimpl import half
from litegold.refimpl.half import Mode, bits_of
from litegold.refimpl.native_half import ORDERS, ordered_products

pytestmark = pytest.mark.slow  # not in make quick

LANES = 4
NEON, ALL = ARM["neon"], ARM["neon"] | ARM["armv8.2"]
MATRIX = ALL | ARM["armv8.6"]
GCC, QEMU = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
needs_qemu = pytest.mark.skipif(not (GCC and QEMU), reason="no qemu-aarch64 or cross compiler")


def lowered(tiles, isa=ALL, level=3):
    """Return tiles' optimised module and the machine for it."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module()
    module.triple = "aarch64-unknown-linux-gnu"
    for each in tiles:
        each.define(module, LANES, isa)
    target = llvm.Target.from_triple(module.triple)
    machine = target.create_target_machine(
        cpu="generic", features=",".join(f"+{name}" for name in sorted(isa)), opt=level, reloc="pic"
    )
    made = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(made, passes)
    return made, machine


def assembly(tiles, isa=ALL):
    made, machine = lowered(tiles, isa)
    return machine.emit_assembly(made)


def every_tile():
    """Return all tiles of the kernels' modules that any target may have; some are held by functions alone."""
    load_all("litegold.jit_kernels")
    found = [x for x in gc.get_objects() if isinstance(x, Tile)]
    mine = {x.name: x for x in found if x.write.__module__.startswith("litegold.")}
    return [mine[name] for name in sorted(mine) if not mine[name].needs]


TILES = every_tile()


# What is special or far out, seldom, and an element at a time, is left to functions of the C library.
FAR_OUT = {"sin": {"sin"}, "cos": {"cos"}, "tan": {"sin", "cos", "sincos"}}
FAR_OUT |= {"pow": {"pow"}, "fmod": {"fmod"}}


@pytest.mark.parametrize("isa", [NEON, MATRIX], ids=["neon", "armv8.6"])
@pytest.mark.parametrize("each", TILES, ids=lambda each: each.name)
def test_every_tile_lowers_and_calls_no_library(each, isa):
    code = assembly([each], isa)
    assert f"tile_{each.name}:" in code
    called = {n for n in re.findall(r"\bbl\s+(\w+)", code) if not n.startswith("tile_")}
    far = FAR_OUT.get(each.name.split("_")[1], set()) if each.name.startswith("f32_") else set()
    assert called <= {"memcpy", "memset"} | far


def instructions(tiles, pattern, isa=ALL):
    return len(re.findall(pattern, assembly(tiles, isa)))


def test_the_instructions_meant():
    rows = 6
    assert instructions([gemm.f32_tile(rows, 2)], r"\bfmla\s+v\d+\.4s") >= 2 * rows
    assert instructions([native_half.native_tile(8, 1)], r"\bfmla\s+v\d+\.8h") >= 8
    assert instructions([compiled.fma_near], r"\bfmla\s+v\d+\.8h|\bfmadd\s+h\d+") >= 1
    assert instructions([compiled.widen_halves], r"\bfcvtl2?\s+v\d+\.4s") >= 1
    assert instructions([compiled.narrow_halves], r"\bfcvtn2?\s+v\d+\.[48]h") >= 1
    assert instructions([gemm_int8.twice_2], r"\bsmlal2?\s+v\d+\.4s|\bsmull2?\s+v\d+\.4s") >= 2


@tile("test_dot4_s8s8")
def dot4_s8s8(v: Vectors, acc: I64, a: I64, b: I64, y: I64) -> None:
    """One vector of sums."""
    lanes = 4 * v.lanes
    v.store(
        v.dot4_s8s8(v.load("s32", acc), v.load("s8", a, 0, lanes), v.load("s8", b, 0, lanes)), y
    )


def test_bytes_are_multiplied_by_sdot():
    assert instructions([dot4_s8s8], r"\bsdot\s+v\d+\.4s, v\d+\.16b") == 1
    assert instructions([dot4_s8s8], r"\bsdot", NEON) == 0
    tiles = [each for each in TILES if "dot4" in each.name and "gemm" in each.name]
    tiles += [each for each in TILES if re.fullmatch(r"q8_depthwise_\d_\d_\d", each.name)]
    assert tiles and all(instructions([each], r"\bsdot\s+v\d+\.4s") for each in tiles)


@needs_qemu
@pytest.mark.parametrize("isa", [NEON, ALL], ids=["neon", "armv8.2"])
def test_dot_products_of_bytes(tmp_path, isa):
    rng = np.random.default_rng(0)
    acc = rng.integers(-(2**31), 2**31, LANES).astype(np.int32)
    a, b = rng.integers(-128, 128, (2, LANES, 4)).astype(np.int8)
    a[0] = b[0] = -128
    *_, y = call(tmp_path, dot4_s8s8, acc, a, b, np.zeros(LANES, np.int32), isa=isa)
    exact = acc.astype(np.int64) + (a.astype(np.int64) * b).sum(axis=1)
    assert np.array_equal(y, exact.astype(np.int32))


def test_without_half_arithmetic_it_is_emulated():
    code = assembly([native_half.native_tile(8, 1)], NEON)
    assert not re.search(r"\bfmla\s+v\d+\.8h", code)
    assert re.search(r"\bfcvtn\b", code) and re.search(r"\bfsub\s+v\d+\.4s", code)


def run_program(folder, source, buffers, objects=(), flags=()):
    """Compile C that is given `buffers`, an array of pointers; return what it leaves in them."""
    head = f"""
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
static const long sizes[] = {{{", ".join(str(b.nbytes) for b in buffers)}}};
static char *buffers[{len(buffers)}];
"""
    tail = f"""
int main(void) {{
  for (int i = 0; i < {len(buffers)}; i++) {{
    buffers[i] = malloc(sizes[i] + 64);
    if (fread(buffers[i], 1, sizes[i], stdin) != (size_t)sizes[i]) return 1;
  }}
  compute();
  for (int i = 0; i < {len(buffers)}; i++) fwrite(buffers[i], 1, sizes[i], stdout);
  return 0;
}}
"""
    (folder / "main.c").write_text(head + source + tail)
    for i, code in enumerate(objects):
        (folder / f"tile{i}.o").write_bytes(code)
    names = [f"tile{i}.o" for i in range(len(objects))]
    build = [GCC, "-static", "-O1", "-march=armv8.2-a+fp16", *flags, "main.c", *names, "-o", "run"]
    subprocess.run([*build, "-lm"], cwd=folder, check=True, capture_output=True)
    given = b"".join(np.ascontiguousarray(b).tobytes() for b in buffers)
    command = [QEMU, "-cpu", "max", "run"]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, check=True)
    results, at = [], 0
    for b in buffers:
        part = done.stdout[at : at + b.nbytes]
        results.append(np.frombuffer(part, b.dtype).reshape(b.shape))
        at += b.nbytes
    return results


def spell(argument, places):
    """Return an argument as C has it."""
    if isinstance(argument, np.ndarray):
        return f"(long)buffers[{next(places)}]"
    return "1.0 / 0.0" if argument == np.inf else repr(argument)


def call(folder: Path, each: Tile, *arguments, isa=ALL):
    """Run a tile under qemu; arrays are passed by address. Return the arrays as it leaves them."""
    buffers = [a for a in arguments if isinstance(a, np.ndarray)]
    places = iter(range(len(buffers)))
    spelled = [spell(a, places) for a in arguments]
    kinds = ", ".join("double" if k == "F64" else "long" for k in each.kinds)
    name = f"tile_{each.name}"
    source = f"void {name}({kinds});\nstatic void compute(void) {{ {name}({', '.join(spelled)}); }}"
    made, machine = lowered([each], isa)
    return run_program(folder, source, buffers, [machine.emit_object(made)])


@needs_qemu
@pytest.mark.parametrize("isa", [NEON, ALL], ids=["neon", "armv8.2"])
@pytest.mark.parametrize("parts", [1, 8])
def test_products_in_half_arithmetic(tmp_path, isa, parts):
    rows, k, columns = 1 if parts == 8 else 4, 53, 7
    rng = np.random.default_rng(parts)
    a, b = rng.standard_normal((rows, k + 3)), rng.standard_normal((columns, k))
    a, b = a.astype(np.float16), b.astype(np.float16)
    bias, packed = np.zeros(2 * LANES, np.float16), np.zeros((k, 2 * LANES), np.float16)
    bias[:columns], packed[:, :columns] = rng.standard_normal(columns), b.T
    c = np.full((rows, 10), 77, np.float16)
    each = native_half.native_tile(rows, parts)
    *_, got = call(
        tmp_path, each, a, a.shape[1], packed, k, bias, c, 10, columns, -1.0, np.inf, isa=isa
    )
    order = next(o for o in ORDERS.values() if o.parts == parts)
    want = ordered_products(a[:, :k], b, bias[:columns], order)
    assert np.array_equal(got[:, :columns], np.maximum(want, np.float16(-1)))
    assert (got[:, columns:] == 77).all()


@needs_qemu
@pytest.mark.parametrize("isa", [NEON, ALL], ids=["neon", "armv8.2"])
def test_products_in_float32(tmp_path, isa):
    rng = np.random.default_rng(0)
    rows, k, columns = 4, 37, 6
    a = rng.standard_normal((rows, k)).astype(np.float32)
    b, bias = np.zeros((k, 2 * LANES), np.float32), np.zeros(2 * LANES, np.float32)
    b[:, :columns], bias[:columns] = rng.standard_normal((k, columns)), rng.standard_normal(columns)
    halves = b.astype(np.float16).astype(np.float32)
    c = np.full((rows, 9), 77, np.float16)
    *_, got = call(
        tmp_path, half_tile(rows, 2), rows, a, k, k, halves, bias, 0, c, 9, columns, 0, 0, -1.0, np.inf,
        isa=isa,
    )  # fmt: skip
    exact = a.astype(np.float64) @ halves.astype(np.float64) + bias
    terms = np.abs(a).astype(np.float64) @ np.abs(halves) + np.abs(bias)
    low, high = (np.maximum(exact + s * (k + 2) * 2.0**-24 * terms, -1) for s in (-1, 1))
    inside = (half.widen(half.narrow(low)) <= half.widen(half.narrow(high)))[:, :columns]
    wide = got[:, :columns].astype(np.float64)
    assert inside.all()
    assert (wide >= half.widen(half.narrow(low))[:, :columns]).all()
    assert (wide <= half.widen(half.narrow(high))[:, :columns]).all()
    assert (got[:, columns:] == 77).all()


@needs_qemu
def test_integer_products(tmp_path):
    rng = np.random.default_rng(3)
    a, b = rng.integers(-255, 256, (4, 24)), rng.integers(-127, 128, (24, 2 * LANES))
    packed = np.ascontiguousarray(b.astype(np.int16).reshape(12, 2, -1).swapaxes(1, 2))
    acc = (a @ b).astype(np.int32)
    real = 2.0 ** rng.uniform(-14, 2, 2 * LANES)
    multiplier, shift = fixedpoint.quantize_multiplier(real)
    table = np.zeros((4, 2 * LANES), np.int32)
    table[1:] = multiplier, np.maximum(shift, 0), np.maximum(-shift, 0)
    c = np.full((2, 11), 99, np.int8)
    *_, got = call(
        tmp_path,
        gemm_int8.twice_2,
        a.astype(np.int16),
        48,
        packed,
        12,
        table,
        c,
        11,
        8,
        -100,
        127,
        5,
    )
    scaled = fixedpoint.scale_rounding_twice(acc, multiplier, shift).astype(np.int64)
    assert np.array_equal(got[:, :8], np.clip(scaled + 5, -100, 127)[:2])
    assert (got[:, 8:] == 99).all()


EVERY = np.arange(1 << 16, dtype=np.uint16)


@needs_qemu
@pytest.mark.parametrize("isa", [NEON, ALL], ids=["neon", "armv8.2"])
def test_conversions(tmp_path, isa):
    halves, wide = EVERY.view(np.float16), np.zeros(1 << 16, np.float32)
    _, got = call(tmp_path, compiled.widen_halves, halves, wide, len(EVERY), isa=isa)
    assert got.tobytes() == half.widen(halves, np.float32).tobytes()
    floats = np.random.default_rng(0).integers(0, 1 << 32, 1 << 16, np.uint32)
    floats[::2] = (half.widen(halves, np.float32).view(np.uint32) + (EVERY & 0x1FFF))[::2]
    x, y = floats.view(np.float32), np.zeros(1 << 16, np.float16)
    _, got = call(tmp_path, compiled.narrow_halves, x, y, len(x), isa=isa)
    assert got.tobytes() == half.narrow(x).tobytes()


ARITHMETIC = """
static void set_mode(void) {
  uint64_t mode = MODE;
  __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
static void compute(void) {
  const uint16_t *a = (uint16_t *)buffers[0], *b = (uint16_t *)buffers[1], *c = (uint16_t *)buffers[2];
  uint16_t *y = (uint16_t *)buffers[3];
  long n = sizes[0] / 2;
  set_mode();
  for (long i = 0; i < n; i++) {
    __asm__ volatile(
      "ldr h0, [%0]\\n ldr h1, [%1]\\n ldr h2, [%2]\\n"
      "fadd h3, h0, h1\\n str h3, [%3]\\n"
      "fsub h3, h0, h1\\n str h3, [%4]\\n"
      "fmul h3, h0, h1\\n str h3, [%5]\\n"
      "fdiv h3, h0, h1\\n str h3, [%6]\\n"
      "fsqrt h3, h0\\n str h3, [%7]\\n"
      "fmadd h3, h0, h1, h2\\n str h3, [%8]\\n"
      : : "r"(a + i), "r"(b + i), "r"(c + i), "r"(y + i), "r"(y + n + i), "r"(y + 2 * n + i),
          "r"(y + 3 * n + i), "r"(y + 4 * n + i), "r"(y + 5 * n + i)
      : "v0", "v1", "v2", "v3", "memory");
  }
  __asm__ volatile("msr fpcr, xzr");
}
"""
# Bits of ARM's FPCR: the rounding mode at 22, flush-to-zero of halves, the default NaN.
RMODE = {"nearest_even": 0, "upward": 1, "downward": 2, "toward_zero": 3}
FZ16, DN = 1 << 19, 1 << 25


@needs_qemu
@pytest.mark.parametrize("default_nan", [False, True])
@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("rounding", RMODE)
def test_the_reference_is_arms_arithmetic(tmp_path, rounding, flush, default_nan):
    """Every bit, those of NaNs among them."""
    rng = np.random.default_rng(0)
    n = 40_000
    a, b, c = rng.integers(0, 1 << 16, (3, n)).astype(np.uint16)
    near = half.mul(a.view(np.float16), b.view(np.float16))
    c[: n // 2] = (bits_of(near) ^ 0x8000)[: n // 2] + rng.integers(-2, 3, n // 2).astype(np.uint16)
    special = rng.random((3, n)) < 0.05
    chosen = np.array([0, 0x8000, 0x7C00, 0xFC00, 0x7D01, 0xFD00, 0x7E03, 0x3FF, 0x400], np.uint16)
    a, b, c = (
        np.where(s, rng.choice(chosen, n), v) for s, v in zip(special, (a, b, c), strict=True)
    )
    fpcr = RMODE[rounding] << 22 | FZ16 * flush | DN * default_nan
    source = ARITHMETIC.replace("MODE;", f"{fpcr};")
    *_, got = run_program(tmp_path, source, [a, b, c, np.zeros((6, n), np.uint16)])
    mode = Mode(rounding, flush, default_nan)
    x, y, z = (v.view(np.float16) for v in (a, b, c))
    names = ("add", "sub", "mul", "div", "sqrt", "fma")
    for name, result in zip(names, got, strict=True):
        given = {"sqrt": (x,), "fma": (x, y, z)}.get(name, (x, y))
        want = bits_of(getattr(half, name)(*given, mode=mode))
        bad = np.flatnonzero(result != want)
        assert not bad.size, f"{name}: {[hex(v.view(np.uint16)[bad[0]]) for v in given]} gives " + (
            f"{result[bad[0]]:#x}, not {want[bad[0]]:#x}"
        )
