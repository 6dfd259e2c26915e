"""Cases of pooling over one to three axes of space."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...ir import Op
from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool
from ..case import Case
from ..tables import CASES
from .conv import some_channels
from .conv_nd import window_nd
from .draw import FINITE, SMALL, SPECIAL, arrays


@st.composite
def pool_nd_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Windows that touch, overlap or leave gaps, the last one whole, cut short or left out."""
    window, kernel, size = draw(window_nd(2, 4))
    # so long that a window in the padding still meets something
    dilation = window.get("dilation", (1,) * len(kernel))
    size = tuple(max(s, d) for s, d in zip(size, dilation, strict=True))
    images, c = draw(st.sampled_from((1, 2))), draw(some_channels(17))
    options = (
        {} if fmt != "f32" else {"kinds": FINITE + FINITE + SMALL + SPECIAL * (op is not avg_pool)}
    )
    x = draw(arrays(fmt, (images, *size, c), **options))
    attributes: dict[str, Any] = {**window, "kernel": kernel, "ceil": draw(st.booleans())}
    if op is avg_pool:
        attributes["include_pad"] = draw(st.booleans())
    elif op is max_pool:
        attributes["column_major"] = draw(st.booleans())
    else:
        attributes["p"] = draw(st.integers(1, 4))
    return Case(op, (x,), attributes)


CASES.of((avg_pool, "f32"))(pool_nd_cases(avg_pool, "f32"))
CASES.of((lp_pool, "f32"))(pool_nd_cases(lp_pool, "f32"))
for _fmt in ("f32", "s8", "u8"):
    CASES.of((max_pool, _fmt))(pool_nd_cases(max_pool, _fmt))
