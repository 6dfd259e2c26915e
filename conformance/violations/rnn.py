"""Broken constraints of the recurrent layers of any activations."""

from __future__ import annotations

import numpy as np

from ...refimpl.rnn import gru, lstm_layer, rnn
from .examples import breaks, f32

X, LENGTHS = f32(3, 2, 4), np.ones(2, np.int32)

for _op, _gates in ((rnn, 1), (gru, 3), (lstm_layer, 4)):
    breaks(
        _op,
        valid={
            "x": X,
            "w": f32(_gates * 5, 4),
            "r": f32(_gates * 5, 5),
            "b": f32(_gates * 10),
            "lengths": LENGTHS,
            "h": f32(2, 5),
        },
        C1={"x": f32(3, 4)},
        C2={"w": f32(_gates * 5, 3)},
        C3={"h": f32(3, 5)},
        C4={"lengths": np.ones(3, np.int32)},
        C5={"functions": ("sine",) * 3},
        C6={"clip": -1.0},
    )
