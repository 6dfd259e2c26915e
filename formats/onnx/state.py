"""What carries a state from call to call, linear attention and causal convolution; and vectors turned by position."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError
from ...refimpl.cast import cast
from ...refimpl.conv import depthwise_conv2d
from ...refimpl.gate import swish
from ...refimpl.gather import gather
from ...refimpl.join import concat
from ...refimpl.linear_attention import linear_attention
from ...refimpl.rotary import rotary_embedding
from ...refimpl.window import slice
from .attention import in_heads, out_of_heads
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite

GATED, DELTA = ("gated", "gated_delta"), ("delta", "gated_delta")


@ONNX.of("LinearAttention")
def linear_attention_of(source: OnnxSource) -> tuple[str, str]:
    """Heads are in the last axis there; the rule says which gates count."""
    q, k, v = (source.input(i) for i in range(3))
    n, time, _ = source.shape(q)
    heads, groups = source.attribute("q_num_heads"), source.attribute("kv_num_heads")
    rule, scale = source.attribute("update_rule", "gated_delta"), source.attribute("scale", 0.0)
    if rule not in ("linear", *GATED, *DELTA) or min(heads, groups) < 1:
        raise FormatError(f"update_rule {rule!r}, {heads} heads that share {groups}")
    q, k, v = (
        source.reshaped(x, (n, time, h, -1)) for x, h in ((q, heads), (k, groups), (v, groups))
    )
    decay = source.reshaped(source.input(4), (n, time, groups, -1)) if rule in GATED else None
    beta = source.input(5) if rule in DELTA else None
    state = source.optional(3)
    kept = source.type(state).format if state is not None else None
    form = source.type(q).format
    if state is not None and kept != form:
        state = source.add(cast, state, to=form)
    y, state = source.several(linear_attention, q, k, v, state, decay, beta, scale=scale or None)
    state = source.add(cast, state, to=kept) if kept not in (None, form) else state
    return source.reshaped(y, (n, time, -1)), state


@ONNX.of("CausalConvWithState")
def causal_conv_of(source: OnnxSource) -> tuple[str, str]:
    """The state, or zeros, comes first; then each channel has its own filter. The last columns are the next state."""
    x, w, b, state = source.input(0), source.input(1), source.optional(2), source.optional(3)
    (n, channels, length), size = source.shape(x), source.size(w, 2)
    activation = source.attribute("activation", "none")
    if source.shape(w)[:2] != (channels, 1) or activation not in ("none", "silu", "swish"):
        raise FormatError(f"filters {source.shape(w)}, activation {activation!r}")
    zeros = np.zeros((n, channels, size - 1), source.type(x).dtype)
    state = source.constant(zeros) if state is None else state
    whole = source.add(concat, state, x, axis=2) if size > 1 else x
    image = source.transposed(
        source.reshaped(whole, (n, channels, 1, length + size - 1)), (0, 2, 3, 1)
    )
    filters = source.reshaped(source.transposed(w, (1, 2, 0)), (1, 1, size, channels))
    y = source.transposed(source.add(depthwise_conv2d, image, filters, b), (0, 3, 1, 2))
    y = source.reshaped(y, (n, channels, length))
    begin, count = source.whole([0, 0, length]), source.whole([n, channels, size - 1])
    after = source.add(slice, whole, begin, count)
    return y if activation == "none" else source.add(swish, y), after


@ONNX.of("RotaryEmbedding")
def rotary_embedding_of(source: OnnxSource) -> str:
    """Angles are looked up by position, or given for each."""
    x, cos, sin, positions = (*(source.input(i) for i in range(3)), source.optional(3))
    flat = source.rank(x) == 3
    y = in_heads(source, x, "num_heads")
    turned = source.attribute("rotary_embedding_dim", 0) or source.size(y, 3)
    if positions is not None:
        cos, sin = (source.add(gather, a, positions, axis=0) for a in (cos, sin))
    if 2 * source.size(cos, -1) != turned:
        raise FormatError(f"{source.size(cos, -1)} angles for {turned} elements")
    interleaved = bool(source.attribute("interleaved", 0))
    y = source.add(rotary_embedding, y, cos, sin, interleaved=interleaved)
    return out_of_heads(source, y) if flat else y


@ONNX_WRITER.of(rotary_embedding)
def write_rotary_embedding(site: OnnxSite) -> str:
    """Write products of slices, since RotaryEmbedding is there since opset 23."""
    x, shape, pairs = site.input(0), site.type().shape, site.type(1).shape[2]
    n, heads, length, depth = shape
    cos, sin = (site.reshaped(site.input(i), (n, 1, length, pairs)) for i in (1, 2))

    def cut(first: int, last: int, step: int = 1) -> str:
        ends = (site.whole([v]) for v in (first, last, 3, step))
        return site.emit("Slice", x, *ends)

    if site.attribute("interleaved"):
        a, b = cut(0, 2 * pairs, 2), cut(1, 2 * pairs, 2)
    else:
        a, b = cut(0, pairs), cut(pairs, 2 * pairs)
    first = site.emit("Sub", site.emit("Mul", a, cos), site.emit("Mul", b, sin))
    second = site.emit("Add", site.emit("Mul", a, sin), site.emit("Mul", b, cos))
    if site.attribute("interleaved"):
        last = site.whole([4])
        both = [site.emit("Unsqueeze", v, last) for v in (first, second)]
        joined = site.emit("Concat", *both, axis=4)
        turned = site.reshaped(joined, (n, heads, length, 2 * pairs))
    else:
        turned = site.emit("Concat", first, second, axis=3)
    if 2 * pairs == depth:
        return turned
    return site.emit("Concat", turned, cut(2 * pairs, depth), axis=3)
