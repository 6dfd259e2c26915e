"""An operator: a NumPy function that is its own specification, and the rule for its output types."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from .errors import ConstraintError, ValueNeededError
from .tensor import NARROW_FLOATS, NARROW_INTS, TensorType

P = ParamSpec("P")
R = TypeVar("R")

OPS: dict[str, Op[..., Any]] = {}

HOST = "host"  # the format of operators that run in Python
RUN = "run"  # the parameter of an operator with networks in attributes that takes what runs them

FLOATS = ("f32",)
INTS = ("s32", "s64")
NUMBERS = ("f32", "s32", "s64")
ANY = ("f32", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "bool")
# What an operator that moves elements works on besides: they are moved as the words that they are.
BYTES = ("s8", "u8", "s16")  # with quantized rules of their own, or as plain numbers
MOVED = ("f64", *NARROW_FLOATS, *NARROW_INTS)


def _with_half(dtypes: tuple[str, ...]) -> tuple[str, ...]:
    """What means something on float32 does so on float16: widened, computed, and rounded once to float16."""
    return (*dtypes, "f16") if "f32" in dtypes and "f16" not in dtypes else dtypes


class Op(Generic[P, R]):
    """A registered operator. Calling it runs the reference.

    Attributes:
        infer: `infer(*types, **attributes)` gives the output type (or a tuple of them), and raises the
            labelled constraints. It may ask a type for its value (`TensorType.known`).
        dtypes: short names of the element types for which the plain reference is the semantics; f32 brings f16.
        static: names of the inputs whose value must be known before the operator can be planned.
        format_input: position of the input whose element type names the operator's format.
        reads_types: the result depends on the types of the inputs alone (`shape`, `rank`).
        moves: it does nothing with elements but to place them, so that those of MOVED can be moved too.
        host: it runs in Python between the parts of a plan, on any values (`is_host`); there is no shape rule.
    """

    __name__: str

    def __init__(
        self,
        reference: Callable[P, R],
        infer: Callable[..., Any],
        dtypes: tuple[str, ...],
        static: tuple[str, ...],
        format_input: int,
        reads_types: bool,
        host: bool = False,
        moves: bool = False,
    ) -> None:
        functools.update_wrapper(self, reference)
        self.reference, self.infer = reference, infer
        self.dtypes, self.static = _with_half(dtypes), static
        self.format_input, self.reads_types = format_input, reads_types
        self.host, self.moves = host, moves

    def __call__(self, *tensors: P.args, **attributes: P.kwargs) -> R:
        return self.reference(*tensors, **attributes)

    def __repr__(self) -> str:
        return f"<op {self.__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (inspect.getmodule(self.reference), self.__name__)

    def takes(self, form: str) -> bool:
        """Whether the plain reference is the semantics on a format: one of `dtypes`, or any if elements are moved."""
        return form in self.dtypes or (self.moves and form in (*MOVED, *BYTES))

    @functools.cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """All parameters of the reference: tensors are positional, attributes keyword-only."""
        return tuple(inspect.signature(self.reference).parameters.values())

    @property
    def attributes(self) -> dict[str, Any]:
        """Attribute names and their defaults; `run`, which runs a network in an attribute, is none."""
        keywords = (p for p in self.parameters if p.kind is p.KEYWORD_ONLY)
        return {p.name: p.default for p in keywords if p.name != RUN}

    @property
    def axes(self) -> str:
        """What it does to axes, where its shape rule says so: elementwise, reduction."""
        return getattr(self.infer, "axes", "")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensor parameters; a variadic one ends the tuple."""
        return tuple(p.name for p in self.parameters if p.kind is not p.KEYWORD_ONLY)

    @property
    def variadic(self) -> bool:
        """Whether the last tensor parameter takes any number of tensors."""
        return any(p.kind is p.VAR_POSITIONAL for p in self.parameters)

    def static_positions(self) -> tuple[int, ...]:
        """Positions of the inputs named in `static`."""
        return tuple(self.inputs.index(name) for name in self.static)

    def output_types(
        self, types: tuple[TensorType | None, ...], attributes: dict[str, Any]
    ) -> tuple[TensorType, ...]:
        """Apply the shape rule; a broken constraint names this operator."""
        try:
            out = self.infer(*types, **attributes)
        except ConstraintError as error:
            raise ConstraintError(error.label, f"{self.__name__}: {error.reason}") from None
        return out if isinstance(out, tuple) else (out,)


def elementwise(infer: Callable[..., Any]) -> Callable[..., Any]:
    """Mark the shape rule of operators whose result at a place is made of what stands (or is spread) there."""
    infer.axes = "elementwise"  # type: ignore[attr-defined]
    return infer


def reduction(infer: Callable[..., Any]) -> Callable[..., Any]:
    """Mark the shape rule of operators of a tensor and axes, in no order, that they reduce."""
    infer.axes = "reduction"  # type: ignore[attr-defined]
    return infer


def no_rule(*types: TensorType | None, **attributes: Any) -> tuple[TensorType, ...]:
    """The shape rule of an operator on host values: it must run."""
    raise ValueNeededError("the operator runs in Python; only its run tells what comes out")


def op(
    *,
    infer: Callable[..., Any] = no_rule,
    dtypes: tuple[str, ...] = FLOATS,
    static: tuple[str, ...] = (),
    format_input: int = 0,
    reads_types: bool = False,
    host: bool = False,
    moves: bool = False,
) -> Callable[[Callable[P, R]], Op[P, R]]:
    """Declare the decorated NumPy function as the operator of that name."""

    def declare(reference: Callable[P, R]) -> Op[P, R]:
        forms = (HOST,) if host else dtypes
        new = Op(reference, infer, forms, static, format_input, reads_types, host, moves)
        known = OPS.setdefault(new.__name__, new)
        if known is not new:
            raise ValueError(f"{new.__name__}: in {known.__module__} and {new.__module__}")
        return new

    return declare


def format_of(op: Op[..., Any], types: tuple[TensorType | None, ...]) -> str:
    """Return the number format in which a node of `op` computes: f32, s8, ..., or hybrid.

    Hybrid is a float32 operator with quantized 8-bit weights.
    """
    if op.host:
        return HOST
    first = types[op.format_input]
    assert first is not None, f"{op}: input {op.format_input} names the format and is not optional"
    rest = [t for t in types[1:] if t is not None]
    if first.format == "f32" and any(t.format in ("s8", "u8") and t.quant for t in rest):
        return "hybrid"
    return first.format
