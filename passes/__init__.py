"""Graph rewrites: pure functions from graph to graph, one file a pass."""

from .rewrite import rewrite

__all__ = ["rewrite"]
