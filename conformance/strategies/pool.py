"""Cases of pooling."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...ir import Op
from ...refimpl.pool import avg_pool2d, max_pool2d
from ..case import Case
from ..tables import CASES
from .conv import pairs, some_channels, windows
from .draw import FINITE, SMALL, arrays
from .fit import activated
from .typed import stored_quant


@st.composite
def pool_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Windows that touch, overlap or leave gaps; input and output share their quantization."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    (rows, columns), pad = draw(windows(kernel, stride, (1, 1)))
    kinds = {"kinds": FINITE + SMALL} if fmt == "f32" else {}
    x = draw(
        arrays(fmt, (draw(st.integers(1, 2)), rows, columns, draw(some_channels(17))), **kinds)
    )
    quant = draw(stored_quant(fmt))
    attributes = {"kernel": kernel, "stride": stride, "pad": pad}
    return draw(activated(Case(op, (x,), attributes, (quant,), out_quant=(quant,))))


for _fmt in ("f32", "s8", "u8"):
    CASES.of((avg_pool2d, _fmt))(pool_cases(avg_pool2d, _fmt))
    CASES.of((max_pool2d, _fmt))(pool_cases(max_pool2d, _fmt))
