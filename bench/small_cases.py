"""The cases of `bench.elementwise`: an operator on 2**18 float32 numbers, and what a user of NumPy writes for it.

Movement is of the same tensor; normalisations are of its rows. NumPy's way writes into memory that is there where its
functions can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from litegold.conformance.case import Case
from litegold.ir import Array, Op
from litegold.refimpl import (
    activation,
    binary,
    bitwise,
    channel,
    conv_nd,
    gate,
    gather,
    join,
    logic,
    norm,
    pool_nd,
    reduce,
    scan,
    scatter,
    shape,
    signal,
    softmax,
    sort,
    trigonometry,
    unary,
    window,
)

ROWS, COLUMNS = 256, 1024


@dataclass(frozen=True)
class Small:
    """One operator on one set of arguments; `numpy` takes the arguments that are tensors; None: there is no such."""

    family: str
    name: str
    case: Case
    numpy: Callable[..., Any] | None


def _numbers(low: float, high: float, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, (ROWS, COLUMNS)).astype(np.float32)


@dataclass
class _Table:
    found: list[Small] = field(default_factory=list)

    def enter(
        self,
        family: str,
        op: Op[..., Any],
        numpy: Callable[..., Any] | None,
        *args: Array,
        constant: tuple[int, ...] = (),
        **attributes: Any,
    ) -> None:
        """Add an operator; positions in `constant` are part of the network."""
        case = Case(op, args, attributes, constant=frozenset(constant))
        self.found.append(Small(family, op.__name__, case, numpy))


WIDE, POSITIVE, UNIT = _numbers(-8, 8), _numbers(0.5, 8), _numbers(-0.99, 0.99)
OTHER, ROW = _numbers(0.5, 4, 1), _numbers(0.5, 2, 2)[0]
OUT = np.empty_like(WIDE)


def _into(function: Any) -> Callable[..., Any]:
    return lambda *tensors: function(*tensors, out=OUT)


UNARY: Final[Mapping[Op[..., Any], tuple[Callable[..., Any], Array]]] = {
    unary.abs: (_into(np.abs), WIDE),
    unary.ceil: (_into(np.ceil), WIDE),
    unary.floor: (_into(np.floor), WIDE),
    unary.round: (_into(np.rint), WIDE),
    unary.neg: (_into(np.negative), WIDE),
    unary.sign: (_into(np.sign), WIDE),
    unary.square: (_into(np.square), WIDE),
    unary.sqrt: (_into(np.sqrt), POSITIVE),
    unary.rsqrt: (lambda x: np.reciprocal(np.sqrt(x, out=OUT), out=OUT), POSITIVE),
    unary.exp: (_into(np.exp), WIDE),
    unary.log: (_into(np.log), POSITIVE),
    unary.sin: (_into(np.sin), WIDE),
    unary.cos: (_into(np.cos), WIDE),
    trigonometry.tan: (_into(np.tan), WIDE),
    trigonometry.asin: (_into(np.arcsin), UNIT),
    trigonometry.acos: (_into(np.arccos), UNIT),
    trigonometry.atan: (_into(np.arctan), WIDE),
    trigonometry.sinh: (_into(np.sinh), WIDE),
    trigonometry.cosh: (_into(np.cosh), WIDE),
    trigonometry.asinh: (_into(np.arcsinh), WIDE),
    trigonometry.acosh: (_into(np.arccosh), POSITIVE + np.float32(1)),
    trigonometry.atanh: (_into(np.arctanh), UNIT),
    activation.relu: (lambda x: np.maximum(x, np.float32(0), out=OUT), WIDE),
    activation.leaky_relu: (lambda x: np.where(x > 0, x, np.float32(0.2) * x), WIDE),
    activation.tanh: (_into(np.tanh), WIDE),
    activation.elu: (lambda x: np.where(x > 0, x, np.expm1(x)), WIDE),
    activation.logistic: (lambda x: 1 / (1 + np.exp(-x)), WIDE),
    activation.hard_swish: (lambda x: x * np.clip(x + 3, 0, 6) / 6, WIDE),
    gate.softplus: (lambda x: np.log1p(np.exp(x)), WIDE),
    gate.softsign: (lambda x: x / (1 + np.abs(x)), WIDE),
    gate.selu: (lambda x: np.where(x > 0, x, np.float32(1.6733) * np.expm1(x)), WIDE),
    gate.mish: (lambda x: x * np.tanh(np.log1p(np.exp(x))), WIDE),
    gate.swish: (lambda x: x / (1 + np.exp(-x)), WIDE),
    gate.hard_sigmoid: (lambda x: np.clip(np.float32(0.2) * x + np.float32(0.5), 0, 1), WIDE),
    gate.thresholded_relu: (lambda x: np.where(x > 1, x, np.float32(0)), WIDE),
}
BINARY: Final[Mapping[Op[..., Any], Callable[..., Any]]] = {
    binary.add: _into(np.add),
    binary.sub: _into(np.subtract),
    binary.mul: _into(np.multiply),
    binary.div: _into(np.divide),
    binary.maximum: _into(np.maximum),
    binary.minimum: _into(np.minimum),
    binary.pow: _into(np.power),
    binary.fmod: _into(np.fmod),
    logic.less: np.less,
    logic.equal: np.equal,
}
REDUCTIONS: Final[Mapping[Op[..., Any], Callable[..., Any]]] = {
    reduce.sum: lambda x, axis: x.sum(axis),
    reduce.mean: lambda x, axis: x.mean(axis),
    reduce.reduce_max: lambda x, axis: x.max(axis),
    reduce.reduce_min: lambda x, axis: x.min(axis),
    reduce.reduce_prod: lambda x, axis: x.prod(axis),
    reduce.reduce_sum_abs: lambda x, axis: np.abs(x).sum(axis),
    reduce.reduce_sum_square: lambda x, axis: np.square(x).sum(axis),
    reduce.reduce_log_sum_exp: lambda x, axis: np.log(np.exp(x).sum(axis)),
}


def _s32(*values: int) -> Array:
    return np.array(values, np.int32)


def _normalized(x: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(1e-5))


def _softmax(x: Array) -> Array:
    power = np.exp(x - x.max(-1, keepdims=True))
    return power / power.sum(-1, keepdims=True)


def _log_softmax(x: Array) -> Array:
    centred = x - x.max(-1, keepdims=True)
    return centred - np.log(np.exp(centred).sum(-1, keepdims=True))


def cases() -> Iterator[Small]:
    """All of them, family by family."""
    table = _Table()
    for op, (numpy, x) in UNARY.items():
        table.enter("unary", op, numpy, x)
    for op, function in BINARY.items():
        table.enter("binary", op, function, POSITIVE, OTHER)
    table.enter("binary", binary.add, _into(np.add), WIDE, ROW)
    whole = WIDE.astype(np.int32), OTHER.astype(np.int32)
    table.enter("binary", bitwise.bitwise_and, np.bitwise_and, *whole)
    table.enter("binary", binary.div, lambda x, y: x // y, whole[0], np.maximum(whole[1], 1))
    table.enter("binary", logic.select, np.where, WIDE > 0, WIDE, OTHER)
    for op, reduced in REDUCTIONS.items():
        for axis in (1, 0):
            x = UNIT + np.float32(1) if op is reduce.reduce_prod else WIDE
            body = lambda x, reduced=reduced, axis=axis: reduced(x, axis)  # noqa: E731
            table.enter(f"reduction, axis {axis}", op, body, x, _s32(axis), constant=(1,))
    table.enter(
        "reduction, axis 1", reduce.arg_max, lambda x: x.argmax(1), WIDE, _s32(1), constant=(1,)
    )
    table.enter(
        "reduction, axis 1", scan.cumsum, lambda x: x.cumsum(1), WIDE, _s32(1), constant=(1,)
    )
    _movement(table)
    _transforms(table)
    for normal in (_Norm(softmax.softmax, _softmax), _Norm(softmax.log_softmax, _log_softmax)):
        table.enter("normalisation", normal.op, normal.numpy, WIDE)
    scale, bias = ROW, ROW - np.float32(1)
    table.enter(
        "normalisation", norm.layer_norm, lambda x: _normalized(x) * scale + bias, WIDE, scale, bias,
        constant=(1, 2), axis=1,
    )  # fmt: skip
    rms = lambda x: x / np.sqrt(np.square(x).mean(-1, keepdims=True)) * scale  # noqa: E731
    table.enter("normalisation", norm.rms_norm, rms, WIDE, scale, constant=(1,))
    table.enter(
        "normalisation", channel.instance_norm, lambda x: _normalized(x), WIDE.reshape(4, ROWS // 4, COLUMNS),
        np.ones(ROWS // 4, np.float32), np.zeros(ROWS // 4, np.float32), constant=(1, 2), axis=1,
    )  # fmt: skip
    yield from table.found


@dataclass(frozen=True)
class _Norm:
    op: Op[..., Any]
    numpy: Callable[..., Any]


def _movement(table: _Table) -> None:
    rows = np.random.default_rng(0).permutation(ROWS).astype(np.int32)
    three = WIDE.reshape(ROWS, 32, 32)
    turned = lambda x: np.ascontiguousarray(x.T)  # noqa: E731
    table.enter("movement", shape.transpose, turned, WIDE, _s32(1, 0), constant=(1,))
    swapped = lambda x: np.ascontiguousarray(x.transpose(1, 0, 2))  # noqa: E731
    table.enter("movement", shape.transpose, swapped, three, _s32(1, 0, 2), constant=(1,))
    table.enter(
        "movement", join.concat, lambda x, y: np.concatenate([x, y], 1), WIDE, OTHER, axis=1
    )
    halves = lambda x: [h.copy() for h in np.split(x, 2, 1)]  # noqa: E731
    table.enter(
        "movement", join.split, lambda _, x: halves(x), _s32(1)[0], WIDE, constant=(0,), count=2
    )
    part = lambda x: x[8:, 8:].copy()  # noqa: E731
    sizes = _s32(8, 8), _s32(ROWS - 8, COLUMNS - 8)
    table.enter("movement", window.slice, part, WIDE, *sizes, constant=(1, 2))
    padded = lambda x: np.pad(x, ((1, 1), (3, 3)))  # noqa: E731
    table.enter(
        "movement", window.pad, padded, WIDE, np.array([[1, 1], [3, 3]], np.int32), constant=(1,)
    )
    table.enter(
        "movement", window.tile, lambda x: np.tile(x, (1, 2)), WIDE, _s32(1, 2), constant=(1,)
    )
    table.enter(
        "movement", window.reverse, lambda x: x[:, ::-1].copy(), WIDE, _s32(1), constant=(1,)
    )
    spread = lambda x: np.broadcast_to(x, (ROWS, COLUMNS)).copy()  # noqa: E731
    table.enter("movement", window.broadcast_to, spread, ROW, _s32(ROWS, COLUMNS), constant=(1,))
    table.enter("movement", gather.gather, lambda x, i: x[i], WIDE, rows, axis=0)
    columns = np.random.default_rng(0).permutation(COLUMNS).astype(np.int32)
    table.enter("movement", gather.gather, lambda x, i: x[:, i], WIDE, columns, axis=1)
    for k in (8, 100):
        best = lambda x, k=k: np.sort(np.partition(x, -k, 1)[:, -k:], 1)  # noqa: E731
        table.enter("movement", sort.topk, best, WIDE, _s32(k)[0], constant=(1,))
    places = np.argsort(WIDE, 1).astype(np.int64)
    put = lambda x, i, y: np.put_along_axis(x.copy(), i[..., 1], y, 1)  # noqa: E731
    each = np.stack([np.arange(ROWS)[:, None] + 0 * places, places], -1)
    table.enter("movement", scatter.scatter_nd_update, put, WIDE, each, OTHER)
    table.enter("movement", logic.nonzero, np.argwhere, np.maximum(WIDE, 4) - np.float32(4))


def _transforms(table: _Table) -> None:
    """Numbers that are not of rows: spectra, and windows of an image of channels, for which NumPy has no function."""
    real = lambda x: np.fft.rfft(x[..., 0])  # noqa: E731
    table.enter("transform", signal.dft, real, WIDE[..., None], axis=1, onesided=True)
    short = WIDE.reshape(-1)[: 640 * 400].reshape(640, 400, 1)
    table.enter("transform", signal.dft, real, short, axis=1, onesided=True)
    pairs = lambda x: np.fft.fft(x.view(np.complex64)[..., 0])  # noqa: E731
    table.enter("transform", signal.dft, pairs, WIDE.reshape(ROWS, -1, 2), axis=1)
    image, small = WIDE.reshape(1, 64, 64, 64), WIDE.reshape(4, 32, 32, 64)[:1]
    table.enter(
        "transform", pool_nd.max_pool, None, image, kernel=(3, 3), pad=(2, 2, 2, 2), dilation=(2, 2)
    )
    filters = UNIT[:128].reshape(-1)
    for k, o in ((4, 32), (2, 64)):
        w = filters[: o * k * k * 64].reshape(o, k, k, 64)
        pad = ((k - 2) // 2,) * 4
        table.enter(
            "transform", conv_nd.conv_transpose, None, small, w, _s32(1, 64, 64, o), constant=(1, 2),
            stride=(2, 2), pad=pad,
        )  # fmt: skip
