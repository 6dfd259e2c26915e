"""INT8: what an operator means on quantized tensors, entered under (operator, number format)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Array, Facet, Op, QuantParams, TensorType, UnsupportedError, format_of


@dataclass(frozen=True)
class Quantized:
    """An array of stored integers together with what they stand for."""

    value: Array
    quant: QuantParams | None = None

    @property
    def scale(self) -> np.float32:
        """The per-tensor scale, as the float32 that model files hold."""
        if self.quant is None:
            raise UnsupportedError(f"a {self.type.format} tensor has no scale")
        return np.float32(self.quant.scale[0])

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point; 0 where the tensor is not quantized."""
        return self.quant.zero_point[0] if self.quant else 0

    @property
    def type(self) -> TensorType:
        """Shape, element type and quantization."""
        return TensorType(self.value.shape, self.value.dtype, self.quant)


# Dialects beside TFLite's, and the one that each is but for what it has itself. What an operator means there is entered
# under a number format of its own: `s8-nnacl`. nnacl-quirks is nnacl with the mistakes of its source.
DIALECTS = {"nnacl": "", "nnacl-quirks": "nnacl"}

# rule(*inputs: Quantized | None, out: tuple[TensorType, ...], dialect: str, **attributes)
# returns one array or a tuple of arrays, of the types in `out`.
INT8: Facet[tuple[Op[..., Any], str], Callable[..., Any]] = Facet(
    "quantized rule", "litegold.quant"
)


def number_format(op: Op[..., Any], types: tuple[TensorType | None, ...], dialect: str) -> str:
    """Return under which format a node's rule, cases and kernels are entered.

    It is that of the node (`format_of`), and the dialect where another than TFLite's has arithmetic to differ in:
    what only moves stored integers is the same in all, and so are integers that stand for themselves.
    """
    form = format_of(op, types)
    plain = form[0] in "su" and not any(t is not None and t.quant for t in types)
    if dialect not in DIALECTS or plain:
        return form
    for name in (dialect, DIALECTS[dialect]):
        if name and (op, f"{form}-{name}") in INT8:
            return f"{form}-{name}"
    return f"{form}-{dialect}" if (op, form) in INT8 else form
