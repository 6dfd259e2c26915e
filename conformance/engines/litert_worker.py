"""LiteRT in this very process: run as a script it serves `litert.LiteRT` over a socket.

Imports nothing of ours, so that the child starts fast and cannot share a fault with what it judges.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class LocalLiteRT:
    """One model in LiteRT. A crash of LiteRT ends the process that holds this."""

    def __init__(self, model: bytes, resolver: str = "reference", threads: int = 1) -> None:
        from ai_edge_litert import interpreter as litert

        resolvers = {
            "reference": litert.OpResolverType.BUILTIN_REF,
            "default": litert.OpResolverType.BUILTIN,
            "builtin": litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        }
        self.interpreter = litert.Interpreter(
            model_content=model,
            num_threads=threads,
            experimental_op_resolver_type=resolvers[resolver],
            # XNNPACK runs behind the default resolver, and it keeps no intermediates
            experimental_preserve_all_tensors=resolver != "default",
        )
        self.shapes = {d["index"]: tuple(d["shape"]) for d in self.interpreter.get_input_details()}
        self.outputs = [d["index"] for d in self.interpreter.get_output_details()]
        self.interpreter.allocate_tensors()

    def feed(self, feeds: Mapping[int, Array]) -> None:
        """Copy arrays into the tensors of these indices; a new shape resizes the network first."""
        changed = {i: a.shape for i, a in feeds.items() if self.shapes.get(i) != a.shape}
        for index, shape in changed.items():
            self.interpreter.resize_tensor_input(index, shape)
        if changed:
            self.interpreter.allocate_tensors()
            self.shapes |= changed
        for index, array in feeds.items():
            self.interpreter.set_tensor(index, np.asarray(array, order="C"))

    def reset(self) -> None:
        """Set the states to their start."""
        self.interpreter.reset_all_variables()

    def invoke(self) -> None:
        """Run on what was fed."""
        self.interpreter.invoke()

    def tensors(self, indices: Sequence[int] | None = None) -> dict[int, Array]:
        """Copy the tensors of these indices, or all; those that LiteRT did not allocate are left out."""
        found = {}
        for details in self.interpreter.get_tensor_details():
            index, shape = int(details["index"]), tuple(details["shape"])
            if indices is not None and index not in indices:
                continue
            try:
                found[index] = self.interpreter.get_tensor(index)
            except ValueError:  # no memory: a temporary, an optional tensor, or no elements
                if 0 in shape:
                    found[index] = np.empty(shape, details["dtype"])
        return found


def answer(loaded: dict[Any, LocalLiteRT], request: dict[str, Any]) -> list[dict[int, Array]]:
    """Run the feeds of one request one after another; keeps the last model loaded."""
    model = request["model"]
    key = (hashlib.sha256(model).digest(), request["resolver"], request["threads"])
    if key not in loaded:
        loaded.clear()
        loaded[key] = LocalLiteRT(model, request["resolver"], request["threads"])
    local = loaded[key]
    wanted = local.outputs if request["tensors"] == "outputs" else request["tensors"]
    local.reset()
    results = []
    for feeds in request["feeds"]:
        if not request["keep_state"]:
            local.reset()
        local.feed(feeds)
        local.invoke()
        results.append(local.tensors(wanted))
    return results


def serve(connection: Connection) -> None:
    """Answer requests until the other side goes away."""
    loaded: dict[Any, LocalLiteRT] = {}
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        try:
            connection.send((True, answer(loaded, request)))
        except Exception as error:  # whatever LiteRT says is the answer
            loaded.clear()
            connection.send((False, f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    serve(Connection(int(sys.argv[1])))
