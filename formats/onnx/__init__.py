"""ONNX files: `write_graph`, `write`, and a module of rules for each family of operators."""

from .network import OnnxModel, write_graph
from .writer import write

__all__ = ["OnnxModel", "write", "write_graph"]
