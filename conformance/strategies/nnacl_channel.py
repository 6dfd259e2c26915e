"""Cases of nnacl's batch normalization and of its factor for each channel, on int8."""

from __future__ import annotations

from hypothesis import strategies as st

from ...ir import FORMATS, Array, QuantParams
from ...refimpl.channel import batch_norm, scale
from ..case import Case
from ..tables import CASES
from .channel import EPSILONS
from .draw import ints, quant_params, shapes
from .fit import activated, fitted

KEY, S8 = "s8-nnacl", FORMATS["s8"]


@st.composite
def batch_norm_cases(draw: st.DrawFn) -> Case:
    """Variances from 0 on; with a scale and an offset, or without both. Statistics of the file, and of the run."""
    shape = draw(shapes(min_dims=1, zero=True))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    channels, fused = (shape[axis],), draw(st.booleans())
    spread = QuantParams(draw(quant_params("s8")).scale, (draw(st.integers(-128, 100)),))
    quants = [draw(quant_params("s8")), draw(quant_params("s8")), spread]
    args: list[Array | None] = [draw(ints("s8", shape)), draw(ints("s8", channels))]
    args.append(draw(ints("s8", channels, low=spread.zero_point[0])))
    for _ in range(2 * fused):
        quants.append(draw(quant_params("s8")))
        args.append(draw(ints("s8", channels)))
    case = Case(
        batch_norm,
        tuple(args),
        {"axis": axis, "epsilon": draw(st.sampled_from(EPSILONS))},
        quant=tuple(quants),
        out_dtype=(S8,),
        out_quant=(draw(quant_params("s8", high=4.0)),),
        constant=draw(st.sampled_from((frozenset[int](), frozenset(range(1, len(args)))))),
        dialect="nnacl",
    )
    return draw(fitted(case))


@st.composite
def scale_cases(draw: st.DrawFn) -> Case:
    """A factor along one axis, several, all, or none of them; with an offset and without."""
    shape = draw(shapes(min_dims=1, zero=True))
    axis = draw(st.integers(0, len(shape) - 1))
    reach = shape[axis : axis + draw(st.integers(0, len(shape)))]
    given = (shape, reach, reach)[: draw(st.integers(2, 3))]
    low = draw(st.sampled_from((0, len(shape))))
    case = Case(
        scale,
        tuple(draw(ints("s8", size)) for size in given),
        {"axis": axis - low},
        quant=tuple(draw(quant_params("s8")) for _ in given),
        out_dtype=(S8,),
        out_quant=(draw(quant_params("s8", high=4.0)),),
        constant=draw(st.sampled_from((frozenset[int](), frozenset(range(1, len(given)))))),
        dialect="nnacl",
    )
    return draw(fitted(draw(activated(case)), least=2.0**-12))


CASES.of((batch_norm, KEY))(batch_norm_cases())
CASES.of((scale, KEY))(scale_cases())
