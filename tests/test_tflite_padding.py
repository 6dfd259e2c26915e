"""SAME and VALID padding of TFLite files, and the numbers that stand for them here."""

from dataclasses import replace

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.formats import tflite
from litegold.formats.tflite.conv import padding_name, same_pad
from litegold.ir import UnsupportedError
from litegold.refimpl.conv import conv2d, window_count


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_makes_one_window_for_every_stride(size, kernel, stride, dilation):
    top, bottom, left, right = same_pad((1, size, 9, 1), (kernel, 1), (stride, 1), (dilation, 1))
    assert window_count(size, kernel, stride, dilation, top, bottom) == -(-size // stride)
    assert bottom - top in (0, 1)
    assert (left, right) == (0, 0)


def test_other_padding_has_no_name():
    assert padding_name((0, 0, 0, 0), (1, 7, 7, 1), (3, 3), (1, 1)) == "VALID"
    assert padding_name((1, 1, 1, 1), (1, 7, 7, 1), (3, 3), (1, 1)) == "SAME"
    with pytest.raises(UnsupportedError, match="neither SAME nor VALID"):
        padding_name((2, 0, 1, 1), (1, 7, 7, 1), (3, 3), (1, 1))


def strided(stride, open_axes):
    """Return the file of a convolution with SAME padding whose image has open axes."""
    x, w = np.zeros((1, 7, 8, 2), np.float32), np.zeros((4, 3, 3, 2), np.float32)
    pad = same_pad(x.shape, (3, 3), stride)
    attributes = {"stride": stride, "pad": pad}
    graph = Case(conv2d, (x, w), attributes, constant=frozenset({1})).graph()
    return tflite.write(replace(graph, dynamic={"x0": open_axes, "y0": open_axes}))


@pytest.mark.parametrize(
    ("stride", "open_axes"), [((2, 2), (0,)), ((1, 1), (1, 2)), ((1, 2), (1,))]
)
def test_same_is_read_where_its_numbers_are_settled(stride, open_axes):
    graph = tflite.read(strided(stride, open_axes))
    assert graph.nodes[0].attributes["pad"] == same_pad((1, 7, 8, 2), (3, 3), stride)


@pytest.mark.parametrize(("stride", "open_axes"), [((2, 2), (1, 2)), ((1, 2), (2,))])
def test_same_with_a_stride_over_an_open_axis_is_refused(stride, open_axes):
    with pytest.raises(UnsupportedError, match=r"0 CONV_2D: SAME padding.*any size"):
        tflite.read(strided(stride, open_axes))
