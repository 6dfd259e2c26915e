"""RNN, GRU and the general LSTM: layers of each direction, with an axis for these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...ir import FormatError, Op, UnsupportedError
from ...refimpl.cast import cast
from ...refimpl.gather import gather
from ...refimpl.join import pack
from ...refimpl.rnn import gru, lstm_layer, rnn
from ...refimpl.shape import expand_dims
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite

SWAPPED: Final = (1, 0, 2)
WAYS: Final = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
# ONNX's names of our functions, and what alpha and beta are where a file has none left; None where there is none.
NAMES: Final[dict[str, tuple[str, float | None, float | None]]] = {
    "sigmoid": ("Sigmoid", None, None),
    "tanh": ("Tanh", None, None),
    "relu": ("Relu", None, None),
    "affine": ("Affine", 1.0, 0.0),
    "leaky_relu": ("LeakyRelu", 0.01, None),
    "thresholded_relu": ("ThresholdedRelu", 1.0, None),
    "scaled_tanh": ("ScaledTanh", 1.0, 1.0),
    "hard_sigmoid": ("HardSigmoid", 0.2, 0.5),
    "elu": ("Elu", 1.0, None),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
}
OURS: Final = {theirs.lower(): ours for ours, (theirs, _, _) in NAMES.items()}


def ways_of(source: OnnxSource) -> tuple[bool, ...]:
    """Return for each direction whether it is the reverse one."""
    way = source.attribute("direction", "forward")
    if way not in WAYS:
        raise FormatError(f"direction {way!r}")
    return WAYS[way]


def together(source: OnnxSource, parts: Sequence[str], axis: int) -> str:
    """Return the results of all directions in one, with an axis for them."""
    if len(parts) == 1:
        return source.add(expand_dims, parts[0], source.whole(axis))
    return source.add(pack, *parts, axis=axis)


def row_of(source: OnnxSource, position: int, way: int, axis: int = 0) -> str | None:
    """Return what belongs to a direction of an input, without that axis; None where it is absent."""
    x = source.optional(position)
    return None if x is None else source.add(gather, x, source.whole(way), axis=axis)


def _functions(source: OnnxSource, usual: tuple[str, ...], ways: int) -> list[dict[str, Any]]:
    """Return the attributes of each direction: numbers go to the functions that take some, in order."""
    spelled = source.attribute("activations", tuple(NAMES[n][0] for n in usual) * ways)
    names = [OURS.get(str(n).lower()) for n in spelled]
    if None in names or len(names) != len(usual) * ways:
        raise FormatError(f"activations={spelled}")
    numbers: list[list[float]] = []
    for which, attribute in ((1, "activation_alpha"), (2, "activation_beta")):
        left = iter(source.attributes.get(attribute, ()))
        defaults = [NAMES[n][which] for n in names if n is not None]
        numbers.append([0.0 if d is None else float(next(left, d)) for d in defaults])
    count = len(usual)
    parts = [slice(i * count, (i + 1) * count) for i in range(ways)]
    return [
        {"functions": tuple(names[p]), "alpha": tuple(numbers[0][p]), "beta": tuple(numbers[1][p])}
        for p in parts
    ]


def layer_of(source: OnnxSource, op: Op[..., Any], states: int, **flags: Any) -> tuple[str, ...]:
    """Add a layer for each direction; in layout 1 batches stand first. Y, and the last states."""
    ways, batch_first = ways_of(source), source.attribute("layout", 0) == 1
    x, lengths = source.input(0), source.optional(4)
    if source.rank(x) != 3:
        raise FormatError(f"x has {source.rank(x)} axes")
    x = source.transposed(x, SWAPPED) if batch_first else x
    if lengths is not None and source.type(lengths).format != "s32":
        lengths = source.add(cast, lengths, to="s32")
    usual, axis = op.attributes["functions"], int(batch_first)
    results = []
    for i, (turned, functions) in enumerate(
        zip(ways, _functions(source, usual, len(ways)), strict=True)
    ):
        w, r, b = (row_of(source, position, i) for position in (1, 2, 3))
        first = [row_of(source, 5 + k, i, axis) for k in range(states)]
        peepholes = [row_of(source, 7, i)] if states > 1 else []
        clip = source.attribute("clip", 0.0)
        attributes = {**functions, **flags, "clip": clip, "reverse": turned}
        results.append(source.several(op, x, w, r, b, lengths, *first, *peepholes, **attributes))
    ys, *last = zip(*results, strict=True)
    y = together(source, ys, 2 if batch_first else 1)
    y = source.transposed(y, (1, 0, 2, 3)) if batch_first else y
    return (y, *(together(source, parts, axis) for parts in last))


@ONNX.of("RNN")
def rnn_of(source: OnnxSource) -> tuple[str, ...]:
    """One gate."""
    return layer_of(source, rnn, 1)


@ONNX.of("GRU")
def gru_of(source: OnnxSource) -> tuple[str, ...]:
    """Before version 3, reset came first always."""
    return layer_of(source, gru, 1, reset_after=bool(source.attribute("linear_before_reset", 0)))


def _write(site: OnnxSite, code: str, states: int, **attributes: Any) -> tuple[str, ...]:
    """Write the layer with an axis for its one direction."""
    lengths = site.type(4).value if site.input(4) else None
    if lengths is not None and np.any(lengths <= 0):
        raise UnsupportedError(f"{code} leaves open what the last state of no frames is")
    front, count = site.whole([0]), states + 1
    given = [site.input(i) for i in range(len(site.node.op.inputs))]
    rows = ["" if not name else site.emit("Unsqueeze", name, front) for name in given]
    inputs = [given[0], *rows[1:4], given[4], *rows[5:]]
    names = site.attribute("functions")
    for which, name in ((1, "alpha"), (2, "beta")):
        values = site.attribute(name) or (0.0,) * len(names)
        taken = [v for f, v in zip(names, values, strict=True) if NAMES[f][which] is not None]
        attributes |= {f"activation_{name}": [float(v) for v in taken]} if taken else {}
    attributes |= {"clip": float(site.attribute("clip"))} if site.attribute("clip") else {}
    y, *last = site.several(
        code,
        *inputs,
        count=count,
        hidden_size=site.type(2).shape[1],
        activations=[NAMES[f][0] for f in names],
        direction="reverse" if site.attribute("reverse") else "forward",
        **attributes,
    )
    return (
        site.emit("Squeeze", y, site.whole([1])),
        *(site.emit("Squeeze", s, front) for s in last),
    )


@ONNX_WRITER.of(rnn)
def write_rnn(site: OnnxSite) -> tuple[str, ...]:
    """Write RNN."""
    return _write(site, "RNN", 1)


@ONNX_WRITER.of(gru)
def write_gru(site: OnnxSite) -> tuple[str, ...]:
    """Write GRU."""
    return _write(site, "GRU", 1, linear_before_reset=int(site.attribute("reset_after")))


@ONNX_WRITER.of(lstm_layer)
def write_lstm_layer(site: OnnxSite) -> tuple[str, ...]:
    """Write LSTM, unless something is clipped: of what enters the last function, onnxruntime leaves that out."""
    if site.attribute("clip"):
        raise UnsupportedError("LSTM clips what enters every function, which not all engines do")
    return _write(site, "LSTM", 2, input_forget=int(site.attribute("coupled")))
