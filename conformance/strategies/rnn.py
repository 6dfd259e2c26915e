"""Cases of the recurrent layers of any activations: small, a few frames long, of different lengths, from any state."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Op
from ...refimpl.rnn import FUNCTIONS, gru, lstm_layer, rnn
from ..case import Case
from ..tables import CASES
from .draw import floats, seeds

KINDS = ("uniform",)
# Of alpha and beta; what a function does not need is drawn all the same, and must not matter.
NUMBERS = (0.2, 0.1, -0.5, -1.25)


@st.composite
def layer_cases(
    draw: st.DrawFn, op: Op[..., Any], gates: int, usual: tuple[str, ...], flag: str = ""
) -> Case:
    """Sizes, optional inputs, functions (mostly the usual ones), clips that bite, either direction."""
    time, n = draw(st.sampled_from(((1, 1), (3, 2), (2, 3), (4, 1), (3, 2))))
    depth, cells = draw(st.sampled_from(((4, 5), (3, 4), (5, 2), (1, 3), (6, 7), (3, 1), (2, 18))))
    reach = draw(st.sampled_from((0.5, 0.1, 1.0)))

    def weights(*shape: int) -> Any:
        return draw(floats(shape, kinds=KINDS, scale=reach))

    x = draw(floats((time, n, depth), kinds=KINDS, scale=1.0))
    args = [x, weights(gates * cells, depth), weights(gates * cells, cells)]
    args.append(weights(2 * gates * cells) if draw(st.booleans()) else None)
    rng = np.random.default_rng(draw(seeds()))
    lengths = rng.integers(0, time + 1, n).astype(np.int32)
    lengths[rng.integers(n)] = time
    args.append(lengths if draw(st.booleans()) else None)
    state = (n, cells)
    args += [weights(*shape) if draw(st.booleans()) else None for shape in _rest(op, state)]
    functions = usual
    if draw(st.booleans()):
        functions = tuple(draw(st.sampled_from(sorted(FUNCTIONS))) for _ in usual)
    numbers = [
        () if functions == usual else tuple(draw(st.sampled_from(NUMBERS)) for _ in usual)
        for _ in range(2)
    ]
    attributes: dict[str, Any] = {
        "functions": functions,
        "alpha": numbers[0],
        "beta": numbers[1],
        "clip": draw(st.sampled_from((0.0, 0.0, 0.6))),
        "reverse": draw(st.booleans()),
    }
    attributes |= {flag: draw(st.booleans())} if flag else {}
    given = {i for i, a in enumerate(args) if a is not None and i in (1, 2, 3, 7)}
    constant = draw(st.sampled_from((frozenset[int](), frozenset(given), frozenset(given))))
    return Case(op, tuple(args), attributes, constant=constant)


def _rest(op: Op[..., Any], state: tuple[int, int]) -> list[tuple[int, ...]]:
    """Return the shapes of states and peepholes."""
    return [state, state, (3 * state[1],)] if op is lstm_layer else [state]


CASES.of((rnn, "f32"))(layer_cases(rnn, 1, ("tanh",)))
CASES.of((gru, "f32"))(layer_cases(gru, 3, ("sigmoid", "tanh"), "reset_after"))
CASES.of((lstm_layer, "f32"))(layer_cases(lstm_layer, 4, ("sigmoid", "tanh", "tanh"), "coupled"))
