"""Recurrent layers: the gates i, o, f, c in one tensor there, each for itself here."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl.binary import add
from ...refimpl.gather import gather
from ...refimpl.join import split
from ...refimpl.recurrent import lstm
from ...refimpl.rnn import lstm_layer
from ...refimpl.window import reverse
from .rnn import layer_of, row_of, together, ways_of
from .source import ONNX, OnnxSource
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


@ONNX.of("LSTM")
def lstm_of(source: OnnxSource) -> tuple[str, ...]:
    """The layer as LiteRT has it, whose kernels are quicker, where it is that; else the general one."""
    ways = ways_of(source)
    if not _is_usual(source, len(ways)):
        return layer_of(source, lstm_layer, 2, coupled=bool(source.attribute("input_forget", 0)))
    parts = [_direction(source, i, turned) for i, turned in enumerate(ways)]
    ys, hs, cs = zip(*parts, strict=True)
    return together(source, ys, 1), together(source, hs, 0), together(source, cs, 0)


def _is_usual(source: OnnxSource, ways: int) -> bool:
    """Whether weights are constants, functions the usual ones, and nothing is clipped, coupled, short or turned."""
    usual = ("sigmoid", "tanh", "tanh") * ways
    given = tuple(str(a).lower() for a in source.attribute("activations", usual))
    fixed = all(source.known(source.optional(i)) is not None for i in (1, 2))
    fixed = fixed and all(
        source.optional(i) is None or source.known(source.optional(i)) is not None for i in (3, 7)
    )
    odd = source.attribute("clip", 0.0) or source.attribute("input_forget", 0)
    turned = source.attribute("layout", 0) or source.optional(4) is not None
    return given == usual and fixed and not odd and not turned


def _direction(source: OnnxSource, way: int, turned: bool) -> tuple[str, str, str]:
    """Add the LSTM of one direction: all outputs, and the last states."""
    x = source.input(0)
    if source.rank(x) != 3:
        raise FormatError(f"x has {source.rank(x)} axes")
    w, r = (_gates(source, source.input(i), way) for i in (1, 2))
    cells, batch = source.type(w[0]).shape[0], source.size(x, 1)
    zeros = source.constant(np.zeros(cells, np.float32))
    halves = [zeros] * 8 if source.optional(3) is None else _gates(source, source.input(3), way, 8)
    b = [source.add(add, halves[i], halves[4 + i]) for i in range(4)]
    start = source.constant(np.zeros((batch, cells), np.float32))
    h, c = (row_of(source, i, way) or start for i in (5, 6))
    peepholes = (
        [None] * 3 if source.optional(7) is None else _gates(source, source.input(7), way, 3)
    )
    (wi, wo, wf, wc), (ri, ro, rf, rc), (bi, bo, bf, bc) = w, r, b
    pi, po, pf = peepholes
    frames = source.add(reverse, x, source.whole([0])) if turned else x
    inputs = (wf, wc, wo, rf, rc, ro, bf, bc, bo, h, c, wi, ri, bi, pi, pf, po)
    y, h, c = source.several(lstm, frames, *inputs, time_major=True)
    return source.add(reverse, y, source.whole([0])) if turned else y, h, c


def _gates(source: OnnxSource, x: str, way: int, count: int = 4) -> tuple[str, ...]:
    """Return the tensors of the gates of a direction."""
    mine = source.add(gather, x, source.whole(way), axis=0)
    return source.several(split, source.whole(0), mine, count=count)
