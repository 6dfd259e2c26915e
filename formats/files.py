"""Reading what a user names, and where an error arose."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..ir import ConstraintError, FormatError, InputError, LitegoldError

MAX_FILE: Final = 1 << 30
# What accessors and rules raise on values that no sane file has.
DECODER_ERRORS = (
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def file_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a file of sane size, or say what hinders."""
    try:
        size = Path(path).stat().st_size
        if size > MAX_FILE:
            raise FormatError(f"{path}: {size} bytes; at most {MAX_FILE} are read")
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{os.fspath(path)!r}: {error}") from None


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say where an error of ours arose, and turn the decoder's into one."""
    try:
        yield
    except ConstraintError as error:
        raise ConstraintError(error.label, f"{where}: {error.reason}") from error
    except LitegoldError:
        raise
    except DECODER_ERRORS as error:
        raise FormatError(
            f"{where}: inputs or options are not what the operator takes ({error!r})"
        ) from error
