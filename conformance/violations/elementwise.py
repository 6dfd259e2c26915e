"""Broken constraints of operators that work element by element."""

from __future__ import annotations

import numpy as np

from ...refimpl.activation import prelu
from ...refimpl.binary import (
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    fmod,
    maximum,
    minimum,
    mul,
    pow,
    squared_difference,
    sub,
)
from ...refimpl.bitwise import bit_shift, bitwise_and, bitwise_or, bitwise_xor
from ...refimpl.cast import bit_cast, cast, dequantize, quantize
from ...refimpl.gate import celu
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
)
from .examples import breaks, f32, s32

PAIR = {"x": f32(2, 3), "y": f32(3)}
BROADCAST = {
    "C1": {"y": s32([1, 2, 3])},
    "C2": {"y": f32(2)},
    "C3": {"x": f32(1, 2, 1, 2, 1, 2, 3)},
}
BOOLS = {"x": np.ones((2, 3), np.bool_), "y": np.ones(3, np.bool_)}

breaks(add, sub, mul, div, valid=PAIR, **BROADCAST, C4={"activation": "sign_bit"})
breaks(
    *(floor_div, floor_mod, fmod, maximum, minimum, pow, squared_difference),
    *(equal, not_equal, greater, greater_equal, less, less_equal),
    valid=PAIR,
    **BROADCAST,
)
breaks(
    *(logical_and, logical_or),
    valid=BOOLS,
    C1={"y": f32(3)},
    C2={"y": np.ones(2, np.bool_)},
    C3={"x": np.ones((1, 2, 1, 2, 1, 2, 3), np.bool_)},
)
breaks(logical_not, valid={"x": BOOLS["x"]}, C1={"x": f32(2)})
breaks(
    add_n,
    valid={"xs": (f32(2, 3), f32(2, 3))},
    C1={"xs": ()},
    C2={"xs": (f32(2, 3), f32(3))},
)
breaks(
    prelu,
    valid={"x": f32(2, 3, 4), "alpha": f32(4)},
    C1={"alpha": s32([1, 2, 3, 4])},
    C2={"alpha": f32(3)},
    C3={"x": f32(2, 1, 3, 1, 4)},
)
breaks(cast, valid={"x": f32(2), "to": "s32"}, C1={"to": "f8"}, C2={"round_mode": "odd"})
breaks(bit_cast, valid={"x": f32(2), "to": "s32"}, C1={"to": "f8"}, C2={"to": "s16"})
breaks(quantize, valid={"x": f32(2), "to": "s8"}, C1={"to": "s32"})
breaks(dequantize, valid={"x": np.ones(2, np.int8)}, C1={"x": s32([1])})
breaks(celu, valid={"x": f32(2), "alpha": 0.5}, C1={"alpha": 0.0})
INTEGERS = {"x": s32([[1, 2, 3], [4, 5, 6]]), "y": s32([1, 2, 3])}
MANY_AXES = np.ones((1, 2, 1, 2, 1, 2, 3), np.int32)
breaks(
    *(bitwise_and, bitwise_or, bitwise_xor),
    valid=INTEGERS,
    C1={"y": f32(3)},
    C2={"y": s32([1, 2])},
    C3={"x": MANY_AXES},
)
breaks(
    bit_shift,
    valid=INTEGERS,
    C1={"y": f32(3)},
    C2={"y": s32([1, 2])},
    C3={"x": MANY_AXES},
    C4={"direction": "up"},
)
