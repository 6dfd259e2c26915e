"""What an operator, a tensor and a network are. Imports nothing of ours."""

from .errors import (
    ConstraintError,
    FormatError,
    InputError,
    LitegoldError,
    RunError,
    UnsupportedError,
    ValueNeededError,
    require,
)
from .facet import Facet, MissingFacetError, load_all
from .graph import Deferred, Graph, Node, State
from .op import ANY, FLOATS, INTS, NUMBERS, OPS, Op, format_of, op
from .tensor import FORMAT_OF, FORMATS, Array, QuantParams, TensorType, is_host, type_of

__all__ = [
    "ANY",
    "FLOATS",
    "FORMATS",
    "FORMAT_OF",
    "INTS",
    "NUMBERS",
    "OPS",
    "Array",
    "ConstraintError",
    "Deferred",
    "Facet",
    "FormatError",
    "Graph",
    "InputError",
    "LitegoldError",
    "MissingFacetError",
    "Node",
    "Op",
    "QuantParams",
    "RunError",
    "State",
    "TensorType",
    "UnsupportedError",
    "ValueNeededError",
    "format_of",
    "is_host",
    "load_all",
    "op",
    "require",
    "type_of",
]
