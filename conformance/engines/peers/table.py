"""The table of engines that are timed beside ours, and what each of them can do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ....ir import Array, Facet
from ..child import EngineError

CONVERTER_SECONDS = 300.0


Perm = tuple[int, ...]


@dataclass(frozen=True)
class ModelFile:
    """A network as a file of the format that an engine reads.

    Attributes:
        content: the file.
        inputs, outputs: the names in the file, in its order, and for each the order of its axes: our array is
            the file's, transposed so; None: the same.
        shapes: of the inputs, as the file has them.
    """

    content: bytes
    inputs: Mapping[str, Perm | None]
    outputs: Mapping[str, Perm | None]
    shapes: tuple[tuple[int, ...], ...]

    def arranged(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Return our inputs as the file has them."""
        return [
            np.ascontiguousarray(feeds[n] if p is None else feeds[n].transpose(np.argsort(p)))
            for n, p in self.inputs.items()
        ]

    def named(self, results: Sequence[Array]) -> dict[str, Array]:
        """Return what the file's outputs are for us."""
        pairs = zip(self.outputs.items(), results, strict=True)
        return {name: y if perm is None else y.transpose(perm) for (name, perm), y in pairs}


class Peer(ABC):
    """One model in another engine, in this very process.

    `feed` copies inputs to where the engine wants them, `invoke` computes and is what is timed, `outputs` copies
    the results out. Arrays are in the order and the layout of the file.

    Attributes:
        package: that must be installed, as the package index calls it.
        module: what is imported of it.
        reads: the file format.
        setting: what the engine is told beyond its defaults, for the reader of its figures.
    """

    package: ClassVar[str]
    module: ClassVar[str]
    reads: ClassVar[str]
    setting: ClassVar[str]

    @abstractmethod
    def __init__(self, model: ModelFile, threads: int) -> None: ...

    @abstractmethod
    def feed(self, arrays: Sequence[Array]) -> None:
        """Copy the inputs to the engine."""

    @abstractmethod
    def invoke(self) -> None:
        """Compute the outputs of what was fed."""

    @abstractmethod
    def outputs(self) -> list[Array]:
        """Return copies of the outputs of the last run."""

    @classmethod
    def available(cls) -> bool:
        """Return whether the engine is installed; does not import it."""
        return importlib.util.find_spec(cls.module.partition(".")[0]) is not None

    @classmethod
    def installation(cls) -> str:
        """Return the command that installs it."""
        return f"pip install {cls.package}"

    @classmethod
    def version(cls) -> str:
        """Return the installed version."""
        return importlib.metadata.version(cls.package)


PEERS: Facet[str, type[Peer]] = Facet("engine", "litegold.conformance.engines.peers")


def converted(command: Sequence[str | Path], folder: Path) -> None:
    """Run an engine's converter in `folder`; what it prints is shown only where it fails."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CONVERTER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"{command[0]} did not end in {CONVERTER_SECONDS:.0f} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise EngineError(f"{Path(command[0]).name} failed: {said[-1] if said else 'no message'}")


def python() -> list[str]:
    """Return the start of a command that runs Python, no folder of ours on its path."""
    return [sys.executable, "-P", "-c"]
