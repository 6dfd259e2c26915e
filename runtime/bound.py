"""A plan with its inputs in place, to be run again and again: what is timed when feeding is not."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import Array, RunError, TensorType, UnsupportedError
from ..jit_kernels import driver
from .context import Context
from .session import Session
from .threads import aligned_copy


def _indices(type: TensorType) -> bool:
    return type.dtype.kind in "iu" and type.quant is None


class Bound:
    """The plan of `session` for `feeds`; calling it runs the kernels, nothing else.

    Outputs stay where the plan leaves them, and small inputs what it makes of their place, unless they are numbers
    that it could not run without. States start from the session's and are not carried on.
    """

    def __init__(self, session: Session, feeds: Mapping[str, Array]) -> None:
        plan = session.plan(feeds)
        if plan.rest:
            raise UnsupportedError(
                f"{plan.graph.name or 'the network'}: its shapes depend on values that the run makes, "
                "so there is no one plan that could be repeated"
            )
        # Kernels may read these arrays where they are: they must outlive the plan.
        # Aligned, as an engine's own input buffers are.
        self._feeds = {n: aligned_copy(a) for n, a in feeds.items()}
        self._states = {s.tensor: s.initial.copy() for s in session.graph.states}
        self.context = Context(plan, session.split_from)
        self._results = self.context.run({**self._feeds, **self._states}, {})
        self._walk = self.context.walk
        # Where the plan has put something else in the place of whole numbers, an index would be out of range.
        self._restored = [
            (view, self._feeds[name])
            for name, view in self.context.copied
            if name in self._feeds
            and _indices(plan.types[name])
            and not (view == feeds[name]).all()
        ]

    def __call__(self) -> None:
        """Run the kernels once more."""
        for view, value in self._restored:
            view[...] = value
        if self._walk() != driver.NONE:
            raise RunError(f"{self.context.plan.graph.name}: a kernel failed")
