"""Faults that ports have time and again, in our references: axes, ends, ties, signs, order, special values."""

from __future__ import annotations

from .mutant import mutants

mutants(
    "refimpl/conv.py",
    r"""
windows_are_not_dilated: conv2d-f32 depthwise_conv2d-f32
# dilation is forgotten
- p * d - before)
+ p - before)

columns_take_the_pad_of_rows: conv2d-f32 depthwise_conv2d-f32 max_pool2d-f32
# the pad of rows is taken for columns
- axes = list(zip(size, count, kernel, stride, pad[::2], step, strict=True))
+ axes = list(zip(size, count, kernel, stride, pad[:1] * len(size), step, strict=True))

bias_is_dropped: conv2d-f32
# no bias
- activate((y if b is None else y + b).astype(dtype), activation)
+ activate(y.astype(dtype), activation)

bias_comes_after_the_clamp: conv2d-f32
# the bias is added after the activation
- activate((y if b is None else y + b).astype(dtype), activation)
+ (activate(y, activation) + (0 if b is None else b)).astype(dtype)

filters_of_a_channel_apart: depthwise_conv2d-f32
# filter m of channel c is taken as filter c of m
- w.reshape(p, q, c, o // c)
+ w.reshape(p, q, o // c, c).swapaxes(2, 3)

filter_is_turned_round: conv2d_transpose-f32
# a transposed convolution correlates
- x[:, *windows] @ w[:, p, q].T
+ x[:, *windows] @ w[:, -1 - p, -1 - q].T

groups_are_interleaved: conv2d-f32
# output channels are dealt to the groups in turn
- w.reshape(groups, o // groups, *kernel, d)
+ w.reshape(o // groups, groups, *kernel, d).swapaxes(0, 1)

one_window_too_few: conv2d-f32
# the last window of a stride of 3 is missing
- - 1) // stride + 1
+ - 1 + (stride > 2) - (stride > 2)) // stride + 1 - (stride > 2)
""",
)
mutants(
    "refimpl/matmul.py",
    r"""
square_is_not_transposed: matmul-f32
# a square matrix is not transposed
- (x.swapaxes(-1, -2) if transpose_x else x)
+ (x.swapaxes(-1, -2) if transpose_x and x.shape[-1] != x.shape[-2] else x)

bias_by_row: fully_connected-f32
# every output takes the first bias
- activate(np.asarray(y if b is None else y + b).astype(x.dtype), activation)
+ activate(np.asarray(y if b is None else y + b[:1]).astype(x.dtype), activation)

sums_in_float32: fully_connected-f32
# an oracle that adds in float32
- fully_connected_sums(x.astype(np.float64), w.astype(np.float64), keep_dims)
+ fully_connected_sums(x.astype(np.float32), w.astype(np.float32), keep_dims)
""",
)
mutants(
    "refimpl/pool.py",
    r"""
padding_is_counted: avg_pool2d-f32 avg_pool2d-s8
# the average counts places in the padding
- count[:, *windows] += 1
+ count[:] += 1

maximum_starts_from_zero: max_pool2d-f32
# negative maxima become 0
- least = -np.inf if x.dtype.kind == "f" else
+ least = 0 if x.dtype.kind == "f" else
""",
)
mutants(
    "refimpl/softmax.py",
    r"""
sum_over_rows: softmax-f32
# columns add up to 1
- return (powers / powers.sum(axis=-1, keepdims=True)).astype(x.dtype)
+ return (powers / powers.sum(axis=0, keepdims=True)).astype(x.dtype)

beta_is_ignored: softmax-f32
# beta is ignored
- powers = np.exp(centered * float(np.float32(beta)))
+ powers = np.exp(centered)

sum_of_the_others: log_softmax-f32
# the loop starts at the second element
- total = np.exp(centered).sum(axis=-1, keepdims=True)
+ total = np.exp(centered[..., 1:]).sum(axis=-1, keepdims=True)
""",
)
mutants(
    "refimpl/norm.py",
    r"""
epsilon_outside_of_the_root: layer_norm-f32
# epsilon is added to the deviation
- np.sqrt(variance + float(np.float32(epsilon)))
+ (np.sqrt(variance) + float(np.float32(epsilon)))

sample_variance: layer_norm-f32
# divided by n - 1
- np.mean(centred**2, axes, keepdims=True)
+ np.var(wide, axes, ddof=1, keepdims=True)

floor_is_added: l2_normalization-f32
# the least norm is added
- wide / np.maximum(norm, LEAST_NORM)
+ wide / (norm + LEAST_NORM)

window_by_one: local_response_normalization-f32
# the window starts a channel too early
- neighbours(c, radius, after, x.shape[-1])
+ neighbours(c, radius + 1, after, x.shape[-1])
""",
)
mutants(
    "refimpl/reduce.py",
    r"""
mean_rounds_down: mean-s32 mean-s64
# integers are divided toward -Inf
- quotient = floor + ((total < 0) & (total != floor * count))
+ quotient = floor

product_in_float32: reduce_prod-f32 reduce_prod-f16
# an oracle that multiplies in the element type
- np.prod(_rows(x, axes), axis=1, dtype=wide)
+ np.prod(_rows(x, axes), axis=1, dtype=x.dtype)

last_of_equals: arg_max-f32 arg_max-s8
# the last of equal elements is found
- return np.argmax(x == np.expand_dims(extreme, a), axis=a)
+ equal = np.flip(x == np.expand_dims(extreme, a), a)
+     return x.shape[a] - 1 - np.argmax(equal, axis=a)

axes_from_the_end_are_lost: sum-f32 reduce_max-s8
# negative axes are skipped
- int(a) % rank for a in np.ravel(axes)
+ int(a) % rank for a in np.ravel(axes) if a >= 0

sums_in_the_element_type: sum-f16 mean-f16
# sums of halves are kept in half
- wide = np.float64 if rows.dtype.kind == "f" else np.int64
+ wide = rows.dtype if rows.dtype.kind == "f" else np.int64
""",
)
mutants(
    "refimpl/binary.py",
    r"""
integers_divide_down: div-s32
# a quotient goes to -Inf instead of zero
- return activate(np.asarray(down + cut.astype(x.dtype)), activation)
+ return activate(np.asarray(down), activation)

remainder_of_the_dividend: floor_mod-f32 floor_mod-s32
# the remainder has the sign of the dividend
- np.where(wrong, remainder + y, remainder)
+ remainder

maximum_prefers_numbers: maximum-f32
# a NaN loses
- return np.where(x > y, x, y)
+ return np.fmax(x, y)

difference_is_not_squared: squared_difference-f32
# the magnitude in place of the square
- np.square(np.subtract(x, y, dtype=wide))
+ np.abs(np.subtract(x, y, dtype=wide))

broadcast_from_the_left: sub-f32 sub-s32
# the stride of the second operand is 0
- return activate(np.asarray(np.subtract(x, y)), activation)
+ first = np.broadcast_to(np.ravel(y)[:1].reshape([1] * y.ndim), y.shape)
+         return activate(np.asarray(np.subtract(x, first)), activation)
""",
)
mutants(
    "refimpl/unary.py",
    r"""
negation_by_difference: neg-f32
# -0 is lost
- return np.asarray(np.negative(x))
+ return np.asarray(0 - x)

magnitude_saturates: abs-s32
# the least integer becomes the largest
- return np.asarray(np.abs(x))
+ x = np.maximum(x, -np.iinfo(x.dtype).max) if x.dtype.kind == "i" else x
+     return np.asarray(np.abs(x))

floor_through_an_integer: floor-f32
# a cast to int32 on the way
- return np.asarray(np.floor(x))
+ return np.asarray(x.astype(np.int32) - (x < x.astype(np.int32)), x.dtype)
""",
)
mutants(
    "refimpl/activation.py",
    r"""
no_upper_end: relu6-f32 conv2d-f32 add-f32
# relu6 does not end at 6
- if high < np.inf:
+ if high < 6:

exponential_less_one: elu-f32
# exp(x) - 1 cancels near 0
- np.expm1(np.minimum(wide, 0))
+ (np.exp(np.minimum(x, 0)) - 1)

the_other_gelu: gelu-f32
# the two forms are mixed up
- if approximate:
+ if not approximate:

slope_of_positive_numbers: prelu-f32
# the slope is applied to the wrong side
- return np.where(x >= 0, x, scaled)
+ return np.where(x >= 0, scaled, x)

sigmoid_in_float32: logistic-f32
# an oracle that computes in float32
- 1 / (1 + np.exp(-x.astype(np.float64)))
+ 1 / (1 + np.exp(-x.astype(np.float32)))
""",
)
mutants(
    "refimpl/cast.py",
    r"""
casts_wrap: cast-f32
# numbers out of range wrap
- y = np.where(above | below | np.isnan(x), 0, x).astype(dtype)
+ return np.where(np.isnan(x), 0, np.fmod(x, 2.0**31)).astype(np.int64).astype(dtype)

nan_is_zero: cast-f32
# a NaN becomes 0
- above | np.isnan(x), dtype.type(info.max)
+ above, dtype.type(info.max)
""",
)
mutants(
    "refimpl/window.py",
    r"""
pad_value_is_ignored: pad-f32 pad-s8
# padded with zeros whatever is asked for
- constant = 0 if value is None else value.reshape(())
+ constant = 0

first_is_never_reached: strided_slice-f32
# a negative stride stops before element 0
- low, high = (0, size) if step > 0 else (-1, size - 1)
+ low, high = (0, size) if step > 0 else (0, size - 1)

repeated_one_by_one: tile-f32
# elements are repeated in place of rows
- return np.tile(x, whole_numbers(multiples))
+ last = whole_numbers(multiples)[-1]
+     return np.repeat(np.tile(x, [*whole_numbers(multiples)[:-1], 1]), last, -1)

rest_of_an_axis: slice-f32
# the rest of an axis lacks its last element
- n - b if c == -1 else c
+ n if c == -1 and b == 0 else n - b - 1 if c == -1 else c
""",
)
mutants(
    "refimpl/shape.py",
    r"""
inverse_permutation: transpose-f32 transpose-s8
# axes go where they should come from
- np.ascontiguousarray(x.transpose(order)).reshape([x.shape[a] for a in order])
+ np.ascontiguousarray(x.transpose(np.argsort(order))).reshape([x.shape[a] for a in order])
""",
)
mutants(
    "refimpl/gather.py",
    r"""
reversed_along_the_batch: reverse_sequence-f32
# another axis is reversed as well
- np.moveaxis(x.copy(), (batch_axis, seq_axis), (0, 1))
+ np.moveaxis(x.copy(), (batch_axis, seq_axis), (0, 1))[..., ::-1]

updates_overwrite: scatter_nd-f32
# updates that meet overwrite each other
- np.add.at(y, tuple(rows.T), updates.reshape(len(rows), *sizes[depth:]).astype(y.dtype))
+ y[tuple(rows.T)] = updates.reshape(len(rows), *sizes[depth:]).astype(y.dtype)

coordinates_are_turned_round: gather_nd-f32
# the last coordinate comes first
- x[tuple(np.moveaxis(indices, -1, 0))]
+ x[
+         tuple(
+             np.minimum(i, n - 1)
+             for i, n in zip(np.moveaxis(indices, -1, 0)[::-1], x.shape, strict=False)
+         )
+     ]

outside_is_clamped: one_hot-f32
# an index out of range meets the nearest class
- np.expand_dims(indices, axis) == np
+ np.expand_dims(np.clip(indices, 0, count - 1), axis) == np
""",
)
mutants(
    "refimpl/block.py",
    r"""
columns_before_rows: space_to_depth-f32
# a block is read by columns
- block, w // block, block, c).transpose(0, 1, 3, 2, 4, 5)
+ block, w // block, block, c).transpose(0, 1, 3, 4, 2, 5)

depth_comes_first: depth_to_space-f32
# CRD in place of DCR
- y = x.reshape(n, h, w, block, block, depth).transpose(0, 1, 3, 2, 4, 5)
+ y = x.reshape(n, h, w, depth, block, block).transpose(0, 1, 4, 2, 5, 3)
""",
)
mutants(
    "refimpl/sort.py",
    r"""
last_of_equals_first: topk-f32 topk-s32
# of equal elements the last comes first
- order = np.argsort(np.where(missing, 0, keys), axis=-1, kind="stable")
+ order = x.shape[-1] - 1 - np.argsort(np.where(missing, 0, keys)[..., ::-1], axis=-1, kind="stable")
""",
)
mutants(
    "refimpl/join.py",
    r"""
joined_from_the_end: concat-f32
# the parts come in reverse
- return np.concatenate(xs, axis)
+ return np.concatenate(xs[::-1], axis)

pieces_are_equal: split_v-f32
# cut an element too early
- np.split(x, np.cumsum(parts)[:-1], at)
+ np.split(x, np.sort(np.cumsum(parts)[:-1]) - (len(parts) > 2), at)
""",
)
mutants(
    "refimpl/half.py",
    r"""
subnormal_halves: half-widen
# a subnormal half is read as half of itself
- np.maximum(exponent, 1) - 25
+ exponent - 25

ties_of_halves_go_up: half-narrow
# ties are rounded away from zero
- return (rest > 0.5) | ((rest == 0.5) & odd)
+ return rest >= 0.5
""",
)
mutants(
    "refimpl/recurrent.py",
    r"""
forgets_what_enters: lstm-f32
# input and forget gate are swapped
- c = _clipped(forget * c + entry * update, cell_clip)
+ c = _clipped(entry * c + forget * update, cell_clip)

cell_is_not_squashed: lstm-f32
# the cell goes out as it is
- * act(c)
+ * c
""",
)
