"""Laws of convolutions. Images are (N, *S, C), filters (O, *K, D); S are one, two or more axes of space."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...ir import Array
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ...refimpl.conv_nd import conv, conv_transpose
from ..case import Case
from .law import Pairs, Rng, Run, changed, law, permuted, zero_of

DENSE = (conv2d, conv)
SLIDING = (conv2d, conv, depthwise_conv2d)
TURNED = (conv2d_transpose, conv_transpose)
BYTES = ("f32", "s8", "u8")


def attribute(case: Case, name: str) -> Any:
    """Return an attribute, or its default, a number an axis."""
    axes = case.args[0].ndim - 2  # type: ignore[union-attr]
    value = {**case.op.attributes, **case.attributes}.get(name, ())
    return tuple(value) or ((0,) * (2 * axes) if name == "pad" else (1,) * axes)


def tensors(case: Case) -> tuple[Array, Array]:
    """Return images and filters."""
    x, w = case.args[:2]
    assert x is not None and w is not None
    return x, w


@law(*SLIDING, *TURNED, formats=BYTES)
def images_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Batch permutation."""
    x, _ = tensors(case)
    order = rng.permutation(len(x))
    yield run(changed(case, x[order])), run(case)[order]


@law(*SLIDING, *TURNED)
def sums_go_through(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(x + x', w) = f(x, w) + f(x', w), without bias."""
    x, _ = tensors(case)
    case, other = _without_bias(case), rng.permuted(x, axis=None)
    both = run(case) + run(changed(case, other))
    yield run(changed(case, x + other)), both


@law(*SLIDING, *TURNED)
def filters_may_be_added(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(x, w + w') = f(x, w) + f(x, w'), without bias."""
    _, w = tensors(case)
    case, other = _without_bias(case), rng.permuted(w, axis=None)
    yield run(changed(case, ..., w + other)), run(case) + run(changed(case, ..., other))


@law(*SLIDING, *TURNED)
def twice_is_twice(run: Run, case: Case, rng: Rng) -> Pairs:
    """f(2 x, w) = 2 f(x, w) = f(x, 2 w), without bias."""
    x, w = tensors(case)
    case = _without_bias(case)
    y = run(case) * 2
    yield run(changed(case, x * 2)), y
    yield run(changed(case, ..., w * 2)), y


@law(*DENSE, formats=BYTES)
def filters_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of output channels, of one group."""
    x, w = tensors(case)
    if x.shape[-1] != w.shape[-1]:
        return
    order = rng.permutation(len(w))
    b = case.args[2] if len(case.args) > 2 else None
    quant = list(case.quant)
    for i in range(1, len(quant)):
        quant[i] = permuted(quant[i], order)
    args = (..., w[order]) if b is None else (..., w[order], b[order])
    yield run(replace(changed(case, *args), quant=tuple(quant))), run(case)[..., order]


@law(*DENSE, formats=BYTES)
def channels_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of the channels of images and filters together, of one group."""
    x, w = tensors(case)
    if x.shape[-1] == w.shape[-1]:
        order = rng.permutation(x.shape[-1])
        yield run(changed(case, x[..., order], w[..., order])), run(case)


@law(*SLIDING, formats=BYTES)
def padding_is_of_zeros(run: Run, case: Case, rng: Rng) -> Pairs:
    """Padding is what zeros around the image do."""
    x, _ = tensors(case)
    pad = attribute(case, "pad")
    edges = [(0, 0), *zip(pad[::2], pad[1::2], strict=True), (0, 0)]
    wide = np.pad(x, edges, constant_values=zero_of(case))
    yield run(changed(case, wide, pad=(0,) * len(pad))), run(case)


@law(*SLIDING, formats=BYTES)
def strides_leave_out(run: Run, case: Case, rng: Rng) -> Pairs:
    """A stride takes every s-th window."""
    stride = attribute(case, "stride")
    every = run(changed(case, stride=(1,) * len(stride)))
    yield run(case), every[(slice(None), *(slice(None, None, s) for s in stride))]


@law(*SLIDING)
def dilated_filters_have_holes(run: Run, case: Case, rng: Rng) -> Pairs:
    """Dilation is what zeros within the filter do."""
    _, w = tensors(case)
    dilation = attribute(case, "dilation")
    kernel = w.shape[1:-1]
    wide = np.zeros(
        (len(w), *((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)), w.shape[-1]),
        w.dtype,
    )
    wide[(slice(None), *(slice(None, None, d) for d in dilation))] = w
    yield run(changed(case, ..., wide, dilation=(1,) * len(dilation))), run(case)


@law(*SLIDING, formats=BYTES)
def shifts_go_through(run: Run, case: Case, rng: Rng) -> Pairs:
    """An image from which the first rows are cut, a stride of them, gives the rows of windows after the first."""
    x, _ = tensors(case)
    pad, stride = attribute(case, "pad"), attribute(case, "stride")
    case = changed(
        case, np.pad(x, _edges(case), constant_values=zero_of(case)), pad=(0,) * len(pad)
    )
    y = run(case)
    if y.shape[1] > 1:
        whole, _ = tensors(case)
        yield run(changed(case, whole[:, stride[0] :])), y[:, 1:]


def _edges(case: Case) -> list[tuple[int, int]]:
    pad = attribute(case, "pad")
    return [(0, 0), *zip(pad[::2], pad[1::2], strict=True), (0, 0)]


@law(*DENSE)
def groups_are_block_diagonal(run: Run, case: Case, rng: Rng) -> Pairs:
    """A convolution in groups is one with zeros where a filter does not look."""
    x, w = tensors(case)
    groups = x.shape[-1] // w.shape[-1]
    share, depth = len(w) // groups, w.shape[-1]
    dense = np.zeros((*w.shape[:-1], x.shape[-1]), w.dtype)
    for o in range(len(w)):
        first = o // share * depth
        dense[o, ..., first : first + depth] = w[o]
    yield run(changed(case, ..., dense)), run(case)


@law(depthwise_conv2d)
def channels_are_block_diagonal(run: Run, case: Case, rng: Rng) -> Pairs:
    """A depthwise convolution is a dense one with zeros at the other channels."""
    x, w = tensors(case)
    times = w.shape[-1] // x.shape[-1]
    dense = np.zeros((w.shape[-1], *w.shape[1:3], x.shape[-1]), w.dtype)
    for o in range(w.shape[-1]):
        dense[o, ..., o // times] = w[0, ..., o]
    attributes = {k: v for k, v in case.attributes.items() if k != "multiplier"}
    yield run(replace(changed(case, ..., dense), op=conv2d, attributes=attributes)), run(case)


@law(conv2d_transpose)
def adjoint_of_the_convolution(run: Run, case: Case, rng: Rng) -> Pairs:
    """<conv(y, w'), x> = <y, transposed(x, w)>, w' having its channels in the other places."""
    x, w = tensors(case)
    case = _without_bias(case)
    scattered = run(case)
    y = rng.integers(-4, 5, scattered.shape).astype(x.dtype)
    given = {"stride": attribute(case, "stride"), "pad": attribute(case, "pad")}
    turned = np.ascontiguousarray(w.transpose(3, 1, 2, 0))
    gathered = run(Case(conv2d, (y, turned), given))
    left, right = (np.sum(a.astype(np.float64) * b) for a, b in ((gathered, x), (y, scattered)))
    yield np.asarray(left), np.asarray(right)


@law(conv2d_transpose)
def filters_of_it_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of output channels."""
    _, w = tensors(case)
    order = rng.permutation(len(w))
    case = _without_bias(case)
    yield run(changed(case, ..., w[order])), run(case)[..., order]


@law(conv2d_transpose)
def channels_of_it_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Permutation of the channels of images and filters together."""
    x, w = tensors(case)
    order = rng.permutation(x.shape[-1])
    yield run(changed(case, x[..., order], w[..., order])), run(case)


def _without_bias(case: Case) -> Case:
    """Return the case without its last input, where that is a bias."""
    names = case.op.inputs
    args = tuple(None if n == "b" else a for n, a in zip(names, case.args, strict=False))
    return replace(case, args=args)
