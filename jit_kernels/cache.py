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

_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_SOURCES = tuple(os.path.join(_PACKAGE, folder, "") for folder in ("jit_kernels", "quant"))
_IMPORT = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)


def imported(file: str, text: str) -> set[str]:
    """Return the files of `jit_kernels` and `quant` that a source imports: kernels may use their constants.

    What it takes from `ir` and `refimpl` are operators, which kernels cannot use.
    """
    found = set[str]()
    for module, names in _IMPORT.findall(text):
        dots = len(module) - len(module.lstrip("."))
        if module.startswith("litegold."):
            base, module = _PACKAGE, module.removeprefix("litegold.")
        elif dots in (1, 2) and file.startswith(_PACKAGE + os.sep):
            base = os.path.dirname(file) if dots == 1 else os.path.dirname(os.path.dirname(file))
        else:
            continue
        stem = os.path.join(base, *filter(None, module.strip(".").split(".")))
        found |= {f"{stem}.py", *(f"{stem}/{name}.py" for name in re.findall(r"\w+", names))}
    return {path for path in found if path.startswith(_SOURCES) and os.path.isfile(path)}


@functools.lru_cache(maxsize=1000)
def _content(path: str, changed: int, size: int) -> tuple[bytes, frozenset[str]]:
    """Return the hash of a source as it was at the time `changed`, and what it imports."""
    with open(path, "rb") as file:
        text = file.read()
    return hashlib.sha256(text).digest(), frozenset(imported(path, text.decode("utf-8", "replace")))


def source_digest(file: str) -> str:
    """Return a hash of the source `file` and of the kernel modules that it imports, directly or not."""
    start = os.path.realpath(file)
    todo, digests = {start}, dict[str, bytes]()
    while todo:
        path = todo.pop()
        info = os.stat(path)
        digests[path], more = _content(path, info.st_mtime_ns, info.st_size)
        todo |= more - digests.keys()
    total = hashlib.sha256()
    for path in sorted(digests, key=lambda p: (p != start, p)):
        total.update(digests[path])
    return total.hexdigest()


@functools.cache
def module_digest(file: str) -> str:
    """Return `source_digest(file)` as it was when this process first asked."""
    return source_digest(file)


@functools.cache
def _toolchain() -> str:
    """Return what else decides the object code: Python, Numba, LLVM, processor."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numba", "llvmlite")]
    core = source_digest(os.path.join(_PACKAGE, "jit_kernels", "compiler.py"))
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
