"""onnxruntime in this very process: run as a script it serves `onnxruntime.OnnxRuntime` over a socket.

Imports nothing of ours, so that the child starts fast and cannot share a fault with what it judges.
"""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection
from typing import Any

from numpy.typing import NDArray


def answer(request: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Run one model on one set of arrays; return the outputs by name."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.log_severity_level = 4
    if not request["fuse"]:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(request["model"], options, ["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, request["feeds"]), strict=True))


def serve(connection: Connection) -> None:
    """Answer requests until the other side goes away."""
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        try:
            connection.send((True, answer(request)))
        except Exception as error:  # whatever onnxruntime says is the answer
            connection.send((False, f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    serve(Connection(int(sys.argv[1])))
