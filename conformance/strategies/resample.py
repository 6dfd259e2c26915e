"""Cases of resizing by weights."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...refimpl.resample import ROUNDINGS, TRANSFORMATIONS, resize
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SMALL, SPECIAL, floats
from .typed import s32


@st.composite
def resize_cases(draw: st.DrawFn) -> Case:
    """Up, down or not at all along each of up to four axes; scales that leave a rest; crops that leave the source."""
    rank = draw(st.integers(1, 4))
    shape = tuple(draw(st.permutations((2, 3, 4, 5, 1)))[:rank])
    changed = draw(st.sets(st.integers(0, rank - 1), max_size=2))
    size = [
        draw(st.sampled_from((1, 2, 3, 5, 7, 8))) if a in changed else n
        for a, n in enumerate(shape)
    ]
    mode = draw(st.sampled_from(("linear", "cubic", "nearest")))
    transformation = draw(st.sampled_from(TRANSFORMATIONS))
    attributes: dict[str, Any] = {"mode": mode, "transformation": transformation}
    if mode == "nearest":
        attributes["rounding"] = draw(st.sampled_from(ROUNDINGS))
    else:
        attributes["exclude_outside"] = draw(st.booleans())
        attributes["antialias"] = draw(st.booleans())
        attributes["coefficient"] = draw(st.sampled_from((-0.75, -0.5)))
    if draw(st.booleans()):  # a scale of which the size is what is left of the fraction
        rest = draw(st.sampled_from((0.0, 0.25, 0.5)))
        attributes["scale"] = tuple(
            (t + rest) / s if a in changed else 1.0
            for a, (s, t) in enumerate(zip(shape, size, strict=True))
        )
    if transformation == "tf_crop_and_resize":
        attributes["extrapolation"] = draw(st.sampled_from((0.0, -7.5)))
        ends = st.sampled_from(((0.0, 1.0), (0.25, 0.75), (0.5, 1.25), (-0.25, 0.9), (1.0, 0.0)))
        parts = [draw(ends) if a in changed else (0.0, 1.0) for a in range(rank)]
        attributes["roi"] = (*(p[0] for p in parts), *(p[1] for p in parts))
    x = draw(floats(shape, kinds=(*FINITE, *SMALL, *SPECIAL)))
    return Case(resize, (x, s32(size)), attributes, constant=frozenset((1,)))


CASES.of((resize, "f32"))(resize_cases())
