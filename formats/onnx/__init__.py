"""ONNX files: `write`, and a module of rules for each family of operators."""

from .writer import write

__all__ = ["write"]
