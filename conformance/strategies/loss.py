"""Cases of the losses."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...refimpl.loss import REDUCTIONS, negative_log_likelihood
from ..case import Case
from ..tables import CASES
from .draw import floats, seeds, shapes


@st.composite
def negative_log_likelihood_cases(draw: st.DrawFn) -> Case:
    """Few classes and many, weights of both signs, a class that is ignored inside or outside of them; all ignored."""
    shape = draw(shapes(min_dims=2, max_dims=5))
    rng = np.random.default_rng(draw(seeds()))
    to = draw(st.sampled_from((np.int32, np.int64)))
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    ignored = draw(st.sampled_from((None, None, 0, -5, 300)))
    if ignored is not None:
        share = draw(st.sampled_from((0.3, 0.3, 0.1, 0.5, 0.3, 0.2, 0.4, 1.0)))
        target = np.where(rng.random(target.shape) < share, ignored, target)
    weight = draw(st.none() | floats(shape[1:2]))
    return Case(
        negative_log_likelihood,
        (draw(floats(shape, scale=20.0)), target.astype(to), weight),
        {"ignore_index": ignored, "reduction": draw(st.sampled_from(REDUCTIONS))},
        constant=frozenset() if weight is None else frozenset({2}),
    )


CASES.of((negative_log_likelihood, "f32"))(negative_log_likelihood_cases())
