from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litegold.jit_kernels import batch, cache, loading
from litegold.jit_kernels.batch import CompileError, compile_batch

pytestmark = pytest.mark.slow  # not in make quick

SOURCE = """
from __future__ import annotations
import os, time
import numpy as np
from litegold.jit_kernels.kernel import F32, F64, I64, OK, R, T, emitted, kernel, kernel_family

@kernel
def f32_axpy(x: F32, y: F32, count: I64, a: F64, tid: I64, threads: I64) -> I64:
    for i in range(count):
        y[i] = y[i] + x[i] * np.float32(a)
    return OK

@kernel_family(("u8", "f32"), ("f32", "u8"), ("u8", "s64"))
def halved(x: T, y: R, count: I64, tid: I64, threads: I64) -> I64:
    for i in range(count):
        y[i] = x[i] / 2
    return OK

@emitted("I64()")
def crash(builder):
    os.abort()

@emitted("I64()")
def hang(builder):
    time.sleep(1000)

@kernel
def mistaken(x: F32, tid: I64, threads: I64) -> I64:
    return x.no_such_attribute

@kernel
def allocating(x: F32, tid: I64, threads: I64) -> I64:
    x[0] = np.zeros(3)[tid]
    return OK

@kernel
def crashing(x: F32, tid: I64, threads: I64) -> I64:
    return crash()

@kernel
def hanging(x: F32, tid: I64, threads: I64) -> I64:
    return hang()
"""

# What another process does with the first kernel; it says how many kernels it compiled.
USE = """
import sys
import numpy as np
from litegold.jit_kernels import loading
import kernels_of_the_test
compiled = []
real = loading.compile_batch
loading.compile_batch = lambda wanted: compiled.extend(wanted) or real(wanted)
x, y = np.arange(5, dtype=np.float32), np.ones(5, np.float32)
block = np.array([x.ctypes.data, y.ctypes.data, 5, np.array(2.5).view(np.int64)], np.int64)
code = loading.callable_of(kernels_of_the_test.f32_axpy)(block.ctypes.data, 0, 1)
right = code == 0 and y.tolist() == [1 + 2.5 * i for i in range(5)]
print(right, len(compiled), "numba" in sys.modules)
"""

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the kernels above."""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "kernels_of_the_test.py").write_text(SOURCE)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("kernels_of_the_test")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module", autouse=True)
def _on_path(kernels: Any) -> None:
    """Other processes find the module by PYTHONPATH, which `start_use` makes of sys.path."""


def start_use(folder: Path | str, **environment: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT / "src"), *(p for p in sys.path if p)])
    environment = {**os.environ, "PYTHONPATH": paths, "LITEGOLD_CACHE": str(folder), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", USE],
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out.strip()


def use(folder: Path | str, **environment: str) -> str:
    return finish(start_use(folder, **environment))


COMPILED, FOUND = "True 1 False", "True 0 False"


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the kernel."""
    folder = tmp_path_factory.mktemp("cache") / "litegold"
    assert use(folder) == COMPILED
    return folder


def objects(folder: Path) -> list[Path]:
    return sorted((folder / "kernels").glob("*.o"))


def test_a_second_process_finds_the_kernel_and_does_not_load_numba(warm: Path) -> None:
    assert use(warm) == FOUND
    (path,) = objects(warm)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_kernels_of_a_family_are_for_their_types(
    kernels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITEGOLD_CACHE", str(tmp_path))
    places = loading.addresses(kernels.halved.values())
    assert len(set(places)) == len(objects(tmp_path)) == 3
    assert kernels.halved["u8", "s64"].name == "kernels_of_the_test:halved[u8, s64]"
    assert {p.stem.rsplit("_", 1)[0] for p in objects(tmp_path)} == {
        "u8_f32_halved", "f32_u8_halved", "u8_s64_halved"
    }  # fmt: skip
    dtypes = {"u8": np.uint8, "s64": np.int64, "f32": np.float32}
    for (first, second), kernel in kernels.halved.items():
        x, y = np.array([3, 200, 7], dtypes[first]), np.zeros(3, dtypes[second])
        block = np.array([x.ctypes.data, y.ctypes.data, 3], np.int64)
        assert loading.callable_of(kernel)(block.ctypes.data, 0, 1) == 0
        assert y.tolist() == (x / 2).astype(y.dtype).tolist()


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: flip(c, 3),
        lambda c: flip(c, len(cache.MAGIC) + 5),
        lambda c: flip(c, len(c) // 2),
        lambda c: c[:-1],
        lambda c: c[:10],
        lambda c: b"",
        lambda c: c + b"x",
    ],
)
def test_a_damaged_file_is_not_used(
    damage: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITEGOLD_CACHE", str(tmp_path))
    cache.store("symbol", b"object code" * 9)
    assert cache.load("symbol") == b"object code" * 9
    path = tmp_path / "kernels" / "symbol.o"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.load("symbol") is None


def test_a_damaged_cache_is_repaired(warm: Path) -> None:
    (path,) = objects(warm)
    good = path.read_bytes()
    path.write_bytes(flip(good, len(good) - 7))
    assert use(warm) == COMPILED
    assert use(warm) == FOUND


def test_a_file_under_another_name_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITEGOLD_CACHE", str(tmp_path))
    cache.store("one", b"code")
    os.replace(tmp_path / "kernels" / "one.o", tmp_path / "kernels" / "two.o")
    assert cache.load("two") is None


def test_what_others_can_write_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITEGOLD_CACHE", str(tmp_path))
    cache.store("symbol", b"code")
    path = tmp_path / "kernels" / "symbol.o"
    path.chmod(0o620)
    assert cache.load("symbol") is None
    path.chmod(0o600)
    link = tmp_path / "kernels" / "link.o"
    link.symlink_to(path)
    assert cache.load("link") is None
    path.parent.chmod(0o777)
    assert cache.folder() != path.parent
    path.parent.chmod(0o700)
    assert cache.folder() == path.parent
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cache.load("symbol") is None


@pytest.mark.parametrize("home", ["/proc/no/such/place"])
def test_a_home_that_cannot_be_written_does_no_harm(home: str) -> None:
    assert use(home) == COMPILED


def test_two_processes_may_compile_at_once(tmp_path: Path) -> None:
    both = [start_use(tmp_path), start_use(tmp_path)]
    assert [finish(p) for p in both] == [COMPILED] * 2
    assert use(tmp_path) == FOUND
    assert not list((tmp_path / "kernels").glob(".new-*"))


def test_masked_instructions_have_a_cache_entry_of_their_own(warm: Path) -> None:
    before = objects(warm)
    assert use(warm, LITEGOLD_ISA="any").startswith("True")
    added = set(objects(warm)) - set(before)
    assert bool(added) == ("avx2" in loading.cache.cpu()[1] and "+avx2" in loading.cache.cpu()[1])
    for path in added:
        assert use(warm, LITEGOLD_ISA="any") == FOUND
        path.unlink()


def test_a_changed_source_is_a_new_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from litegold.jit_kernels.kernel import kernel\nX = 1\n")
    first = cache.source_digest(str(file))
    file.write_text("from litegold.jit_kernels.kernel import kernel\nX = 2\n")
    assert cache.source_digest(str(file)) != first


def test_the_key_covers_what_a_kernels_module_imports() -> None:
    driver = ROOT / "jit_kernels" / "driver.py"
    names = {Path(p).name for p in cache.imported(str(driver), driver.read_text())}
    assert names == {"atomics.py", "kernel.py"}
    text = "from ..quant.rule import x\nfrom . import simd, isa\nfrom ..ir import op\n"
    names = {Path(p).name for p in cache.imported(str(driver), text)}
    assert names == {"rule.py", "simd.py", "isa.py"}
    assert cache.imported("/elsewhere/mine.py", text) == set()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("mistaken", r"mistaken: TypingError(.|\n)*no_such_attribute"),
        ("allocating", "allocating: "),
        ("crashing", "crashing: the compiler crashed"),
    ],
)
def test_a_kernel_that_does_not_compile_is_named(kernels: Any, made: str, words: str) -> None:
    with pytest.raises(CompileError, match=words):
        compile_batch({getattr(kernels, made): "symbol"})
    good = kernels.f32_axpy  # the next one gets a fresh compiler, where the old one is gone
    assert compile_batch({good: "symbol"})[good][1]


def test_a_compiler_that_hangs_is_stopped(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "TIMEOUT", 4.0)
    said: list[tuple[int, int, str]] = []
    monkeypatch.setattr(batch, "report", lambda *what: said.append(what))
    with pytest.raises(CompileError, match="hanging: the compiler did not finish in 4 s"):
        compile_batch({kernels.hanging: "symbol"})
    assert (0, 1, "hanging") in said


def test_old_objects_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITEGOLD_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "KEPT", 3)
    for i in range(6):
        cache.store(f"k{i}", b"code")
        os.utime(tmp_path / "kernels" / f"k{i}.o", (i, i))
    assert [p.stem for p in objects(tmp_path)] == ["k3", "k4", "k5"]
