"""The spectrogram that the small keyword networks were trained on, stage by stage.

It follows the micro frontend of TensorFlow Lite for Microcontrollers (30 ms windows every 20 ms, 40 mel
channels, noise subtraction, per-channel automatic gain, logarithm). The frontend works in fixed point, and
what it truncates decides what silence looks like, so each stage is cut to whole numbers where it cuts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

RATE = 16000  # samples a second
WINDOW, STEP, FFT = 480, 320, 512  # samples
CHANNELS, LOWEST, HIGHEST = 40, 125.0, 7500.0  # Hz
SMOOTHING = (0.025, 0.06)  # of the noise estimate, even and odd channels
FLOOR = 0.05  # part of the signal that noise subtraction leaves at least
GAIN_STRENGTH, GAIN_OFFSET, GAIN_BITS, SNR_BITS, OUTPUT_BITS = 0.95, 80.0, 21, 12, 6
CORRECTION_BITS = 3  # scale of the filter bank's output: log2(FFT) - 6
SMOOTHING_BITS, LOG_SCALE = 10, 64


def mel(hertz: F64 | float) -> F64:
    """Return the mel scale, 1127 ln(1 + f / 700)."""
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def mel_filters() -> F64:
    """Return triangular weights (CHANNELS, FFT // 2 + 1), each centred on its channel's mel."""
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), CHANNELS + 2)
    at = mel(np.arange(FFT // 2 + 1) * RATE / FFT)
    rise = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rise, fall), 0, None)


def _energies(samples: F64) -> F64:
    count = 1 + (len(samples) - WINDOW) // STEP
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[: count * STEP : STEP]
    hann = np.rint((0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW)) * 4096)
    windowed = np.floor(frames * hann / 4096)
    # Quiet frames are scaled up to 15 bits before the transform, and back after the square root.
    peak = np.abs(windowed).max(axis=1, keepdims=True).astype(np.int64)
    shift = 2.0 ** np.clip(15 - np.frexp(peak)[1], 0, None)
    spectrum = np.fft.rfft(windowed * shift, FFT) / FFT
    power = np.rint(spectrum.real) ** 2 + np.rint(spectrum.imag) ** 2
    weights = np.rint(mel_filters() * (1 << SNR_BITS))
    return np.floor(np.floor(np.sqrt(power @ weights.T)) / shift)


def _gain(noise: F64) -> F64:
    level = noise / 2.0 ** (SMOOTHING_BITS - CORRECTION_BITS)
    return np.minimum(np.rint(2.0**GAIN_BITS * (level + GAIN_OFFSET) ** -GAIN_STRENGTH), 32767)


def _shrink(snr: F64) -> F64:
    """Square root of 1 + x^2 - 1, as the frontend approximates it: a parabola, then a line."""
    x = snr / 2.0**SNR_BITS
    return np.floor(np.where(x < 2, x * x / 4, x - 1) * 2.0**OUTPUT_BITS)


def features(samples: NDArray[np.int16]) -> F64:
    """Return the log spectrogram (frames, 40) of 16 kHz mono samples, in the frontend's units (0..670)."""
    signal = _energies(samples.astype(np.float64))
    smoothing = np.resize(np.array(SMOOTHING), CHANNELS)
    noise = np.zeros(CHANNELS)
    out = np.empty_like(signal)
    for t, frame in enumerate(signal):
        scaled = frame * 2.0**SMOOTHING_BITS
        noise = smoothing * scaled + (1 - smoothing) * noise
        clean = np.floor(
            np.maximum((scaled - np.minimum(noise, scaled)) / 2.0**SMOOTHING_BITS, FLOOR * frame)
        )
        snr = np.floor(clean * _gain(noise) / 2.0 ** (GAIN_BITS - CORRECTION_BITS - SNR_BITS))
        out[t] = np.rint(np.log(np.maximum(_shrink(snr) * 2.0**CORRECTION_BITS, 1)) * LOG_SCALE)
    return out


def cepstra(samples: NDArray[np.int16], window: int, *, squared: bool, count: int = 10) -> F64:
    """Return mel-frequency cepstral coefficients (frames, `count`), 40 channels of 20 to 4000 Hz.

    With `squared` (TensorFlow's AudioSpectrogram and Mfcc operators, windows of 640): samples in -1..1, and the
    logarithm floored at 1e-12. Without (tf.signal, as MLPerf Tiny uses it, windows of 480): samples
    divided by the loudest, 1e-6 added before the logarithm. Both transform by a scaled DCT-II.
    """
    wave = samples / (32768.0 if squared else max(float(samples.max()), 1.0))
    frames = np.lib.stride_tricks.sliding_window_view(wave, window)[::STEP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    size = 1 << (window - 1).bit_length()
    magnitude = np.abs(np.fft.rfft(frames * hann, size))
    edges = np.linspace(mel(20.0), mel(4000.0), CHANNELS + 2)
    at = mel(np.arange(size // 2 + 1) * RATE / size)
    rise = (at - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - at) / np.diff(edges)[1:, None]
    energy = magnitude @ np.clip(np.minimum(rise, fall), 0, None).T
    level = np.log(np.maximum(energy, 1e-12) if squared else energy + 1e-6)
    k, n = np.arange(count)[:, None], np.arange(CHANNELS)
    return level @ (np.cos(np.pi / CHANNELS * (n + 0.5) * k) * np.sqrt(2 / CHANNELS)).T
