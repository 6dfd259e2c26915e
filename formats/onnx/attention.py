"""Attention: read as our operator between reshapes, written as its stages."""

from __future__ import annotations

import math

import numpy as np

from ...ir import FormatError
from ...refimpl.attention import SCORES, allowed_keys, attention
from ...refimpl.cast import cast
from ...refimpl.join import concat
from ...refimpl.window import pad
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite

SWAPPED = (0, 2, 1, 3)


def in_heads(source: OnnxSource, x: str, name: str) -> str:
    """Return x as (N, heads, length, size); with three axes the heads are in the last one, `name` says how many."""
    if source.rank(x) == 4:
        return x
    heads, (n, length, width) = source.attribute(name), source.shape(x)
    if heads < 1 or width % heads:
        raise FormatError(f"{heads} heads of {width} elements")
    return source.transposed(source.reshaped(x, (n, length, heads, width // heads)), SWAPPED)


def out_of_heads(source: OnnxSource, y: str) -> str:
    """Put the heads back in the last of three axes."""
    n, heads, length, width = source.shape(y)
    return source.reshaped(source.transposed(y, SWAPPED), (n, length, heads * width))


def _mask_of(source: OnnxSource, like: str, keys: int) -> str | None:
    """Return the mask: of bools or of the type of the queries, its last axis as long as the keys."""
    mask = source.optional(3)
    if mask is None:
        return None
    whole = source.type(mask).format == "bool"
    if not whole and source.type(mask).dtype != source.type(like).dtype:
        mask = source.add(cast, mask, to=source.type(like).format)
    lacking = keys - source.size(mask, -1)
    if lacking <= 0:
        return mask
    sides = np.zeros((source.rank(mask), 2), np.int32)
    sides[-1, 1] = lacking
    nothing = np.array(False if whole else -np.inf, source.type(mask).dtype)
    return source.add(pad, mask, source.constant(sides), source.constant(nothing))


@ONNX.of("Attention")
def attention_of(source: OnnxSource) -> tuple[str, ...]:
    """Keys and values of the past come first; what is causal sees nothing to its right."""
    given = [source.input(i) for i in range(3)]
    flat = source.rank(given[0]) == 3
    heads = ("q_num_heads", "kv_num_heads", "kv_num_heads")
    q, k, v = (in_heads(source, x, name) for x, name in zip(given, heads, strict=True))
    offset, past = 0, [source.optional(i) for i in (4, 5)]
    if past[0] is not None and past[1] is not None:
        offset = source.size(past[0], 2)
        k, v = source.add(concat, past[0], k, axis=2), source.add(concat, past[1], v, axis=2)
    mode, lengths = source.attribute("qk_matmul_output_mode", 0), source.optional(6)
    if not 0 <= mode < len(SCORES) - 1:
        raise FormatError(f"qk_matmul_output_mode {mode}")
    wanted = len(source.outputs) > 3 and bool(source.outputs[3])
    right = 0 if source.attribute("is_causal", 0) else source.attribute("right_window_size", -1)
    results = source.several(
        attention,
        *(q, k, v, _mask_of(source, q, source.size(k, 2)), lengths),
        scale=source.attributes.get("scale"),
        softcap=source.attribute("softcap", 0.0),
        left=source.attribute("left_window_size", -1),
        right=right,
        offset=offset,
        trailing=lengths is not None and source.version >= 25,
        scores=SCORES[mode + 1] if wanted else "none",
    )
    y = out_of_heads(source, results[0]) if flat else results[0]
    return (y, k, v, *results[1:])


def _shared(site: OnnxSite, position: int, heads: int) -> str:
    """Return keys or values once for each head that shares them."""
    n, groups, *rest = site.type(position).shape
    x, whole = site.input(position), (n, groups, heads // groups, *rest)
    if groups == heads:
        return x
    wide = site.emit("Expand", site.reshaped(x, (n, groups, 1, *rest)), site.whole(list(whole)))
    return site.reshaped(wide, (n, heads, *rest))


def _seen(site: OnnxSite, shape: tuple[int, ...]) -> str:
    """Return which keys each query may see by its window, and by the lengths."""
    a = {name: site.attribute(name) for name in ("left", "right", "offset", "trailing")}
    if not site.input(4):
        return site.constant(allowed_keys((1, 1, *shape[2:]), None, None, **a))
    keys = site.whole(np.arange(shape[3]))
    ends = site.emit("Min", site.reshaped(site.input(4), (-1, 1, 1, 1)), site.whole(shape[3]))
    seen = site.emit("Less", keys, ends)
    first = site.whole(a["offset"])
    first = site.emit("Sub", ends, site.whole(shape[2])) if a["trailing"] else first
    place = site.emit("Add", first, site.whole(np.arange(shape[2])[:, None]))
    for code, side, reach in (("Sub", "GreaterOrEqual", "left"), ("Add", "LessOrEqual", "right")):
        if a[reach] >= 0:
            end = site.emit(code, place, site.whole(a[reach]))
            seen = site.emit("And", seen, site.emit(side, keys, end))
    return seen


@ONNX_WRITER.of(attention)
def write_attention(site: OnnxSite) -> str | tuple[str, str]:
    """Write the stages: Attention itself, since opset 23, sees windows and lengths otherwise from opset to opset."""
    (n, heads, queries, depth), dtype = site.type().shape, site.type().dtype
    shape = (n, heads, queries, site.type(1).shape[2])
    scale, cap = site.attribute("scale"), site.attribute("softcap")
    factor = site.constant(depth**-0.5 if scale is None else scale, dtype)
    k, v = (_shared(site, i, heads) for i in (1, 2))
    stages = {}
    s = site.emit(
        "MatMul", site.emit("Mul", site.input(0), factor), site.transposed(k, (0, 1, 3, 2))
    )
    stages["raw"] = s
    if cap:
        limit = site.constant(cap, dtype)
        s = site.emit("Mul", site.emit("Tanh", site.emit("Div", s, limit)), limit)
    stages["capped"] = s
    seen, mask = _seen(site, shape), site.input(3)
    if mask and site.type(3).format == "bool":
        seen = site.emit("And", seen, mask)
    elif mask:
        s = site.emit("Add", s, mask)
    lowest = site.constant(-math.inf, dtype)
    stages["biased"] = s = site.emit("Where", seen, s, lowest)
    blind = site.emit("Equal", site.emit("ReduceMax", s, site.whole([-1])), lowest)
    s = site.emit("Where", blind, site.constant(0, dtype), site.emit("Softmax", s, axis=-1))
    stages["weights"] = s
    y, kept = site.emit("MatMul", s, v), site.attribute("scores")
    return y if kept == "none" else (y, stages[kept])
