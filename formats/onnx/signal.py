"""Fourier transforms and their tables."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl.binary import mul
from ...refimpl.cast import cast
from ...refimpl.gather import gather
from ...refimpl.signal import cosine_window, dft, mel_weight_matrix
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite

WINDOWS = {
    "HannWindow": (0.5, 0.5),
    "HammingWindow": (25 / 46, 21 / 46),
    "BlackmanWindow": (0.42, 0.5, 0.08),
}
MOST_GATHERED = 1 << 24  # places of frames that are found one by one


@ONNX_WRITER.of(dft)
def write_dft(site: OnnxSite) -> str:
    """Write DFT; the inverse of a half has no words before opset 25, whose converters few have."""
    inverse, onesided = site.attribute("inverse"), site.attribute("onesided")
    if inverse and onesided:
        raise UnsupportedError("ONNX of this version inverts whole spectra alone")
    if onesided and site.type().shape[-1] == 2:
        raise UnsupportedError("ONNX halves the spectra of real numbers alone")
    site.require(np.isfinite, "ONNX leaves open what becomes of a line with an infinity or a NaN")
    points = site.constant(site.attribute("length"), np.int64) if site.attribute("length") else ""
    axis = site.constant(site.attribute("axis"), np.int64)
    flags = {"inverse": int(inverse), "onesided": int(onesided)}
    return site.emit("DFT", site.input(0), points, axis, **flags)


@ONNX_WRITER.of(cosine_window)
def write_cosine_window(site: OnnxSite) -> str:
    """Write the window that has these coefficients."""
    given = tuple(site.attribute("coefficients"))
    code = next((c for c, known in WINDOWS.items() if known == given), None)
    if code is None:
        raise UnsupportedError("ONNX has windows by name alone")
    if site.out[0].size < 2:
        raise UnsupportedError("ONNX leaves open what a window of one element is")
    size = site.reshaped(site.input(0), ())
    return site.emit(code, size, periodic=int(site.attribute("periodic")))


@ONNX_WRITER.of(mel_weight_matrix)
def write_mel_weight_matrix(site: OnnxSite) -> str:
    """Write MelWeightMatrix."""
    return site.emit("MelWeightMatrix", *(site.reshaped(n, ()) for n in site.inputs))


@ONNX.of("DFT")
def dft_of(source: OnnxSource) -> str:
    """The axis is an input since version 20; numbers without a second part are real."""
    x, points = source.input(0), source.numbers(1, "dft_length", 17)
    axis = source.numbers(2, "axis", 20) or ((-2,) if source.version >= 20 else (1,))
    if len(axis) != 1 or (points is not None and len(points) != 1):
        raise FormatError(f"axis {axis}, dft_length {points}")
    return source.add(
        dft,
        x,
        axis=axis[0],
        length=points[0] if points else 0,
        inverse=bool(source.attribute("inverse", 0)),
        onesided=bool(source.attribute("onesided", 0)),
    )


@ONNX.of("STFT")
def stft_of(source: OnnxSource) -> str:
    """Frames, gathered from places that are known, times the window, and their transforms."""
    x, step, window = source.input(0), source.numbers(1, "", 17), source.optional(2)
    if (
        len(source.shape(x)) == 2
    ):  # real numbers without an axis of their own, as PyTorch writes them
        x = source.reshaped(x, (*source.shape(x), 1))
    (_, length, parts), size = source.shape(x), source.numbers(3, "", 17)
    frame = size[0] if size else source.shape(window)[0] if window is not None else length
    if not step or step[0] < 1 or not 0 < frame <= length:
        raise FormatError(f"frames of {frame} every {step} of {length}")
    count = (length - frame) // step[0] + 1
    source.require(count * frame < MOST_GATHERED, f"{count} frames of {frame}")
    places = np.arange(count)[:, None] * step[0] + np.arange(frame)
    frames = source.add(gather, x, source.whole(places), axis=1)
    if window is not None:
        if source.shape(window) != (frame,):
            raise FormatError(f"a window {source.shape(window)} for frames of {frame}")
        frames = source.add(mul, frames, source.reshaped(window, (frame, 1)))
    half = bool(source.attribute("onesided", 1))
    source.require(not half or parts == 1, "half of the spectrum of complex numbers")
    return source.add(dft, frames, axis=2, onesided=half)


@ONNX.of(*WINDOWS)
def window_of(source: OnnxSource) -> str:
    """A window by the coefficients of its cosines."""
    y = source.add(
        cosine_window,
        source.input(0),
        coefficients=WINDOWS[source.code],
        periodic=bool(source.attribute("periodic", 1)),
    )
    return _as(source, y)


def _as(source: OnnxSource, y: str) -> str:
    """Give a table the element type that is asked for, a float of 32 bits or less."""
    kind = source.attribute("output_datatype", 1)
    source.require(kind in (1, 10), f"output_datatype={kind}")
    return source.add(cast, y, to="f16") if kind == 10 else y


@ONNX.of("MelWeightMatrix")
def mel_weight_matrix_of(source: OnnxSource) -> str:
    """The same; ends may be of another float type."""
    ends = [source.add(cast, source.input(i), to="f32") for i in (3, 4)]
    y = source.add(mel_weight_matrix, *(source.input(i) for i in range(3)), *ends)
    return _as(source, y)
