"""nnacl's functions of one tensor: a table each, which the rule makes."""

from __future__ import annotations

from ..quant.nnacl_unary import FUNCTIONS, LEAST
from ..refimpl.unary import rsqrt, square
from .lookup import lower_by_table, lower_from
from .lowering import lowers

for _op in (*FUNCTIONS, rsqrt, square):
    _lower = lower_from(LEAST[_op]) if _op in LEAST else lower_by_table
    lowers((_op, "s8-nnacl"), (_op, "u8-nnacl"))(_lower)
