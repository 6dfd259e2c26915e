"""Faults that integer kernels have time and again, in our quantized rules: roundings, ranges, zero points, scales."""

from __future__ import annotations

from .mutant import mutants

mutants(
    "quant/activation.py",
    r"""
clamped_at_a_stored_zero: relu-s8 conv2d-u8 add-s8
# relu clamps at the stored 0 instead of the zero point
- return zero_point + int(round_half_away(steps))
+ return int(round_half_away(steps))

no_range_of_the_activation: add-s8 mul-u8 conv2d-s8
# the activation is forgotten
- if activation == "none" or out.quant is None:
+ if True:

saturated_one_too_early: quantize-f32 mul-s8 squared_difference-s8
# -128 is never stored
- low, high = bounds if bounds else (info.min, info.max)
+ low, high = bounds if bounds else (info.min + 1, info.max)

slope_is_not_negative: leaky_relu-s8 leaky_relu-u8
# the sign of the slope is lost
- negative = -scaled if slope < 0 else scaled
+ negative = scaled

table_is_rounded_down: tanh-s8 exp-s8 logistic-u8
# entries of a table are rounded down
- rounded = round_half_away(steps).astype(np.float32)
+ rounded = np.floor(steps).astype(np.float32)
""",
)
mutants(
    "quant/fixedpoint.py",
    r"""
multiplier_of_15_bits: conv2d-s8 mul-s8 mul-s16
# the fixed-point multiplier has 15 bits instead of 31
- fixed = round_half_away(mantissa * 2.0**31).astype(np.int64)
+ fixed = round_half_away(mantissa * 2.0**15).astype(np.int64) << 16

nudge_of_negative_numbers: conv2d-s8 add-s8 relu-s8
# negative products are nudged upwards
- nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
+ nudged = product + 2**30

shifts_round_up: conv2d-s8 add-s8 relu-s8
# negative ties go up instead of away from zero
- threshold = (mask >> 1) + (x < 0)
+ threshold = mask >> 1

shifts_do_not_round: conv2d-s8 add-s8
# a shift cuts
- return ((x >> exponent) + ((x & mask) > threshold)).astype(np.int32)
+ return (x >> exponent).astype(np.int32)
""",
)
mutants(
    "quant/conv.py",
    r"""
bias_of_16_bits: fully_connected-u8 conv2d-s8 depthwise_conv2d-s8
# the bias is read as 16 bits
- bias = 0 if b is None else b.value.astype(np.int64)
+ bias = 0 if b is None else b.value.astype(np.int16).astype(np.int64)

one_scale_for_all_channels: conv2d-hybrid
# every channel takes the first scale
- scaled = acc * weight_scales(w.quant, acc.shape[3])
+ scaled = acc * weight_scales(w.quant, acc.shape[3])[0]
""",
)
mutants(
    "quant/dialects.py",
    r"""
one_scale_of_weights: conv2d-s8 depthwise_conv2d-s8
# every channel takes the first scale
- return np.broadcast_to(np.array(w.scale, np.float32), (channels,))
+ return np.broadcast_to(np.array(w.scale[:1], np.float32), (channels,))
""",
)
mutants(
    "quant/binary.py",
    r"""
too_few_bits: add-s8 sub-u8
# operands are brought to one scale with 15 bits instead of 20
- return 15 if form == "s16" else 20
+ return 15

product_of_scales_in_float64: mul-s8 mul-u8 mul-s16
# the scales are multiplied in float64 where the dialect takes float32
- multiplier = quantize_multiplier(x.scale * y.scale / z.scale)
+ multiplier = quantize_multiplier(np.float64(x.scale) * y.scale / z.scale)

difference_without_its_sign: sub-s8
# a difference adds
- sign * rescaled(y, second, bits)
+ rescaled(y, second, bits)
""",
)
mutants(
    "quant/cast.py",
    r"""
quantized_to_even: quantize-f32
# ties go to the even neighbour
- steps = to_int32(round_half_away(x.value / scale))
+ steps = to_int32(np.rint(x.value / scale))

product_with_the_reciprocal: quantize-f32
# a product with the reciprocal in place of the quotient
- steps = to_int32(round_half_away(x.value / scale))
+ steps = to_int32(round_half_away(x.value * (np.float32(1) / scale)))

zero_point_is_forgotten: dequantize-s8 dequantize-u8
# no zero point
- steps = x.value.astype(np.int32) - zero_point
+ steps = x.value.astype(np.int32)
""",
)
mutants(
    "quant/pool.py",
    r"""
average_is_cut: avg_pool2d-s8 avg_pool2d-u8
# the average is cut
- mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
+ mean = np.sign(sums) * (np.abs(sums) // count)

average_rounds_up: avg_pool2d-s8
# negative ties go up
- mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
+ mean = (sums + count // 2) // count
""",
)
mutants(
    "quant/reduce.py",
    r"""
zero_points_are_counted_once: mean-s8 sum-u8
# one zero point is subtracted from the sum
- - x.zero_point * rows.shape[1])
+ - x.zero_point)

count_divides_the_sum: mean-s8 mean-u8
# the multiplier loses the bits of the count
- return (multiplier << places) // count, shift - places
+ return multiplier // count, shift
""",
)
mutants(
    "quant/softmax.py",
    r"""
cube_is_not_added: softmax-s8 softmax-u8
# a term of the power series is missing
- third = _times(rounding_divide_by_pot(fourth, 2).astype(np.int64) + cube, ONE_THIRD)
+ third = _times(rounding_divide_by_pot(fourth, 2).astype(np.int64), ONE_THIRD)

two_steps_of_newton: softmax-s8 softmax-u8
# the reciprocal is refined once instead of three times
- for _ in range(3):
+ for _ in range(1):
""",
)
mutants(
    "quant/window.py",
    r"""
padded_with_a_stored_zero: pad-s8 pad-u8 space_to_batch_nd-u8
# padded with the stored 0 instead of the zero point
- zero = np.array(Quantized(x.value, out[0].quant).zero_point, x.value.dtype)
+ zero = np.array(0, x.value.dtype)
""",
)
mutants(
    "quant/recurrent.py",
    r"""
state_is_not_moved: svdf-s8
# the newest frame is put at the wrong end
- history = np.concatenate([history[:, :, 1:], newest[:, :, None]], axis=2)
+ history = np.concatenate([newest[:, :, None], history[:, :, 1:]], axis=2)

cell_is_not_clipped: lstm-s8
# the cell is clipped at one end
- c = np.clip(c, -net.cell_clip, net.cell_clip)
+ c = np.minimum(c, net.cell_clip)
""",
)
mutants(
    "quant/dynamic.py",
    r"""
range_without_zero: conv2d-hybrid depthwise_conv2d-hybrid
# the range of a row need not hold 0
- least: F32 = rows.min(axis=1, initial=0)
+ least: F32 = rows.min(axis=1)
""",
)
