"""Files that people have (.npy, pictures, sound) as the tensors that a network wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .ir import Array, InputError, TensorType

SOUND = {".wav"}
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm"}
RANGES = {"0..255": (0.0, 255.0), "0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}


def feed(path: str | Path, wanted: TensorType | None, *, pixels: str = "0..1") -> Array:
    """Read a file as one sample for an input of type `wanted`; None: any type, which only .npy files have.

    Pictures are resized to the input's height and width, and made grey for one channel. A uint8 input gets
    the bytes, an int8 input the bytes minus 128, a float one values spread over `pixels`. Sound (16 kHz, mono)
    becomes cepstra (490 or 250 numbers) or the log spectrogram (40 a frame), as the known keyword networks take
    them, or raw samples in -1..1 where the input is long enough.

    Raises:
        InputError: the file cannot be read, or does not fit the input.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
            return array if wanted is None else _array(array, wanted, path)
        if wanted is None:
            raise InputError(
                f"{path}: the network does not say what this input is; give a .npy file"
            )
        if path.suffix.lower() in PICTURES:
            return _picture(path, wanted, pixels)
        if path.suffix.lower() in SOUND:
            return _sound(path, wanted)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: {error}") from error
    known = ", ".join([".npy", *sorted(PICTURES), *sorted(SOUND)])
    raise InputError(f"{path}: unknown kind of file; known are {known}")


def _array(array: Array, wanted: TensorType, path: Path) -> Array:
    if array.dtype != wanted.dtype:
        raise InputError(f"{path}: elements are {array.dtype}, the input takes {wanted.dtype}")
    return array.reshape(wanted.shape) if array.size == wanted.size else array


def _picture(path: Path, wanted: TensorType, pixels: str) -> Array:
    from PIL import Image

    if len(wanted.shape) == 2 and wanted.shape[1] == 784:  # digits, flattened
        rows, columns, channels = 28, 28, 1
    elif len(wanted.shape) == 4 and wanted.shape[3] in (1, 3):
        rows, columns, channels = wanted.shape[1:]
    else:
        raise InputError(f"{path}: an input of shape {wanted.shape} is no picture")
    with Image.open(path) as image:
        fitted = image.convert("L" if channels == 1 else "RGB").resize((columns, rows))
        values = np.asarray(fitted, np.uint8).reshape(wanted.shape)
    if wanted.format == "u8":
        return values
    if wanted.format == "s8":
        return (values.astype(np.int16) - 128).astype(np.int8)
    if pixels not in RANGES:
        raise InputError(f"pixels {pixels!r}: one of {', '.join(RANGES)}")
    low, high = RANGES[pixels]
    return (low + values * ((high - low) / 255.0)).astype(wanted.dtype)


def _sound(path: Path, wanted: TensorType) -> Array:
    from scipy.io import wavfile

    from . import speech

    rate, samples = wavfile.read(path)
    if rate != speech.RATE or samples.dtype != np.int16:
        raise InputError(
            f"{path}: {rate} Hz, {samples.dtype}; wanted are 16000 Hz and 16-bit samples"
        )
    mono = samples if samples.ndim == 1 else samples.mean(axis=1).astype(np.int16)
    if wanted.size in (250, 490):  # 10 cepstral coefficients, every 40 or 20 ms
        return _cepstra(mono, wanted)
    if wanted.size % speech.CHANNELS == 0 and wanted.size < speech.RATE // 2:
        return _spectrogram(speech.features(mono), wanted)
    if wanted.format == "f32" and wanted.size >= speech.RATE // 2:
        padded = np.zeros(wanted.size, np.float32)
        cut = mono[: wanted.size]
        padded[: len(cut)] = cut / np.float32(32768)
        return padded.reshape(wanted.shape)
    raise InputError(
        f"{path}: an input of shape {wanted.shape} takes neither a spectrogram nor samples"
    )


def _cepstra(mono: Array, wanted: TensorType) -> Array:
    """MLPerf Tiny's networks take (1, 49, 10, 1), the older keyword networks (1, frames * 10)."""
    from . import speech

    if len(wanted.shape) == 4:
        frames = speech.cepstra(mono, 480, squared=False)
    else:
        frames = speech.cepstra(mono, 640, squared=True)[:: 490 // wanted.size]
    rows = wanted.size // 10
    fitted = np.zeros((rows, 10))
    fitted[: len(frames)] = frames[:rows]
    if wanted.quant is not None:
        fitted = np.rint(fitted / wanted.quant.scale[0] + wanted.quant.zero_point[0])
        limits = np.iinfo(wanted.dtype)
        fitted = np.clip(fitted, limits.min, limits.max)
    return fitted.astype(wanted.dtype).reshape(wanted.shape)


def _spectrogram(frames: Array, wanted: TensorType) -> Array:
    """Fit the frames into the input; 670, the loudest, becomes the largest stored integer."""
    from . import speech

    rows = wanted.size // speech.CHANNELS
    fitted = np.zeros((rows, speech.CHANNELS))
    cut = frames[:rows]
    fitted[: len(cut)] = cut
    steps = np.clip(np.rint(fitted * 256 / 666), 0, 255)
    if wanted.format == "s8":
        steps -= 128
    elif wanted.format == "f32":
        steps = fitted / 25.6
    return steps.astype(wanted.dtype).reshape(wanted.shape)


def labels(path: str | Path) -> list[str]:
    """Read class names, a line each; a leading number is the class it names, as in ImageNet's lists."""
    names: dict[int, str] = {}
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        number, _, rest = line.strip().partition(" ")
        if number.isdigit() and rest:
            names[int(number)] = rest.strip()
        elif line.strip():
            names[len(names)] = line.strip()
    return [names.get(i, str(i)) for i in range(max(names, default=-1) + 1)]
