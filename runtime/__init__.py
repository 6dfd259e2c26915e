"""Running networks: the reference interpreter, and plans of compiled kernels."""

from .interpreter import evaluate, interpret
from .plan import Plan, make_plan
from .session import Session

__all__ = ["Plan", "Session", "evaluate", "interpret", "make_plan"]
