"""TFLite's operators that address elements by values, and that order them."""

from __future__ import annotations

from ...refimpl.gather import (
    gather,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from ...refimpl.sort import topk, unique
from .alike import alike

alike("GATHER", gather, axis="axis", batch_dims="batch_dims")
alike("GATHER_ND", gather_nd)
alike("ONE_HOT", one_hot, axis="axis")
alike("SPARSE_TO_DENSE", sparse_to_dense)
alike("SCATTER_ND", scatter_nd)
alike("REVERSE_SEQUENCE", reverse_sequence, seq_axis="seq_dim", batch_axis="batch_dim")
alike("TOPK_V2", topk)
alike("UNIQUE", unique, to="idx_out_type")
