"""What a file with an operator of its own needs, to be imported at once: `docs/new_operator.md` has an example."""

from ..ir import op
from ..jit_kernels.kernel import F32, I64, kernel, share
from ..jit_kernels.lowering import element_by_element, lowers
from ..refimpl.unary import same_type
from .case import Case
from .cells import Cells
from .exact.unary import one_by_one
from .strategies.draw import FINITE, SMALL
from .strategies.unary import float_cases
from .tables import CASES, ENVELOPE, EXACT

__all__ = [
    "CASES",
    "ENVELOPE",
    "EXACT",
    "F32",
    "FINITE",
    "I64",
    "SMALL",
    "Case",
    "Cells",
    "element_by_element",
    "float_cases",
    "kernel",
    "lowers",
    "one_by_one",
    "op",
    "same_type",
    "share",
]
