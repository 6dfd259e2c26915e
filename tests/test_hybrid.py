"""Hybrid layers at sizes that drawn cases do not reach: several blocks of rows, tiles, windows of many taps."""

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.properties import plan_agrees
from litegold.ir import QuantParams
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.matmul import fully_connected


def case(op, x, w, scales, axis=0, bias=True, seed=0, **attributes):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(x).astype(np.float32)
    data[0] *= 3  # each image has a range of its own
    filters = rng.integers(-127, 128, w, dtype=np.int8)
    outputs = w[axis]
    b = rng.standard_normal(outputs).astype(np.float32) if bias else None
    scale = tuple(float(s) for s in rng.uniform(0.001, 0.1, outputs if scales else 1))
    quant = QuantParams(scale, (0,) * len(scale), axis)
    return Case(op, (data, filters, b), attributes, (None, quant), constant=frozenset({1, 2}))


@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.parametrize("pad", [(0, 0, 0, 0), (1, 2, 0, 1)])
@pytest.mark.parametrize(("kernel", "channels", "outputs"), [((1, 1), 20, 37), ((3, 2), 8, 70)])
def test_images(scales, pad, kernel, channels, outputs):
    x, w = (3, 13, 41, channels), (outputs, *kernel, channels)
    verdict = plan_agrees(case(conv2d, x, w, scales, pad=pad, activation="relu6"))
    assert verdict, verdict.reason


def test_groups():
    verdict = plan_agrees(case(conv2d, (2, 9, 35, 12), (22, 1, 1, 6), True))
    assert verdict, verdict.reason


@pytest.mark.parametrize("rows", [1, 5, 40, 300])
def test_rows(rows):
    verdict = plan_agrees(case(fully_connected, (rows, 70), (90, 70), True, bias=rows != 5))
    assert verdict, verdict.reason


@pytest.mark.parametrize(("kernel", "multiplier"), [((3, 3), 1), ((2, 5), 3), ((26, 21), 1)])
def test_depthwise(kernel, multiplier):
    x, w = (2, 27, 29, 21), (1, *kernel, 21 * multiplier)
    verdict = plan_agrees(
        case(
            depthwise_conv2d, x, w, True, 3, multiplier=multiplier, stride=(2, 1), pad=(1, 1, 0, 2)
        )
    )
    assert verdict, verdict.reason
