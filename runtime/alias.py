"""Copies that are none: a tensor that would hold what another holds gets the same place instead."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from ..jit_kernels.lowering import Operand, Site, Step


class Aliases:
    """Tensors that share a place, named by one of them.

    Args:
        given: tensors that are there before the plan runs: inputs, constants.
        wanted: tensors that must be in a place of their own when it has run.
    """

    def __init__(self, given: Set[str], wanted: Set[str]) -> None:
        self._given, self._wanted = given, wanted
        self._holder: dict[str, str] = {}

    def join(self, copy: Step) -> bool:
        """Let both operands of a whole copy share a place, so that it need not be done; return whether they may.

        Nothing but the copy may write to its result.
        """
        x, y = (a.name for a in copy.arguments[:2] if isinstance(a, Operand))
        source = self.holder(x)
        if y not in self._wanted:
            self._holder[y] = source
        elif source not in self._wanted and source not in self._given:
            self._holder[source] = y  # who made the source writes to the result
        else:
            return False
        return True

    def holder(self, name: str) -> str:
        """Return the tensor whose place holds this one."""
        while name in self._holder:
            name = self._holder[name]
        return name

    def renamed(self, step: Step) -> Step:
        """Return the step with its operands named by who holds them."""
        if not self._holder:
            return step
        arguments = tuple(
            replace(a, name=self.holder(a.name)) if isinstance(a, Operand) else a
            for a in step.arguments
        )
        return replace(step, arguments=arguments)


def says_again(copy: Step, steps: Sequence[Step], site: Site) -> bool:
    """Whether a whole copy is all that a node does to get one of its results from one of its inputs.

    No other step of the node touches the result; so nothing ever writes to either of them after the copy.
    """
    source, target = copy.arguments[:2]
    if not (copy.whole_copy and isinstance(source, Operand) and isinstance(target, Operand)):
        return False
    names = [a.name for s in steps for a in s.arguments if isinstance(a, Operand)]
    given = {o.name for o in site.inputs if o is not None}
    made = {o.name for o in site.outputs}
    return source.name in given and target.name in made and names.count(target.name) == 1
