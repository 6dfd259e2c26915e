"""A plan with its inputs in place, to be run again and again: what is timed when feeding is not."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import Array, RunError, UnsupportedError
from ..jit_kernels import driver
from .context import Context
from .session import Session
from .threads import aligned_copy


class Bound:
    """The plan of `session` for `feeds`; calling it runs the kernels, nothing else.

    `outputs` are the places where the plan leaves them: the next run writes over them. Nothing takes the place of an
    input, so that each run is on the same numbers. States start from the session's and are not carried on.
    """

    def __init__(self, session: Session, feeds: Mapping[str, Array]) -> None:
        plan = session.lasting_plan(feeds)
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
        results = self.context.run({**self._feeds, **self._states}, {})
        view = self.context.view
        self.outputs = {n: view(n) if n in plan.places else a for n, a in results.items()}
        self._walk = self.context.walk

    def __call__(self) -> None:
        """Run the kernels once more."""
        if self._walk() != driver.NONE:
            raise RunError(f"{self.context.plan.graph.name}: a kernel failed")
