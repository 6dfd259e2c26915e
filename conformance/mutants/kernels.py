"""Faults that compiled kernels have had, or have time and again, in ours: tails, packing, roundings, NaN, threads.

A key may name the processor that the fault shows on ("fully_connected-s8@avx2"), or an algorithm that would seldom be
chosen for cases as small as those that are drawn ("conv2d-f32:winograd4").
"""

from __future__ import annotations

from .mutant import mutants

mutants(
    "jit_kernels/winograd.py",
    r"""
tiles_in_fours: conv2d-f32:winograd2
# a count of tiles that is no multiple of four is cut down to one
# ncnn #1891
- count = min(s[BLOCK], s[PATCHES] - patch)
+ count = min(s[BLOCK], max(s[PATCHES] - patch, 4) // 4 * 4) if s[PATCHES] - patch > 3 else 0

half_of_the_channels_is_wrong: conv2d-f32:winograd2
# filters of a panel are packed in the other order
# ncnn #4958
- padded[:, :c, :n] = made.reshape(t * t, n, c).swapaxes(1, 2)
+ padded[:, :c, :n] = made.reshape(t * t, n, c).swapaxes(1, 2)[:, :, ::-1]

weights_are_rounded_first: conv2d-f32:winograd4
# weights are rounded to half before they are transformed
# ncnn #1891
- made = F[m].weights(w)
+ made = F[m].weights(w.astype(np.float16))

weights_are_rounded_after: conv2d-f32:winograd4
# transformed weights are rounded to half
# rocm-libraries #12334, #3508
- made = F[m].weights(w)
+ made = F[m].weights(w).astype(np.float16)
""",
)
mutants(
    "jit_kernels/simd_int.py",
    r"""
pairs_saturate: fully_connected-s8@avx512 conv2d-s8@avx512
# the sum of two products of bytes saturates at 16 bits (VPMADDUBSW)
# onnxruntime #16105, #6004, #9365
- lanes = acc.type.count
-         name = self._dot4(lanes, _DOT4_X86, "i8mm", "usdot")
+ count = 2 * acc.type.count
+         half, eight = self.vector("s16", count), self.full("s16", 8, count)
+         x, y = self.b.bitcast(a, half), self.b.bitcast(b, half)
+         even = self.b.mul(self.b.lshr(self.b.shl(x, eight), eight), self.b.ashr(self.b.shl(y, eight), eight))
+         odd = self.b.mul(self.b.lshr(x, eight), self.b.ashr(y, eight))
+         pairs = self.call(f"llvm.sadd.sat.v{count}i16", half, even, odd)
+         return self.dot2_s16(acc, pairs, self.full("s16", 1, count))
+         lanes = acc.type.count
+         name = self._dot4(lanes, _DOT4_X86, "i8mm", "usdot")

high_product_is_cut: relu-s8 conv2d-s8 add-s8
# the high product is not rounded
- even, odd = (self.b.add(x, self.full("s64", 1 << 30, lanes // 2)) for x in (even, odd))
+ even, odd = (self.b.add(x, self.full("s64", 1 << 29, lanes // 2)) for x in (even, odd))

shift_rounds_up: conv2d-s8@avx2 depthwise_conv2d-s8@avx2 mul-s8@avx2
# ties of negative numbers go up
- threshold = self.b.sub(self.b.ashr(mask, one), self.b.ashr(x, sign))
+ threshold = self.b.ashr(mask, one)
""",
)
mutants(
    "jit_kernels/gemm.py",
    r"""
last_panel_is_half_written: conv2d-f32 fully_connected-f32
# lanes of a masked store are one too few
- return [v.mask(v.b.sub(columns, v.const(j * v.lanes))) for j in range(vectors)]
+ return [v.mask(v.b.sub(columns, v.const(j * v.lanes + 1))) for j in range(vectors)]
""",
)
mutants(
    "jit_kernels/kernel.py",
    r"""
shares_leave_a_gap: sum-f32 topk-f32 gather-f32
# the last item of all but the last thread is done by nobody
- return count * tid // threads, count * (tid + 1) // threads
+ return count * tid // threads, count * (tid + 1) // threads - (tid + 1 < threads)
""",
)
mutants(
    "jit_kernels/softmax.py",
    r"""
tail_is_not_summed: softmax-f32
# the end of a row is missing from the sum
- return v.b.fadd(acc, v.b.select(mask, y, nothing))
+ return acc

unmasked_tail_is_summed: softmax-f32
# lanes beyond the end of a row are added to the sum
- return v.b.fadd(acc, v.b.select(mask, y, nothing))
+ return v.b.fadd(acc, y)
""",
)
mutants(
    "jit_kernels/pool.py",
    r"""
nan_loses: max_pool2d-f32
# a NaN is replaced by the next number
- return v.b.select(v.b.fcmp_unordered("uno", old, old), old, larger)
+ return larger

average_of_bytes_is_cut: avg_pool2d-s8 avg_pool2d-u8
# half of the count is not added
- size = v.b.add(size, v.b.lshr(places, v.full("s32", 1, count)))
+ size = v.b.add(size, v.b.lshr(places, v.full("s32", 8, count)))
""",
)
mutants(
    "jit_kernels/exponential.py",
    r"""
power_series_is_too_short: exp-f32 logistic-f32 softmax-f32
# a coefficient of exp is wrong in its fifth digit
- E0, E1, E2 = np.float32(0.49999988)
+ E0, E1, E2 = np.float32(0.49998988)

tanh_of_negative_numbers: tanh-f32
# the sign is lost
- return v.b.bitcast(v.b.or_(v.b.bitcast(y, words), sign), x.type)
+ return y
""",
)
mutants(
    "jit_kernels/broadcast.py",
    r"""
joined_axes_of_two_steps: add-s32 sub-s64 mul-f32
# axes are joined though only one of the operands goes on evenly
- for i in (0, 1)):
+ for i in (0,)):
""",
)
mutants(
    "jit_kernels/sort.py",
    r"""
equals_come_first: topk-f32 topk-s8
# an element goes before those that equal it
- while j > 0 and keys[at + places[of + j - 1]] < key:
+ while j > 0 and keys[at + places[of + j - 1]] <= key:

last_digit_of_long_rows: topk-f32 topk-s32
# what many keys are sorted by last is left out
- for shift in range(0, bits, 8):
+ for shift in range(0, bits - 8, 8):

rest_of_a_row: topk-f32 topk-s8
# keys behind the last whole block are not looked at
- if some > 0 or i + BLOCK > n:
+ if some > 0:
""",
)
mutants(
    "jit_kernels/gather.py",
    r"""
batch_is_forgotten: gather-f32
# indices of the first batch serve all
- here, first, end = block // outer * count - block * count,
+ here, first, end = -block * count,

length_of_the_neighbour: reverse_sequence-f32
# a row is reversed by the length of the row before
- length = np.int64(lengths[i if batch_first else j])
+ length = np.int64(lengths[max((i if batch_first else j) - 1, 0)])
""",
)
mutants(
    "jit_kernels/window.py",
    r"""
padding_of_a_stored_zero: pad-s8 pad-u8
# what surrounds is the stored 0
- return np.array([quant.zero_point[0] if quant else 0], y.type.dtype)
+ return np.array([0], y.type.dtype)
""",
)
mutants(
    "jit_kernels/reduce.py",
    r"""
quotient_goes_down: mean-s32 mean-s64
# a negative mean is rounded down
- y[r] = quotient + (total < 0 and quotient * by != total)
+ y[r] = quotient
""",
)
mutants(
    "jit_kernels/depthwise_walk.py",
    r"""
last_row_is_outside: depthwise_conv2d-f32 depthwise_conv2d-s8
# the last row of the image is taken for padding
- return max(0, up(-start, step)), max(0, (size - 1 - start) // step + 1)
+ return max(0, up(-start, step)), max(0, (size - 2 - start) // step + 1)
""",
)
