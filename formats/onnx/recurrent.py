"""Recurrent layers: the gates i, o, f, c in one tensor there, each for itself here."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...ir import UnsupportedError
from ...refimpl.recurrent import lstm
from .table import ONNX_WRITER, OnnxSite

SWAPPED: Final = (1, 0, 2)
ACTIVATIONS: Final = {"tanh": "Tanh", "relu": "Relu"}
# Positions of the parameters of `lstm`, in the order of the file's gates.
WEIGHTS, AGAIN, BIAS = (
    [lstm.inputs.index(f"{kind}{gate}") for gate in "iofc"] for kind in ("w", "r", "b")
)
PEEPHOLES: Final = [lstm.inputs.index(f"p{gate}") for gate in "iof"]
COUPLED: Final = "LSTM forgets 1 - i where its gates are coupled, not the other way round"


def _stacked(site: OnnxSite, positions: list[int]) -> str:
    """Return the tensors of the gates in one, with an axis of directions in front."""
    names = [site.input(i) for i in positions]
    joined = site.emit("Concat", *names, axis=0)
    return site.emit("Unsqueeze", joined, site.whole([0]))


def _require_plain(site: OnnxSite) -> None:
    if not all(site.input(i) for i in (WEIGHTS[0], AGAIN[0], BIAS[0])):
        raise UnsupportedError(COUPLED)
    given = [
        n for i, n in enumerate(lstm.inputs) if site.input(i) and n[:4] in ("proj", "ni", "nf")
    ]
    if given or site.attribute("cell_clip") or site.attribute("proj_clip"):
        raise UnsupportedError("LSTM has no projection, no normalization and no such clipping")
    if site.attribute("activation") not in ACTIVATIONS:
        raise UnsupportedError(f"LSTM has no activation {site.attribute('activation')}")


@ONNX_WRITER.of(lstm)
def write_lstm(site: OnnxSite) -> tuple[str, ...]:
    """Write LSTM, whose sequence stands first and which has an axis of directions."""
    _require_plain(site)
    major, act = site.attribute("time_major"), ACTIVATIONS[site.attribute("activation")]
    x = site.input(0) if major else site.transposed(site.input(0), SWAPPED)
    batch = site.type().shape[1 if major else 0]
    cells = site.type(WEIGHTS[0]).shape[0]
    bias = site.emit(
        "Concat", _stacked(site, BIAS), site.constant(np.zeros((1, 4 * cells), "f")), axis=1
    )
    states = [
        site.reshaped(site.input(lstm.inputs.index(name)), (1, batch, cells))
        for name in ("output_state", "cell_state")
    ]
    peepholes = [_stacked(site, PEEPHOLES)] if site.input(PEEPHOLES[0]) else []
    y, *after = site.several(
        "LSTM",
        *(x, _stacked(site, WEIGHTS), _stacked(site, AGAIN), bias, "", *states, *peepholes),
        count=3,
        hidden_size=cells,
        activations=["Sigmoid", act, act],
    )
    y = site.emit("Squeeze", y, site.whole([1]))
    shapes = [t.shape for t in site.out[1:]]
    states = [site.reshaped(n, shape) for n, shape in zip(after, shapes, strict=True)]
    return (y if major else site.transposed(y, SWAPPED), *states)
