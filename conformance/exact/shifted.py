"""Second oracles of uint8 in dialects whose rules are for int8: 128 is taken off everywhere, and added in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...ir import FORMATS, QuantParams, TensorType
from ..cells import Cells
from ..tables import EXACT_INT8, Key
from .unary import Outputs, Quants


def _less(quant: QuantParams) -> QuantParams:
    return QuantParams(quant.scale, tuple(z - 128 for z in quant.zero_point), quant.axis)


def _unsigned(t: TensorType) -> bool:
    return t.format == "u8" and t.quant is not None


def shifted(exact: Callable[..., Any]) -> Callable[..., Any]:
    """Return an int8 oracle as one for uint8: what is stored of a quantized tensor of zero points 0 to 255 is."""

    def on_uint8(*xs: Cells | None, quant: Quants, out: Outputs, **attributes: Any) -> Any:
        given, quants = list[Cells | None](), list[QuantParams | None]()
        for x, q in zip(xs, (*quant, *[None] * (len(xs) - len(quant))), strict=True):
            byte = x is not None and x.format == "u8" and q is not None
            given.append(Cells(x.shape, [v - 128 for v in x.values], "s8") if x and byte else x)
            quants.append(_less(q) if q and byte else q)
        types = tuple(
            TensorType(t.shape, FORMATS["s8"], _less(t.quant)) if _unsigned(t) and t.quant else t
            for t in out
        )
        result = exact(*given, quant=tuple(quants), out=types, **attributes)
        results = result if isinstance(result, tuple) else (result,)
        back = tuple(
            Cells(r.shape, [v + 128 for v in r.values]) if _unsigned(t) else r
            for r, t in zip(results, out, strict=True)
        )
        return back if isinstance(result, tuple) else back[0]

    return on_uint8


@EXACT_INT8.completed
def shifted_oracles() -> Mapping[Key, Callable[..., Any]]:
    """Give every int8 oracle of these dialects to uint8 as well."""
    return {
        (op, f"u{form[1:]}"): shifted(exact)
        for (op, form), exact in EXACT_INT8.items()
        if form.startswith("s8-") and (op, f"u{form[1:]}") not in EXACT_INT8
    }
