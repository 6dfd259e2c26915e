"""litegold: the executable specification of on-device inference, quantization and training.

>>> import litegold as lg
>>> net = lg.load("model.tflite")           # doctest: +SKIP
>>> y = net(x)                              # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Imported on first use: `import litegold` alone stays far below a third of a second.
_HOMES = {
    "load": "face",
    "save": "face",
    "Network": "face",
    "check": "face",
    "LitegoldError": "ir",
    "FormatError": "ir",
    "UnsupportedError": "ir",
    "InputError": "ir",
    "RunError": "ir",
    "ConstraintError": "ir",
}

__all__ = [
    "ConstraintError",
    "FormatError",
    "InputError",
    "LitegoldError",
    "Network",
    "RunError",
    "UnsupportedError",
    "__version__",
    "check",
    "load",
    "save",
]

if TYPE_CHECKING:
    from .face import Network, check, load, save
    from .ir import (
        ConstraintError,
        FormatError,
        InputError,
        LitegoldError,
        RunError,
        UnsupportedError,
    )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'litegold' has no attribute {name!r}")
    return getattr(importlib.import_module(f"litegold.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
