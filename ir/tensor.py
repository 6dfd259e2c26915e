"""What is known of a tensor before it is computed: shape, element type, quantization, perhaps value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from .errors import ValueNeededError

Array = NDArray[Any]

# The short names of element types, used in kernel names, tables and reports. Types of 4 and 2 bits take a byte an
# element, in whose lower bits they lie.
FORMATS: dict[str, np.dtype[Any]] = {
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "s8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "s16": np.dtype(np.int16),
    "u16": np.dtype(np.uint16),
    "s32": np.dtype(np.int32),
    "u32": np.dtype(np.uint32),
    "s64": np.dtype(np.int64),
    "u64": np.dtype(np.uint64),
    "bool": np.dtype(np.bool_),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f8e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "f8e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "f8e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "f8e8m0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "f4e2m1": np.dtype(ml_dtypes.float4_e2m1fn),
    "s4": np.dtype(ml_dtypes.int4),
    "u4": np.dtype(ml_dtypes.uint4),
    "s2": np.dtype(ml_dtypes.int2),
    "u2": np.dtype(ml_dtypes.uint2),
    "str": np.dtype(object),  # of Python strings
}
FLOAT8 = ("f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz")
# Element types that NumPy has by way of ml_dtypes alone: its `kind`, `finfo` and `iinfo` know nothing of them.
NARROW_FLOATS = ("bf16", *FLOAT8, "f8e8m0", "f4e2m1")
NARROW_INTS = ("s4", "u4", "s2", "u2")
FORMAT_OF = {dtype: name for name, dtype in FORMATS.items()}
# The unsigned integer that has as many bits as an element of the type.
BITS_OF = {name: np.dtype(f"u{dtype.itemsize}") for name, dtype in FORMATS.items()}
_FLOATS = {FORMATS[name] for name in ("f16", "f32", "f64", *NARROW_FLOATS)}


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether elements are floating-point numbers, narrow ones among them.

    >>> is_float(FORMATS["f8e4m3fn"]), is_float(FORMATS["s4"])
    (True, False)
    """
    return dtype in _FLOATS


@dataclass(frozen=True)
class QuantParams:
    """Affine quantization: real = scale * (q - zero_point), per tensor or per slice along `axis`.

    `scale` holds float32 values (as Python floats), one in all or one a slice; `zero_point` likewise.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...] = (0,)
    axis: int | None = None

    @property
    def per_channel(self) -> bool:
        """Whether there is a scale for each slice along `axis`."""
        return self.axis is not None and len(self.scale) > 1


@dataclass(frozen=True)
class TensorType:
    """Shape (no negative numbers), NumPy element type, quantization; `value` where it is known."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] = FORMATS["f32"]
    quant: QuantParams | None = None
    value: Array | None = field(default=None, compare=False, repr=False)

    @property
    def format(self) -> str:
        """The short name of the element type: f32, s8, ..."""
        return FORMAT_OF[self.dtype]

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of a C-contiguous array of this type."""
        return self.size * self.dtype.itemsize

    def known(self) -> Array:
        """Return the value, or raise `ValueNeededError` where only the type is known."""
        if self.value is None:
            raise ValueNeededError(f"the shape depends on the value of a tensor {self}")
        return self.value

    def like(self, shape: tuple[int, ...], dtype: Any = None) -> TensorType:
        """Return a type of `shape` with my element type (or `dtype`), without quantization or value."""
        return TensorType(tuple(shape), np.dtype(dtype) if dtype is not None else self.dtype)

    @staticmethod
    def of(value: Array, quant: QuantParams | None = None) -> TensorType:
        """Return the type of an array, which is known."""
        return TensorType(value.shape, value.dtype, quant, value)

    def without_value(self) -> TensorType:
        """Return the same type, not known."""
        return replace(self, value=None)


def is_host(value: Any) -> bool:
    """Whether a value never enters a plan: a list (a sequence), None (an empty optional), an array of strings."""
    return not isinstance(value, np.ndarray) or value.dtype == FORMATS["str"]


def type_of(value: Any) -> Any:
    """Return what two values share that may take each other's place in a plan: hashable, without the contents."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype
    return tuple(map(type_of, value)) if isinstance(value, list) else value


def contents(values: Iterable[Any]) -> bytes:
    """Return bytes that tell values apart by types and contents."""
    return b"".join(_contents(v) for v in values)


def _contents(value: Any) -> bytes:
    if isinstance(value, list):
        return b"[" + b"".join(map(_contents, value)) + b"]"
    if isinstance(value, np.ndarray):
        data = repr(value.tolist()).encode() if value.dtype == object else value.tobytes()
        return f"{value.shape}{value.dtype}".encode() + data
    return repr(value).encode()
