"""ONNX files: `write_graph`, `write`, and a module of rules for each family of operators."""

from .network import OnnxModel, write_graph
from .reader import read
from .writer import write

__all__ = ["OnnxModel", "read", "write", "write_graph"]
