"""CPU: how an operator in a number format becomes steps of a plan, each a kernel and its argument block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..ir import Array, Facet, Node, Op, TensorType
from .isa import HOST
from .kernel import Kernel


@dataclass(frozen=True)
class Operand:
    """A place in memory that a step reads or writes: a tensor of the graph, a constant, or scratch.

    `offset` is in bytes. `value` is set for a tensor that is known when the plan is made.
    """

    name: str
    type: TensorType
    offset: int = 0

    @property
    def value(self) -> Array | None:
        """The tensor's value, where it is constant."""
        return self.type.value


Argument = Operand | int | float | None  # None is the null address


@dataclass(frozen=True)
class Step:
    """One call of a kernel. `arguments` are in the order of its parameters, without tid and threads.

    `serial` marks a kernel which must run on one thread; the others share the work by tid and threads.
    `whole_copy` says that it copies its first argument to its second, all of either: where both may be in one place
    it need not be done. `algorithm` names what the error is bounded by where that is not what the operator's envelope
    assumes.
    """

    kernel: Kernel
    arguments: tuple[Argument, ...]
    serial: bool = False
    whole_copy: bool = False
    algorithm: str = ""


class Site(Protocol):
    """What a lowering sees of its node: concrete shapes, and values where they are constant."""

    node: Node
    attributes: Mapping[str, Any]  # with the operator's defaults filled in
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    threads: int
    residual: Operand | None  # of the output's shape: added to the sum, before the activation
    pitch: int | None  # elements between pixels of the output, where it is a part of a wider tensor

    def constant(self, value: Array) -> Operand:
        """Keep an array (packed weights, a table) for as long as the plan lives; 64-byte aligned."""

    def packed(self, make: Callable[..., Array], *args: Any) -> Operand:
        """Keep `make(*args)`, made once for all plans of a session.

        `make` is a function of a module. Arrays among `args` are constants and known by their identity; the rest
        is hashed.
        """

    def scratch(self, nbytes: int) -> Operand:
        """Reserve memory for this node alone; 64-byte aligned.

        A kernel that needs some a thread takes `threads` times as much and adds `tid` times the size itself.
        """


@dataclass(frozen=True)
class Lowering:
    """One way to run an operator: needs `isa`, takes what it `accepts`, and makes the steps.

    `pitched` says that it heeds `site.pitch`.
    """

    build: Callable[[Site], Sequence[Step]]
    accepts: Callable[[Site], bool] = field(default=lambda site: True)
    isa: frozenset[str] = frozenset()
    pitched: bool = False

    def fits(self, site: Site) -> bool:
        """Whether this machine and this node will do."""
        return self.isa <= HOST and self.accepts(site)


# (operator, number format) -> the ways to run it, best first; the last one accepts everything legal.
CPU: Facet[tuple[Op[..., Any], str], tuple[Lowering, ...]] = Facet(
    "CPU kernel", "litegold.jit_kernels"
)


def element_by_element(kernel: Kernel) -> Callable[[Site], Sequence[Step]]:
    """Return the lowering of a function of each element: one step, `kernel(x, y, count, tid, threads)`."""

    def lower(site: Site) -> Sequence[Step]:
        y = site.outputs[0]
        return [Step(kernel, (site.inputs[0], y, y.type.size))]

    return lower


def lowers(*keys: tuple[Op[..., Any], str]) -> Callable[[Any], Any]:
    """Enter the decorated `build(site)` as the only way to run the operators under `keys`."""

    def enter(build: Callable[[Site], Sequence[Step]]) -> Callable[[Site], Sequence[Step]]:
        CPU.of(*keys)((Lowering(build),))
        return build

    return enter
