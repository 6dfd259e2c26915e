"""TFLite's operators that resize images."""

from __future__ import annotations

from ...refimpl.resize import resize_bilinear, resize_nearest_neighbor
from .alike import alike

for code, op in (
    ("RESIZE_BILINEAR", resize_bilinear),
    ("RESIZE_NEAREST_NEIGHBOR", resize_nearest_neighbor),
):
    alike(code, op, align_corners="align_corners", half_pixel_centers="half_pixel_centers")
