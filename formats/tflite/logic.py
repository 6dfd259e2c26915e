"""TFLite's comparisons and logical operators; none has options."""

from __future__ import annotations

from ...refimpl.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    select,
    where,
)
from .alike import alike

for _op in (
    equal,
    not_equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    logical_not,
):
    alike(_op.__name__.upper(), _op)
alike("SELECT_V2", select)
alike("WHERE", where)
