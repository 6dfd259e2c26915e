"""TFLite files: `read` and `write`, and a module of rules for each family of operators."""

from .reader import read
from .writer import write

__all__ = ["read", "write"]
