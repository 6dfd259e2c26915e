"""The quick way of a plan: for arrays like those that it was made for, with as little Python as that takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..ir import Array
from .context import Context
from .plan import Plan

# run(feeds, out) -> the outputs, or None where these arrays need the general way.
Quick = Callable[[Mapping[str, Any], Mapping[str, Array]], dict[str, Array] | None]
Wanted = tuple[str, tuple[int, ...], "np.dtype[Any]"]


def quick_way(plan: Plan, contexts: list[Context]) -> Quick | None:
    """Return the quick way of a plan that is all that its session's network is; `contexts` are its idle ones.

    None where a run takes more: states, a tail, outputs that are known, or of which only some are in the arena: they
    would come in another order.
    """
    graph = plan.graph
    in_arena = {n in plan.places for n in plan.outputs}
    if (
        plan.rest
        or graph.later
        or graph.states
        or graph.outputs != plan.outputs
        or len(in_arena) > 1
        or any(n not in plan.types for n in graph.inputs)  # they are no tensors
    ):
        return None
    wanted = [_wanted(plan, n) for n in graph.inputs]
    given = {n: _wanted(plan, n) for n in plan.outputs}
    count, written = len(wanted), in_arena != {True}

    def run(feeds: Mapping[str, Any], out: Mapping[str, Array]) -> dict[str, Array] | None:
        if len(feeds) != count:
            return None
        for name, shape, dtype in wanted:
            x = feeds.get(name)
            if x.__class__ is not np.ndarray or x.shape != shape or x.dtype != dtype:
                return None
        if out and not _are_usable(out, given, feeds if written else {}):
            return None
        try:
            context = contexts.pop()
        except IndexError:
            return None
        try:
            return context.run(feeds, out)
        finally:
            contexts.append(context)

    return run


def _wanted(plan: Plan, name: str) -> Wanted:
    t = plan.types[name]
    return name, t.shape, t.dtype


def _are_usable(
    out: Mapping[str, Array], given: Mapping[str, Wanted], read: Mapping[str, Array]
) -> bool:
    """Whether the caller's arrays can be filled as they are, while those in `read` are still needed."""
    for name, y in out.items():
        if name not in given or y.__class__ is not np.ndarray:
            return False
        _, shape, dtype = given[name]
        flags = y.flags
        fits = y.shape == shape and y.dtype == dtype
        if not (fits and flags.c_contiguous and flags.aligned and flags.writeable):
            return False
        others = [*read.values(), *(o for n, o in out.items() if n != name)]
        if any(np.may_share_memory(y, other) for other in others):
            return False
    return True
