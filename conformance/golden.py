"""The file of a golden vector: arrays in0, in1, ..., out0, ..., bound0, ... and `meta`, a JSON text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ir import (
    BITS_OF,
    FORMAT_OF,
    FORMATS,
    NARROW_FLOATS,
    NARROW_INTS,
    OPS,
    Array,
    QuantParams,
    load_all,
)
from .case import Case


def save(path: Path, case: Case, want: Sequence[Array], bounds: Sequence[Array]) -> None:
    """Write a case with its results and their bounds."""
    meta = {
        "op": case.op.__name__,
        "format": case.format,
        "attributes": dict(case.attributes),
        "absent": [i for i, a in enumerate(case.args) if a is None],
        "quant": [_quant(q) for q in case.quant],
        "out_dtype": [FORMAT_OF[np.dtype(d)] for d in case.out_dtype],
        "out_quant": [_quant(q) for q in case.out_quant],
        "constant": sorted(case.constant),
        "dialect": case.dialect,
    }
    arrays: dict[str, Any] = {f"in{i}": a for i, a in enumerate(case.args) if a is not None}
    arrays |= {f"out{i}": a for i, a in enumerate(want)}
    arrays |= {f"bound{i}": np.asarray(b) for i, b in enumerate(bounds) if np.any(b)}
    formats = {n: FORMAT_OF[a.dtype] for n, a in arrays.items()}
    narrow = {n: form for n, form in formats.items() if form in (*NARROW_FLOATS, *NARROW_INTS)}
    if narrow:  # files of NumPy's know nothing of these: their bits are stored
        meta["narrow"] = narrow
    arrays |= {n: arrays[n].view(BITS_OF[form]) for n, form in narrow.items()}
    temporary = path.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, meta=np.array(json.dumps(meta)), **arrays)
    temporary.replace(path)


def load(path: Path) -> tuple[Case, tuple[Array, ...], tuple[Array, ...]]:
    """Return the case, its results and their bounds (0 where the file has none)."""
    load_all("litegold.refimpl")
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        outputs = sum(name.startswith("out") for name in file.files)
        count = sum(name.startswith("in") for name in file.files) + len(meta["absent"])
        narrow = {name: FORMATS[form] for name, form in meta.get("narrow", {}).items()}
        arrays = {n: file[n].view(narrow.get(n, file[n].dtype)) for n in file.files if n != "meta"}
        want = tuple(arrays[f"out{i}"] for i in range(outputs))
        bounds = tuple(
            arrays[f"bound{i}"] if f"bound{i}" in arrays else np.zeros(want[i].shape)
            for i in range(outputs)
        )
        case = Case(
            OPS[meta["op"]],
            tuple(None if i in meta["absent"] else arrays[f"in{i}"] for i in range(count)),
            {name: _tuples(value) for name, value in meta["attributes"].items()},
            tuple(_params(q) for q in meta["quant"]),
            tuple(FORMATS[d] for d in meta["out_dtype"]),
            tuple(_params(q) for q in meta["out_quant"]),
            frozenset(meta["constant"]),
            dialect=meta.get("dialect", "tflite"),
        )
    return case, want, bounds


def _quant(quant: QuantParams | None) -> Any:
    return quant and [list(quant.scale), list(quant.zero_point), quant.axis]


def _params(quant: Any) -> QuantParams | None:
    return quant and QuantParams(tuple(quant[0]), tuple(quant[1]), quant[2])


def _tuples(value: Any) -> Any:
    """JSON knows lists only, attributes tuples only."""
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
