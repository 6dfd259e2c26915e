"""Faults that oracles, suites and engines have had, with where they were reported, in our references and rules."""

from __future__ import annotations

from .mutant import mutants

mutants(
    "quant/conv.py",
    r"""
result_wraps: fully_connected-s8 fully_connected-u8 conv2d-s8
# the result wraps instead of saturating: -236 is stored as 20
# onnx #7835, #6169 (QLinearMatMul)
- return requantize_channels(acc, (x.quant, w.quant, out.quant), bounds, how).astype(out.dtype)
+ return requantize_channels(acc, (x.quant, w.quant, out.quant), (-(2**31), 2**31 - 1), how).astype(out.dtype)

zero_point_in_eight_bits: fully_connected-s8 conv2d-u8
# the zero point is subtracted in eight bits, which wraps
# onnxruntime #7524 (MatMulInteger)
- return x.value.astype(np.float64) - x.zero_point
+ return (x.value - np.asarray(x.zero_point).astype(x.value.dtype)).astype(np.float64)
""",
)
mutants(
    "refimpl/norm.py",
    r"""
lrn_over_the_batch: local_response_normalization-f32
# the loop goes over images instead of channels
# onnx #7805, #8331
- for c in range(x.shape[-1]):
+ for c in range(min(x.shape[0], x.shape[-1])):
""",
)
mutants(
    "refimpl/half.py",
    r"""
wrong_mantissa_mask: half-narrow
# a bit of the mantissa is masked away before it is rounded
# onnx #7784 (e8m0, here in half)
-     count = np.floor(units)
+     count = np.floor(units) - np.floor(units) % 2

double_rounding_to_half: half-narrow
# float64 is rounded to float32 and then to half
# ml_dtypes #401, Halide #8906
-         x = np.asarray(np.asarray(x).astype(np.float64))
-     whole
+         x = np.asarray(np.asarray(x).astype(np.float32).astype(np.float64))
+     whole
""",
)
mutants(
    "refimpl/narrow.py",
    r"""
mantissa_of_powers_is_masked: cast-f32
# the lowest bits of the mantissa do not count: a little more than a power of two is not rounded up
# onnx #7784 (e8m0)
- up = {"up": mantissa > 0.5,
+ up = {"up": mantissa >= 0.5 + 2.0**-20,

double_rounding_to_narrow: cast-f64
# float64 is rounded to float32 and then to bfloat16 or float8
# ml_dtypes #401, Halide #8906
- wide = odd_float64(x)
+ wide = odd_float64(x).astype(np.float32).astype(np.float64)
""",
)
mutants(
    "refimpl/affine.py",
    r"""
linear_quantization_is_symmetric: quantize_linear-f32
# integers end at -127 instead of -128
# onnxruntime #3442
- return cast(np.clip(whole, *limits(to)), to=to)
+ return cast(np.clip(whole, limits(to)[0] + (to[0] == "s"), limits(to)[1]), to=to)
""",
)
mutants(
    "refimpl/integer_products.py",
    r"""
zero_point_of_matrices_in_eight_bits: matmul_integer-u8 matmul_integer-s8
# the zero point is subtracted in eight bits, which wraps
# onnxruntime #7524 (MatMulInteger)
- v.astype(np.int64) - (0 if zero is None else zero.astype(np.int64))
+ (v - (v.dtype.type(0) if zero is None else zero)).astype(np.int64)
""",
)
mutants(
    "quant/dynamic.py",
    r"""
ties_of_dynamic_quantization: fully_connected-hybrid conv2d-hybrid
# ties go to the even neighbour instead of away from zero
# onnx #6433, tract #2672
- q = np.clip(round_half_away(rows * inverse[:, None]), -127, 127)
+ q = np.clip(np.rint(rows * inverse[:, None]), -127, 127)

reciprocal_of_the_scale: fully_connected-hybrid conv2d-hybrid
# the reciprocal of the rounded scale in place of the quotient
# tract #2672
- inverse = np.float32(127) / some
+ inverse = np.float32(1) / scale
""",
)
mutants(
    "refimpl/unary.py",
    r"""
round_away_from_zero: round-f32
# 0.5 is rounded away from zero instead of to the even neighbour
# tvm #18590
- return np.asarray(np.rint(x))
+ return np.asarray(np.trunc(x + np.copysign(x.dtype.type(0.5), x)), x.dtype)
""",
)
mutants(
    "refimpl/matmul.py",
    r"""
pairs_of_products_saturate: fully_connected-u8 fully_connected-s8
# two products of bytes are added in 16 bits, saturating, as VPMADDUBSW does
# onnxruntime #16105, #6004, #9365
- return (x.reshape(-1, inputs) @ w.T).reshape(*rows, outputs)
+ terms = x.reshape(-1, 1, inputs) * w
+         terms = np.pad(terms, ((0, 0), (0, 0), (0, inputs % 2)))
+         pairs = terms.reshape(*terms.shape[:2], -1, 2).sum(-1)
+         return np.clip(pairs, -32768, 32767).sum(-1).reshape(*rows, outputs)

batch_is_not_broadcast: matmul-f32
# every batch takes the first matrix of y
# oneDNN #2008
- return (x.swapaxes(-1, -2) if transpose_x else x) @ (y.swapaxes(-1, -2) if transpose_y else y)
+ y = np.broadcast_to(y.reshape(-1, *y.shape[-2:])[:1], y.shape)
+     return (x.swapaxes(-1, -2) if transpose_x else x) @ (y.swapaxes(-1, -2) if transpose_y else y)
""",
)
mutants(
    "quant/softmax.py",
    r"""
softmax_wraps_at_127: softmax-s8 softmax-u8
# a probability of 1 wraps to the least byte
# onnxruntime #29727
- return np.clip(shifted, info.min, info.max).astype(out[0].dtype)
+ return shifted.astype(out[0].dtype)
""",
)
mutants(
    "quant/cast.py",
    r"""
quantize_to_symmetric_range: quantize-f32
# int8 ends at -127 instead of -128
# onnxruntime #3442
- return saturated(wrap_int32(steps.astype(np.int64) + zero_point), out[0])
+ return saturated(np.maximum(steps.astype(np.int64) + zero_point, -127), out[0])
""",
)
mutants(
    "refimpl/binary.py",
    r"""
half_quotient_is_rounded_first: floor_div-f16 floor_div-f32
# the quotient is rounded to half before it is cut to a whole number: one too large
# onnxscript #990, #3025
- return np.asarray(np.floor(np.divide(x, y, dtype=np.float64))).astype(x.dtype)
+ return np.asarray(np.floor(np.divide(x, y).astype(np.float64))).astype(x.dtype)
""",
)
mutants(
    "refimpl/pool.py",
    r"""
average_adds_in_half: avg_pool2d-f16 avg_pool2d-f32
# the sum is kept in the element type: in half it overflows and loses bits
# ncnn #3607, #3708
- y, count = window_sums(x.astype(np.float64), kernel, stride, pad)
+ y, count = window_sums(x, kernel, stride, pad)

average_of_nan_is_an_infinity: avg_pool2d-f32 avg_pool2d-f16
# a NaN becomes -Inf
# tensorflow #118388
- return activate((y / count).astype(x.dtype), activation)
+ return np.fmax(-np.inf, activate((y / count).astype(x.dtype), activation)).astype(x.dtype)
""",
)
mutants(
    "refimpl/conv.py",
    r"""
tail_is_not_written: conv2d-f32
# the last output of a strided window is left as it was
# oneDNN #2303
- return slice(first, stop), slice(begin, begin + (stop - first - 1) * stride + 1, stride)
+ stop = max(stop - (stride > 1), first)
+     return slice(first, stop), slice(begin, begin + max((stop - first - 1) * stride + 1, 0), stride)
""",
)
mutants(
    "refimpl/reduce.py",
    r"""
maximum_drops_nan: reduce_max-f32 reduce_min-f32
# a NaN is skipped
# tensorflow #118389
- first = np.argmax(rows, axis=1) if sign > 0 else np.argmin(rows, axis=1)
+ rows = np.where(np.isnan(rows), -np.inf * sign, rows) if rows.dtype.kind == "f" else rows
+     first = np.argmax(rows, axis=1) if sign > 0 else np.argmin(rows, axis=1)
""",
)
mutants(
    "quant/fixedpoint.py",
    r"""
single_rounding_of_products: conv2d-s8 add-s8
# the accumulator is rounded once where the dialect rounds twice
# LiteRT #7441, TFLM #3252
-     shifted = wrap_int32(np.asarray(x, np.int64) << left)
-     return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)
+     return scale_rounding_once(x, multiplier, shift)
""",
)
mutants(
    "refimpl/window.py",
    r"""
pad_takes_the_other_end: pad-f32 pad-s8
# the amounts before and after are swapped
# onnx (asymmetric Pad)
- np.pad(x, paddings.reshape(-1, 2), constant_values
+ np.pad(x, paddings.reshape(-1, 2)[:, ::-1], constant_values

what_is_cut_is_at_the_end: slice-f32 slice-s8
# negative amounts, which the reader of files makes a slice of, cut the end in place of the beginning
# onnx (negative Pad)
- return x[tuple(builtins.slice(b, b + c) for b, c in zip(starts, counts, strict=True))].copy()
+ return x[tuple(builtins.slice(0, c) for b, c in zip(starts, counts, strict=True))].copy()
""",
)
