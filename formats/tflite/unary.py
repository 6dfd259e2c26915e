"""TFLite's functions of one tensor; none has options."""

from __future__ import annotations

from ...refimpl.unary import abs as abs_op
from ...refimpl.unary import ceil, cos, exp, floor, log, neg, rsqrt, sign, sin, sqrt, square
from ...refimpl.unary import round as round_op
from .alike import alike

for _code, _op in {
    "ABS": abs_op,
    "CEIL": ceil,
    "COS": cos,
    "EXP": exp,
    "FLOOR": floor,
    "LOG": log,
    "NEG": neg,
    "ROUND": round_op,
    "RSQRT": rsqrt,
    "SIGN": sign,
    "SIN": sin,
    "SQRT": sqrt,
    "SQUARE": square,
}.items():
    alike(_code, _op)
