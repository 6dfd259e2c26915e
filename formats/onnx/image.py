"""Pictures as files hold them."""

from __future__ import annotations

import io

import numpy as np

from ...ir import Array, FormatError, UnsupportedError
from .source import ONNX, OnnxSource

MODES = {"RGB": "RGB", "BGR": "RGB", "Grayscale": "L"}


def decoded(data: bytes, pixels: str) -> Array:
    """Return (height, width, channels) of a picture in any format that Pillow knows."""
    try:
        from PIL import Image
    except ImportError:
        raise UnsupportedError("pictures are decoded by Pillow: pip install pillow") from None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            image = np.asarray(picture.convert(MODES[pixels]), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"the picture cannot be decoded: {error}") from error
    if pixels == "Grayscale":
        return image[:, :, None]
    return image[:, :, ::-1] if pixels == "BGR" else image


@ONNX.of("ImageDecoder")
def image_decoder_of(source: OnnxSource) -> str:
    """A constant: the rule is called when the bytes are known."""
    pixels = source.attribute("pixel_format", "RGB")
    source.require(pixels in MODES, f"pixel_format={pixels}")
    data = source.value(source.input(0))
    return source.constant(np.ascontiguousarray(decoded(data.tobytes(), pixels)))
