"""Cases of the operators that change a tensor at the places that indices name. Indices are legal here."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import ANY
from ...refimpl.scatter import REDUCTIONS, scatter_nd_update
from ..case import Case
from ..tables import CASES
from .draw import seeds, shapes
from .typed import moved, typed


@st.composite
def scatter_nd_update_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Up to nine rows into up to four axes, to places that are distinct or repeat."""
    reduction = "none" if fmt == "bool" else draw(st.sampled_from(REDUCTIONS))
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4, max_elements=120))))
    depth = draw(st.integers(1, x.ndim))
    room = int(np.prod(x.shape[:depth]))
    outer = draw(shapes(max_dims=2, max_size=3, max_elements=9))
    count, rng = int(np.prod(outer, dtype=np.int64)), np.random.default_rng(draw(seeds()))
    apart = count <= room and draw(st.booleans())
    flat = rng.permutation(room)[:count] if apart else rng.integers(0, room, count)
    rows = np.stack(np.unravel_index(flat, x.shape[:depth]), -1)
    indices = rows.reshape(*outer, depth).astype(draw(st.sampled_from((np.int32, np.int64))))
    updates = draw(typed(fmt, (*outer, *x.shape[depth:])))[0]
    args = (x, indices, updates)
    return moved(scatter_nd_update, args, quant, data=(0, 2), runtime=(1,), reduction=reduction)


for fmt in ANY:
    CASES.of((scatter_nd_update, fmt))(scatter_nd_update_cases(fmt))
