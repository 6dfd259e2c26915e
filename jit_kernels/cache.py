"""Compiled kernels on disk: a private folder of object files, each named by what went into it.

The folder is `kernels` under LITEGOLD_CACHE, or else under `litegold` in XDG_CACHE_HOME or ~/.cache. Where
that cannot be written, or could have been written by somebody else, a temporary folder of this process serves.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.metadata
import os
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from .isa import cpu
from .kernel import Kernel

MAGIC = b"litegold kernel 1\n"
KEPT = 4000  # files; the least recently used ones beyond go when a new one comes

_PACKAGE = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)


def _imported(file: Path, text: str) -> set[Path]:
    """Return the modules of `jit_kernels` and `quant` that a source imports: kernels may use their constants.

    What it takes from `ir` and `refimpl` are operators, which kernels cannot use.
    """
    found = set()
    for module, names in _IMPORT.findall(text):
        dots = len(module) - len(module.lstrip("."))
        base = file.parent if dots == 1 else file.parent.parent
        if module.startswith("litegold."):
            base, module = _PACKAGE, module.removeprefix("litegold.")
        elif dots not in (1, 2) or not file.is_relative_to(_PACKAGE):
            continue
        stem = base.joinpath(*module.strip(".").split("."))
        tails = re.findall(r"\w+", names)
        found |= {stem.with_suffix(".py"), *(stem / f"{tail}.py" for tail in tails)}
    return {p for p in found if p.is_relative_to(_PACKAGE) and p.is_file() and _is_source(p)}


def _is_source(path: Path) -> bool:
    return path.relative_to(_PACKAGE).parts[0] in ("jit_kernels", "quant")


def source_digest(file: str) -> str:
    """Return a hash of the source `file` and of the kernel modules that it imports, directly or not."""
    start = Path(file).resolve()
    todo, texts = {start}, dict[Path, bytes]()
    while todo:
        path = todo.pop()
        texts[path] = path.read_bytes()
        todo |= _imported(path, texts[path].decode("utf-8", "replace")) - texts.keys()
    total = hashlib.sha256()
    for path in sorted(texts, key=lambda p: (p != start, str(p))):
        total.update(hashlib.sha256(texts[path]).digest())
    return total.hexdigest()


@functools.cache
def module_digest(file: str) -> str:
    """Return `source_digest(file)` as it was when this process first asked."""
    return source_digest(file)


@functools.cache
def _toolchain() -> str:
    """Return what else decides the object code: Python, Numba, LLVM, processor."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numba", "llvmlite")]
    core = source_digest(str(_PACKAGE / "jit_kernels" / "compiler.py"))
    return "\n".join([sys.version, *versions, *cpu(), core])


@functools.cache
def symbol_of(kernel: Kernel) -> str:
    """Return the kernel's name in object code, which is unique to its content and this machine."""
    parts = [_toolchain(), kernel.name, *kernel.abi, module_digest(kernel.file)]
    return f"{kernel.__name__}_{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"


def _root() -> Path:
    if "LITEGOLD_CACHE" in os.environ:
        return Path(os.environ["LITEGOLD_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "litegold"


def _private(info: os.stat_result) -> bool:
    """Whether nobody else can have written it."""
    return info.st_uid == os.geteuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@functools.cache
def _temporary(process: int) -> Path:
    path = Path(tempfile.mkdtemp(prefix="litegold-kernels-"))
    atexit.register(_remove, path, process)
    return path


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # not in a forked child
        shutil.rmtree(path, ignore_errors=True)


def folder() -> Path:
    """Return the folder that holds the objects; it exists, is writable, and only we can write it."""
    try:
        path = _root() / "kernels"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if _private(path.lstat()) and path.is_dir() and os.access(path, os.W_OK | os.X_OK):
            return path
    except (OSError, RuntimeError):
        pass
    return _temporary(os.getpid())


def load(symbol: str) -> bytes | None:
    """Return the object code stored under `symbol`, or None where there is none to be trusted."""
    try:
        handle = os.open(folder() / f"{symbol}.o", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(handle)
            if not (_private(info) and stat.S_ISREG(info.st_mode)):
                return None
            content = file.read()
    except OSError:
        return None
    head, digest, code = (
        content[: len(MAGIC)],
        content[len(MAGIC) :][:32],
        content[len(MAGIC) + 32 :],
    )
    if head != MAGIC or hashlib.sha256(symbol.encode() + code).digest() != digest:
        return None
    return code


def store(symbol: str, code: bytes) -> None:
    """Keep object code; where the disk does not take it, this process goes on without."""
    place = folder()
    try:
        handle, name = tempfile.mkstemp(dir=place, prefix=".new-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + hashlib.sha256(symbol.encode() + code).digest() + code)
            os.replace(name, place / f"{symbol}.o")
        except OSError:
            os.unlink(name)
            return
        _prune(place)
    except OSError:
        return


def _prune(place: Path) -> None:
    files = list(place.glob("*.o"))
    if len(files) > KEPT:
        files.sort(key=lambda p: p.stat().st_mtime)
        for path in files[: len(files) - KEPT]:
            path.unlink(missing_ok=True)
