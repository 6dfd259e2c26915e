"""Cases of the recurrent layers: small, a few frames long, from any state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, QuantParams
from ...refimpl.recurrent import lstm, svdf
from ..case import Case
from ..tables import CASES
from .draw import floats, quant_params, scales, seeds

SVDF_STATES = ((3, 1),)
LSTM_STATES = ((10, 1), (11, 2))


@dataclass(frozen=True)
class Layout:
    """Sizes and optional parts of an LSTM."""

    batch: int
    time: int
    depth: int
    cells: int
    width: int
    time_major: bool
    coupled: bool
    peephole: bool
    projection: bool
    projection_bias: bool
    normalized: bool

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of the input called `name`; None where it is absent."""
        frames = (self.batch, self.time) if not self.time_major else (self.time, self.batch)
        whole = {
            "x": (*frames, self.depth),
            "output_state": (self.batch, self.width),
            "cell_state": (self.batch, self.cells),
            "projection": (self.width, self.cells) if self.projection else None,
            "projection_bias": (self.width,) if self.projection_bias else None,
        }
        if name in whole:
            return whole[name]
        kind, gate = name[0], name[1:]
        given = {"p": self.peephole, "n": self.normalized}.get(kind, True)
        if not given or (gate == "i" and self.coupled):
            return None
        return {"w": (self.cells, self.depth), "r": (self.cells, self.width)}.get(
            kind, (self.cells,)
        )


@st.composite
def layouts(draw: st.DrawFn, *, integer: bool) -> Layout:
    """Sizes that are mostly distinct; the integer kernel takes no peepholes with another width."""
    batch, time = draw(st.sampled_from(((1, 1), (1, 3), (2, 3), (3, 2), (2, 1))))
    depth, cells = draw(st.sampled_from(((4, 5), (3, 4), (5, 2), (1, 3), (6, 7), (3, 1), (2, 16))))
    projection, peephole = draw(st.booleans()), draw(st.booleans())
    width = cells
    if projection and not (integer and peephole):
        width = draw(st.sampled_from((1, 3, 6)))
    return Layout(
        batch,
        time,
        depth,
        cells,
        width,
        time_major=draw(st.booleans()),
        coupled=draw(st.booleans()),
        peephole=peephole,
        projection=projection,
        projection_bias=projection and draw(st.booleans()),
        normalized=draw(st.booleans()),
    )


def _constants(args: tuple[Array | None, ...]) -> frozenset[int]:
    """Everything but x and the states."""
    return frozenset(i for i, a in enumerate(args) if a is not None and i not in (0, 10, 11))


@st.composite
def lstm_cases(draw: st.DrawFn) -> Case:
    """Gates that are open, closed and between; clips that bite."""
    layout, reach = draw(layouts(integer=False)), draw(st.sampled_from((0.5, 0.1, 2.0)))
    args = tuple(
        None
        if (shape := layout.shape_of(name)) is None
        else draw(floats(shape, kinds=("uniform",), scale=1.0 if name == "x" else reach))
        for name in lstm.inputs
    )
    attributes = {
        "activation": draw(st.sampled_from(("tanh", "tanh", "tanh", "relu", "relu6"))),
        "cell_clip": draw(st.sampled_from((0.0, 10.0, 0.25))),
        "proj_clip": draw(st.sampled_from((0.0, 0.25))),
        "time_major": layout.time_major,
    }
    return Case(lstm, args, attributes, constant=_constants(args), states=LSTM_STATES)


def _whole(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...], reach: int) -> Array:
    return rng.integers(-reach, reach, shape, dtype=dtype, endpoint=True)


def _integer_argument(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
    """Return stored integers of an input of the integer LSTM."""
    if name in ("x", "output_state"):
        return rng.integers(-128, 127, shape, dtype=np.int8, endpoint=True)
    if name == "cell_state":
        return _whole(rng, np.int16, shape, int(rng.choice([300, 32767])))
    if name[0] in "pn" and len(name) == 2:
        return _whole(rng, np.int16, shape, 32767)
    if name[0] == "b" or name == "projection_bias":
        return _whole(rng, np.int32, shape, int(rng.choice([100, 20000])))
    return _whole(rng, np.int8, shape, 127)


def _integer_quants(draw: st.DrawFn, name: str) -> QuantParams | None:
    """Return scales with which gates saturate now and then."""
    if name in ("x", "output_state"):
        return draw(quant_params("s8", low=2.0**-9, high=2.0**-5))
    if name == "cell_state":
        return QuantParams((2.0 ** draw(st.integers(-15, -9)),))
    if name[0] == "b" or name == "projection_bias":
        return None  # engines derive it
    low, high = (2.0**-17, 2.0**-13) if name[0] in "pn" and len(name) == 2 else (2.0**-10, 2.0**-6)
    return QuantParams((draw(scales(low=low, high=high)),))


@st.composite
def integer_lstm_cases(draw: st.DrawFn) -> Case:
    """8x8 -> 16: any zero points; without projection the hidden output has the state's quantization."""
    layout, rng = draw(layouts(integer=True)), np.random.default_rng(draw(seeds()))
    shapes = [layout.shape_of(name) for name in lstm.inputs]
    named = list(zip(lstm.inputs, shapes, strict=True))
    args = tuple(None if s is None else _integer_argument(rng, n, s) for n, s in named)
    quant = tuple(None if s is None else _integer_quants(draw, n) for n, s in named)
    state, cell = quant[10], quant[11]
    hidden = draw(quant_params("s8", low=2.0**-9, high=2.0**-6)) if layout.projection else state
    assert state is not None and hidden is not None
    attributes = {
        "cell_clip": draw(st.sampled_from((0.0, 10.0, 0.25))),
        "proj_clip": draw(st.sampled_from((0.0, 0.25))),
        "time_major": layout.time_major,
        "gate_scales": tuple(draw(scales(low=2.0**-13, high=2.0**-10)) for _ in range(4))
        if layout.normalized
        else (),
        "hidden_scale": hidden.scale[0],
        "hidden_zero_point": hidden.zero_point[0],
    }
    return Case(
        lstm,
        args,
        attributes,
        quant,
        out_quant=(state, state, cell),
        constant=_constants(args),
        states=LSTM_STATES,
    )


@st.composite
def svdf_sizes(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    """Batch, depth, units, rank and memory."""
    small = st.sampled_from(((1, 3, 4, 1, 2), (2, 4, 3, 2, 5), (3, 1, 2, 3, 1), (1, 17, 5, 1, 8)))
    return draw(small)


@st.composite
def svdf_cases(draw: st.DrawFn) -> Case:
    """With and without bias."""
    batch, depth, units, rank, memory = draw(svdf_sizes())
    filters = units * rank
    args = (
        draw(floats((batch, depth))),
        draw(floats((filters, depth))),
        draw(floats((filters, memory))),
        draw(floats((batch, filters * memory))),
        draw(st.none() | floats((units,))),
    )
    activation = draw(st.sampled_from(("none", "relu", "relu6", "relu_n1_to_1")))
    attributes = {"rank": rank, "activation": activation}
    constant = frozenset({1, 2} if args[4] is None else {1, 2, 4})
    return Case(svdf, args, attributes, constant=constant, states=SVDF_STATES)


@st.composite
def integer_svdf_cases(draw: st.DrawFn) -> Case:
    """int8 in and out, int16 state and time weights; both stages saturate now and then."""
    batch, depth, units, rank, memory = draw(svdf_sizes())
    filters, rng = units * rank, np.random.default_rng(draw(seeds()))
    reach = draw(st.sampled_from((300, 32767)))
    args = (
        rng.integers(-128, 127, (batch, depth), dtype=np.int8, endpoint=True),
        _whole(rng, np.int8, (filters, depth), 127),
        _whole(rng, np.int16, (filters, memory), reach),
        _whole(rng, np.int16, (batch, filters * memory), reach),
        _whole(rng, np.int32, (units,), 20000) if draw(st.booleans()) else None,
    )
    x = draw(quant_params("s8", low=2.0**-8, high=2.0**-3))
    feature = QuantParams((draw(scales(low=2.0**-9, high=2.0**-5)),))
    time = QuantParams((draw(scales(low=2.0**-14, high=2.0**-12)),))
    state = QuantParams((draw(scales(low=2.0**-12, high=2.0**-7)),))
    y = draw(quant_params("s8", low=2.0**-6, high=2.0))
    return Case(
        svdf,
        args,
        {"rank": rank, "activation": "relu"},
        (x, feature, time, state, None),
        out_quant=(y, state),
        constant=frozenset({1, 2} if args[4] is None else {1, 2, 4}),
        states=SVDF_STATES,
    )


CASES.of((lstm, "f32"))(lstm_cases())
CASES.of((lstm, "s8"))(integer_lstm_cases())
CASES.of((svdf, "f32"))(svdf_cases())
CASES.of((svdf, "s8"))(integer_svdf_cases())
