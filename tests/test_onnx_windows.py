"""ONNX nodes that slide windows, move or sample images, as others write them, beside onnxruntime.

Numbers are small and dyadic, so that every order of adding gives the same bits: results are equal.
"""

import numpy as np
import pytest

from litegold.conformance.engines.onnxruntime import OnnxRuntime
from litegold.formats import load
from litegold.ir import LitegoldError
from litegold.runtime.interpreter import interpret
from litegold.runtime.session import Session

onnx = pytest.importorskip("onnx")
from onnx import helper, numpy_helper  # noqa: E402

SEEDS = range(8)


@pytest.fixture(scope="module")
def engine():
    with OnnxRuntime(timeout=30) as child:
        yield child


def file_of(code, tensors, stored, opset, outputs, attributes):
    """Return the file of one node; `stored` of its inputs are constants."""
    names = [f"i{k}" if t is not None else "" for k, t in enumerate(tensors)]
    given = {n: t for n, t in zip(names, tensors, strict=True) if n}
    kept = {f"i{k}" for k in stored}
    kind = helper.np_dtype_to_tensor_dtype
    declared = [
        helper.make_tensor_value_info(n, kind(t.dtype), t.shape)
        for n, t in given.items()
        if n not in kept
    ]
    results = [
        helper.make_tensor_value_info(f"o{k}", kind(np.dtype(d)), None)
        for k, d in enumerate(outputs)
    ]
    node = helper.make_node(code, names, [r.name for r in results], **attributes)
    constants = [numpy_helper.from_array(given[n], n) for n in sorted(kept & given.keys())]
    graph = helper.make_graph([node], "one node", declared, results, constants)
    sets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=10)
    return model.SerializeToString(), {n: t for n, t in given.items() if n not in kept}


def agree(engine, code, tensors, *, stored=(), opset=21, outputs=("f4",), **attributes):
    """The reference, the plan and onnxruntime give the same numbers; the sign of a zero is free."""
    model, feeds = file_of(code, tensors, stored, opset, outputs, attributes)
    theirs, graph = engine.run(model, feeds), load(model)
    for ours in (interpret(graph, feeds), Session(graph).run(feeds)):
        for name, want in theirs.items():
            got = np.asarray(ours[name])
            assert (got.dtype, got.shape) == (want.dtype, want.shape), (code, attributes)
            assert np.array_equal(got, want), (code, attributes, got, want)


def whole(rng, *shape, high=5):
    return rng.integers(-high, high, shape).astype(np.float32)


def some(rng, *choices):
    return choices[rng.integers(len(choices))]


def window(rng, axes):
    """Kernel, and the attributes that all these nodes have; padding less than the kernel."""
    kernel = [int(k) for k in rng.integers(1, 4, axes)]
    stride = [int(s) for s in rng.integers(1, 4, axes)]
    dilation = [int(d) for d in rng.integers(1, 3, axes)]
    pads = [int(rng.integers(k)) for k in kernel * 2]
    return kernel, {"strides": stride, "dilations": dilation, "pads": pads}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_conv(engine, axes, seed):
    rng = np.random.default_rng(seed)
    kernel, attributes = window(rng, axes)
    groups, c, o = (int(n) for n in rng.integers(1, 4, 3))
    x = whole(rng, 2, groups * c, *rng.integers(6, 8, axes))
    w, b = whole(rng, groups * o, c, *kernel), some(rng, None, whole(rng, groups * o))
    agree(engine, "Conv", [x, w, b], stored=(1, 2), group=groups, **attributes)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_conv_transpose(engine, axes, seed):
    rng = np.random.default_rng(seed)
    kernel, attributes = window(rng, axes)
    groups, c, o = (int(n) for n in rng.integers(1, 4, 3))
    x, w = whole(rng, 2, groups * c, *rng.integers(3, 5, axes)), whole(rng, groups * c, o, *kernel)
    if rng.integers(2):
        attributes["output_padding"] = [int(rng.integers(s)) for s in attributes["strides"]]
    agree(engine, "ConvTranspose", [x, w], stored=(1,), group=groups, **attributes)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pool(engine, axes, seed):
    rng = np.random.default_rng(seed)
    kernel, attributes = window(rng, axes)
    x = whole(rng, 2, 3, *rng.integers(6, 9, axes), high=99)
    attributes |= {"ceil_mode": int(rng.integers(2)), "storage_order": int(rng.integers(2))}
    agree(engine, "MaxPool", [x], outputs=("f4", "i8"), opset=12, kernel_shape=kernel, **attributes)
    small = (x.astype(np.int8) if seed % 2 else (x + 128).astype(np.uint8),)
    agree(
        engine,
        "MaxPool",
        small,
        outputs=(small[0].dtype,),
        opset=12,
        kernel_shape=kernel,
        **attributes,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_center_crop_pad(engine, seed):
    rng = np.random.default_rng(seed)
    x, axes = whole(rng, *rng.integers(2, 6, 3)), rng.permutation(3)[: rng.integers(1, 4)]
    target = rng.integers(1, 8, len(axes))
    agree(engine, "CenterCropPad", [x, target], stored=(1,), axes=[int(a) for a in axes])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(engine, mode, seed):
    rng = np.random.default_rng(seed)
    kind = some(rng, "f4", "i4", "i8", "u1")
    x = rng.integers(0, 9, rng.integers(3, 6, 3)).astype(kind)
    axes = rng.permutation(3)[: rng.integers(1, 4)] - some(rng, 0, 3)
    pads = rng.integers(-1, 2 if mode == "reflect" else 3, 2 * len(axes))
    value = np.array(3, kind) if mode == "constant" else None
    agree(engine, "Pad", [x, pads, value, axes], stored=(1, 2, 3), outputs=(kind,), mode=mode)


@pytest.mark.parametrize("seed", SEEDS)
def test_col2im(engine, seed):
    rng = np.random.default_rng(seed)
    image, block = rng.integers(5, 8, 2), rng.integers(1, 4, 2)
    stride, dilation, pads = rng.integers(1, 3, 2), rng.integers(1, 3, 2), rng.integers(0, 2, 4)
    count = (image + pads[:2] + pads[2:] - (block - 1) * dilation - 1) // stride + 1
    x = whole(rng, 2, 3 * block.prod(), count.prod())
    attributes = {"strides": stride, "dilations": dilation, "pads": pads}
    attributes = {n: [int(i) for i in v] for n, v in attributes.items()}
    agree(engine, "Col2Im", [x, image, block], stored=(1, 2), **attributes)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("masked", [False, True])
def test_deform_conv(engine, masked, seed):
    rng = np.random.default_rng(seed)
    kernel, attributes = window(rng, 2)
    groups, parts = some(rng, 1, 2), some(rng, 1, 2)
    x = whole(rng, 2, 4, *rng.integers(6, 8, 2))
    before, after = np.split(np.array(attributes["pads"]), 2)
    reach = (np.array(kernel) - 1) * attributes["dilations"] + 1
    out = (np.array(x.shape[2:]) + before + after - reach) // attributes["strides"] + 1
    taps = kernel[0] * kernel[1]
    w, b = whole(rng, 2 * groups, 4 // groups, *kernel), whole(rng, 2 * groups)
    offset = whole(rng, 2, parts * taps * 2, *out, high=12) / 4
    mask = whole(rng, 2, parts * taps, *out) / 4 if masked else None
    attributes |= {"group": groups, "offset_group": parts, "kernel_shape": kernel}
    agree(engine, "DeformConv", [x, w, offset, b, mask], stored=(1, 3), **attributes)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grid_sample(engine, padding, seed):
    rng = np.random.default_rng(seed)
    axes, corners = some(rng, 2, 3), int(rng.integers(2))
    x = whole(rng, 2, 3, *some(rng, (2, 4, 4), (1, 2, 4))[:axes])
    grid = whole(rng, 2, *rng.integers(1, 4, axes), axes, high=24) / 16
    attributes = {"padding_mode": padding, "align_corners": corners}
    for mode in ("linear", "nearest"):
        agree(engine, "GridSample", [x, grid], mode=mode, **attributes)


@pytest.mark.parametrize("seed", SEEDS)
def test_regions(engine, seed):
    rng = np.random.default_rng(seed)
    x = whole(rng, 2, 3, 8, 8)
    corners = np.sort(rng.integers(-8, 40, (3, 2, 2)), 1).reshape(3, 4) / 4
    corners = corners.astype(np.float32)
    rows = np.concatenate([np.float32([[0], [1], [1]]), corners], 1)
    agree(engine, "MaxRoiPool", [x, rows], pooled_shape=[2, 1], spatial_scale=0.5)
    attributes = {"output_height": 2, "output_width": 4, "spatial_scale": 0.5}
    attributes |= {"sampling_ratio": some(rng, 1, 2), "mode": some(rng, "avg", "max")}
    half = some(rng, "half_pixel", "output_half_pixel")
    images = np.array([0, 1, 1])
    attributes["coordinate_transformation_mode"] = half
    agree(engine, "RoiAlign", [x, corners, images], **attributes)


@pytest.mark.parametrize("seed", SEEDS)
def test_resize_copies(engine, seed):
    rng = np.random.default_rng(seed)
    kind = some(rng, "f4", "i4", "u1")
    x = rng.integers(0, 9, (2, 3, 4, 8)).astype(kind)
    scale = np.array([1, 1, some(rng, 0.5, 2, 4), some(rng, 0.25, 0.5, 2)], np.float32)
    attributes = {
        "mode": "nearest",
        "nearest_mode": some(rng, "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"),
        "coordinate_transformation_mode": some(rng, "half_pixel", "asymmetric"),
    }
    agree(engine, "Resize", [x, None, scale], stored=(2,), outputs=(kind,), **attributes)


@pytest.mark.parametrize("seed", SEEDS)
def test_max_unpool(engine, seed):
    rng = np.random.default_rng(seed)
    x = rng.permutation(2 * 3 * 8 * 6).reshape(2, 3, 8, 6).astype(np.float32)
    model, feeds = file_of(
        "MaxPool", [x], (), 12, ("f4", "i8"), {"kernel_shape": [2, 2], "strides": [2, 2]}
    )
    pooled = engine.run(model, feeds)
    args = [pooled["o0"], pooled["o1"]]
    agree(engine, "MaxUnpool", args, kernel_shape=[2, 2], strides=[2, 2], opset=11)


FAR = 2**31 - 1
X = np.zeros((1, 1, 4, 4), np.float32)
# What a damaged or hostile file may say: each is refused at once, and by an error of ours.
REFUSED = [
    ("Resize", [X, None, None, np.array([1, 1, FAR, 1])], (3,), {}),
    ("Resize", [X, None, np.float32([1, 1, 1e-30, 1])], (2,), {}),
    ("Resize", [X, None, np.float32([1, 1, np.inf, 1])], (2,), {}),
    ("Resize", [X, None, np.float32([1, 1, -1, 1])], (2,), {}),
    ("Pad", [X, np.array([0, 0, FAR, 0, 0, 0, 0, 0])], (1,), {"mode": "edge"}),
    ("Pad", [X, np.array([0, 0, -9, 0, 0, 0, 0, 0])], (1,), {"mode": "wrap"}),
    ("MaxPool", [X], (), {"kernel_shape": [FAR, FAR]}),
    ("AveragePool", [X], (), {"kernel_shape": [FAR, 1], "pads": [FAR, 0, FAR, 0]}),
    ("AveragePool", [X], (), {"kernel_shape": [2, 2], "pads": [3, 0, 3, 0]}),
    ("LpPool", [X], (), {"kernel_shape": [2, 2], "p": -1}),
    ("Conv", [X, np.ones((1, 1, 5, 1), np.float32)], (1,), {}),
    ("Conv", [X, np.ones((1, 1, 1, 1), np.float32)], (1,), {"strides": [0, 1]}),
    ("ConvTranspose", [X, np.ones((1, 1, 1, 1), np.float32)], (1,), {"strides": [FAR, FAR]}),
    ("ConvTranspose", [X, np.ones((1, 1, 1, 1), np.float32)], (1,), {"output_shape": [FAR, FAR]}),
    ("Col2Im", [np.zeros((1, 4, 9), np.float32), np.array([FAR, 4]), np.array([2, 2])], (1, 2), {}),
    ("AffineGrid", [np.zeros((1, 2, 3), np.float32), np.array([1, 1, FAR, 9])], (1,), {}),
    ("CenterCropPad", [X, np.array([1, 1, FAR, FAR])], (1,), {}),
    ("DFT", [X, np.array(FAR), np.array(2)], (1, 2), {}),
    ("STFT", [X[0, :, :, :1], np.array(0), None, np.array(2)], (1, 3), {}),
    ("HannWindow", [np.array(FAR)], (0,), {}),
    ("MelWeightMatrix", [*np.array([FAR, 8, 9]), *np.float32([0, 1])], (0, 1, 2, 3, 4), {}),
]


def test_short_time_transforms_take_signals_without_an_axis_for_their_parts(engine):
    """As PyTorch writes them, and onnxruntime takes them."""
    x, step, frame = whole(np.random.default_rng(0), 2, 9), np.array(2), np.array(4)
    found = []
    for signal in (x, x[..., None]):
        model, feeds = file_of("STFT", [signal, step, None, frame], (1, 3), 17, ("f4",), {})
        graph, theirs = load(model), engine.run(model, feeds)["o0"]
        found += [interpret(graph, feeds)["o0"], Session(graph).run(feeds)["o0"]]
        assert all(y.shape == theirs.shape for y in found)
    assert np.array_equal(found[0], found[2]) and np.array_equal(found[1], found[3])


@pytest.mark.parametrize(("code", "tensors", "stored", "attributes"), REFUSED)
def test_what_cannot_be_is_refused(code, tensors, stored, attributes):
    arrays = [None if t is None else np.asarray(t) for t in tensors]
    model, feeds = file_of(code, arrays, stored, 21, ("f4",), attributes)
    with pytest.raises(LitegoldError):
        interpret(load(model), feeds)


def test_convolutions_over_lines_leave_no_transposition_between_them():
    w = np.ones((3, 3, 5), np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[2, 2]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Conv", ["c", "w"], ["y"], pads=[2, 2]),
    ]
    x, y = (helper.make_tensor_value_info(n, 1, (2, 3, 9)) for n in "xy")
    graph = helper.make_graph(nodes, "line", [x], [y], [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    ops = [n.op.__name__ for n in load(model.SerializeToString()).nodes]
    assert ops.count("transpose") == 2, ops
