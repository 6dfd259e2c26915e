"""Broken constraints of running sums, of sums over named axes, and of determinants."""

from __future__ import annotations

from ...refimpl.einsum import det, einsum
from ...refimpl.reduce import reduce_log_sum_exp
from ...refimpl.scan import cumprod, cumsum
from .examples import breaks, f32, s32

X = f32(2, 3, 4)

breaks(
    *(cumsum, cumprod),
    valid={"x": X, "axis": s32(-1)},
    C1={"axis": s32([0, 1])},
    C2={"axis": s32(3)},
)
breaks(
    reduce_log_sum_exp,
    valid={"x": X, "axes": s32([0, -1])},
    C1={"axes": f32(1)},
    C2={"axes": s32([3])},
)
breaks(
    einsum,
    valid={"xs": (X, f32(4, 5)), "equation": "bij,jk->bik"},
    C1={"xs": (), "equation": "->"},
    C2={"equation": "bij,j1->bi"},
    C3={"equation": "bij,jkl->bik"},
    C4={"equation": "bij,kj->bik"},
    C5={"equation": "bij,jk->biz"},
    C6={"xs": (X, s32([[1], [2], [3], [4]]))},
)
breaks(det, valid={"x": f32(2, 3, 3)}, C1={"x": f32(3)}, C2={"x": f32(3, 4)})
