"""What votes and counts may be off: nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Array
from ...refimpl.embedding import custom_predict, tf_idf
from ...refimpl.packed import custom_extract_features
from ..tables import ENVELOPE


@ENVELOPE.of(custom_predict)
def custom_predict_envelope(*tensors: Array, **attributes: Any) -> tuple[Array, ...]:
    """Allow nothing: the order of the votes jumps where two of them meet, so each step is rounded as declared."""
    return (np.zeros(()),) * 2


@ENVELOPE.of(tf_idf)
def tf_idf_envelope(*tensors: Array | None, **attributes: Any) -> Array:
    """Allow nothing: a count below 2^24 is a float32 number, and its product with a weight is rounded once."""
    return np.zeros(())


@ENVELOPE.of(custom_extract_features)
def custom_extract_features_envelope(x: Array) -> tuple[Array, ...]:
    """Allow nothing: a number of words is below 2^24."""
    return (np.zeros(()),) * 2
