"""Recurrent layers of any activations, one direction each, over sequences of different lengths. Time comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
S32 = NDArray[np.int32]

# Functions of a gate: f(x, alpha, beta). Those that need no number take no notice of them.
FUNCTIONS: dict[str, Callable[[F64, float, float], F64]] = {
    "sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "tanh": lambda x, a, b: np.tanh(x),
    "relu": lambda x, a, b: np.where(x < 0, 0.0, x),
    "affine": lambda x, a, b: a * x + b,
    "leaky_relu": lambda x, a, b: np.where(x < 0, a * x, x),
    "thresholded_relu": lambda x, a, b: np.where(x > a, x, np.where(x != x, x, 0.0)),
    "scaled_tanh": lambda x, a, b: a * np.tanh(b * x),
    "hard_sigmoid": lambda x, a, b: np.clip(a * x + b, 0.0, 1.0),
    "elu": lambda x, a, b: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
    "softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "softplus": lambda x, a, b: np.logaddexp(x, 0.0),
}

Numbers = tuple[float, ...]
Names = tuple[str, ...]
Step = Callable[..., tuple[F64, ...]]


def _require_layer(
    x: TensorType,
    gates: int,
    w: TensorType,
    r: TensorType,
    given: Mapping[str, tuple[TensorType | None, tuple[int, ...]]],
    lengths: TensorType | None,
) -> None:
    """Require (C1) to (C4), which all layers have; `given` are the other inputs and their shapes."""
    require("C1", len(x.shape) == 3, f"x has {len(x.shape)} axes, not 3")
    require("C2", len(r.shape) == 2 and r.shape[0] == gates * r.shape[1], f"r {r.shape}")
    wanted = (r.shape[0], x.shape[2])
    require("C2", w.shape == wanted, f"w {w.shape}, not {wanted}")
    for name, (t, shape) in given.items():
        require("C3", t is None or t.shape == shape, f"{name} {t and t.shape}, not {shape}")
    floats = [w, r, *(t for t, _ in given.values() if t is not None)]
    require("C3", all(t.dtype == x.dtype for t in floats), "other types")
    fits = lengths is None or (lengths.format, lengths.shape) == ("s32", x.shape[1:2])
    require("C4", fits, f"lengths {lengths} of {x.shape[1:2]} sequences")


def _require_functions(count: int, functions: Names, alpha: Numbers, beta: Numbers) -> None:
    known = len(functions) == count and all(f in FUNCTIONS for f in functions)
    require("C5", known, f"functions {functions}: {count} of {[*FUNCTIONS]}")
    fits = all(len(v) in (0, count) for v in (alpha, beta))
    require("C5", fits, f"{len(alpha)} alpha and {len(beta)} beta for {count} functions")


def functions_of(
    functions: Names, alpha: Numbers, beta: Numbers, clip: float
) -> list[Callable[[F64], F64]]:
    """Return the functions of the gates, behind a clip where there is one."""
    numbers = [
        [float(np.float32(v)) for v in (given or (0.0,) * len(functions))]
        for given in (alpha, beta)
    ]
    bound = float(np.float32(clip)) or np.inf

    def one(name: str, a: float, b: float) -> Callable[[F64], F64]:
        return lambda x: FUNCTIONS[name](np.clip(x, -bound, bound), a, b)

    return [one(*each) for each in zip(functions, *numbers, strict=True)]


def ends_of(x: F32, lengths: S32 | None) -> NDArray[np.int64]:
    """Return how many frames each sequence has."""
    time, n, _ = x.shape
    return np.full(n, time) if lengths is None else np.clip(lengths, 0, time).astype(np.int64)


def _run(
    x: F32, lengths: S32 | None, reverse: bool, states: Sequence[F64], step: Step
) -> tuple[F32, ...]:
    """Apply `step(frame, *states)`, whose first result is the output, along all sequences at once."""
    time, ends = len(x), ends_of(x, lengths)
    y = np.zeros((time, *states[0].shape))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for s in range(time):
            going = np.flatnonzero(s < ends)
            at = ends[going] - 1 - s if reverse else np.full(len(going), s)
            new = step(x[at, going].astype(np.float64), *(a[going] for a in states))
            for state, value in zip(states, new, strict=True):
                state[going] = value
            y[at, going] = new[0]
    return tuple(a.astype(x.dtype) for a in (y, *states))


def _start(x: F32, r: F32, state: F32 | None) -> F64:
    return np.zeros((x.shape[1], r.shape[1])) if state is None else state.astype(np.float64)


def _gates(w: F32, r: F32, b: F32 | None, count: int) -> list[list[F64]]:
    """Return for each gate its two matrices, turned, and its two biases."""
    biases = np.zeros(2 * len(w)) if b is None else b
    given = (w, r, biases[: len(w)], biases[len(w) :])
    parts = [np.split(a.astype(np.float64), count) for a in given]
    return [[wg.T, rg.T, wb, rb] for wg, rg, wb, rb in zip(*parts, strict=True)]


def _infer_rnn(
    x: TensorType,
    w: TensorType,
    r: TensorType,
    b: TensorType | None = None,
    lengths: TensorType | None = None,
    h: TensorType | None = None,
    *,
    functions: Names = ("tanh",),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
) -> tuple[TensorType, TensorType]:
    cells, state = r.shape[-1], (x.shape[1], r.shape[-1]) if len(x.shape) == 3 else ()
    _require_layer(x, 1, w, r, {"b": (b, (2 * cells,)), "h": (h, state)}, lengths)
    _require_functions(1, functions, alpha, beta)
    require("C6", clip >= 0, f"clip {clip}")
    return x.like((*x.shape[:2], cells)), x.like(state)


@op(infer=_infer_rnn)
def rnn(
    x: F32,
    w: F32,
    r: F32,
    b: F32 | None = None,
    lengths: S32 | None = None,
    h: F32 | None = None,
    *,
    functions: Names = ("tanh",),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
) -> tuple[F32, F32]:
    r"""Run a simple recurrent layer: $h = f(W x + b_w + R h + b_r)$ (Elman, Finding Structure in Time, 1990).

    Inputs: `x` (T, N, D); `w` (C, D); `r` (C, C); optional `b` (2C,), first that of `w`; optional `lengths` (N,) s32,
    from 0 to T (what is beyond counts as that); optional `h` (N, C), zeros if absent.
    Attributes: `functions`, one of `FUNCTIONS`, and its numbers `alpha` and `beta`, rounded to float32 (none: 0);
    `clip`: what enters a function is clipped to [-clip, clip], 0 for none; `reverse`: sequences are run from their
    ends.
    Outputs: all h (T, N, C), zeros behind the end of a sequence, and the last h (N, C).
    Constraints: (C1) Three axes. (C2) Weights fit. (C3) Biases and states fit, of the type of `x`. (C4) A length for
    each sequence, s32. (C5) Known functions, and numbers for each or none. (C6) No negative clip.

    >>> one = np.ones((1, 1), "f")
    >>> [a.ravel().tolist() for a in rnn(np.ones((3, 1, 1), "f"), one, one, functions=("relu",))]
    [[1.0, 2.0, 3.0], [3.0]]
    """
    (f,) = functions_of(functions, alpha, beta, clip)
    ((wg, rg, wb, rb),) = _gates(w, r, b, 1)

    def step(frame: F64, h: F64) -> tuple[F64, ...]:
        return (f(frame @ wg + wb + h @ rg + rb),)

    return _run(x, lengths, reverse, [_start(x, r, h)], step)  # type: ignore[return-value]


def _infer_gru(
    x: TensorType,
    w: TensorType,
    r: TensorType,
    b: TensorType | None = None,
    lengths: TensorType | None = None,
    h: TensorType | None = None,
    *,
    functions: Names = ("sigmoid", "tanh"),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
    reset_after: bool = False,
) -> tuple[TensorType, TensorType]:
    cells, state = r.shape[-1], (x.shape[1], r.shape[-1]) if len(x.shape) == 3 else ()
    _require_layer(x, 3, w, r, {"b": (b, (6 * cells,)), "h": (h, state)}, lengths)
    _require_functions(2, functions, alpha, beta)
    require("C6", clip >= 0, f"clip {clip}")
    return x.like((*x.shape[:2], cells)), x.like(state)


@op(infer=_infer_gru)
def gru(
    x: F32,
    w: F32,
    r: F32,
    b: F32 | None = None,
    lengths: S32 | None = None,
    h: F32 | None = None,
    *,
    functions: Names = ("sigmoid", "tanh"),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
    reset_after: bool = False,
) -> tuple[F32, F32]:
    r"""Run gated recurrent units (Cho et al., Learning Phrase Representations, 2014).

    With the gates update z and reset r, both $f(W x + b_w + R h + b_r)$, the candidate is $n = g(W x + b_w + R (r h) +
    b_r)$, or with `reset_after` $g(W x + b_w + r (R h + b_r))$, and $h' = (1 - z) n + z h$.

    Inputs: `x` (T, N, D); `w` (3C, D) and `r` (3C, C), of z, r and n; optional `b` (6C,), first those of `w`; optional
    `lengths` (N,) s32, from 0 to T (what is beyond counts as that); optional `h` (N, C), zeros if absent.
    Attributes: `functions` f and g, with their numbers `alpha` and `beta`, rounded to float32 (none: 0); `clip`: what
    enters a function is clipped to [-clip, clip], 0 for none; `reverse`: sequences are run from their ends;
    `reset_after`.
    Outputs: all h (T, N, C), zeros behind the end of a sequence, and the last h (N, C).
    Constraints: (C1) Three axes. (C2) Weights fit. (C3) Biases and states fit, of the type of `x`. (C4) A length for
    each sequence, s32. (C5) Known functions, and numbers for each or none. (C6) No negative clip.

    >>> zeros = np.zeros((3, 1), "f")
    >>> gru(np.ones((1, 1, 1), "f"), zeros, zeros, h=np.ones((1, 1), "f"))[1].tolist()
    [[0.5]]
    """
    f, g = functions_of(functions, alpha, beta, clip)
    update, reset, new = _gates(w, r, b, 3)

    def gate(frame: F64, h: F64, weights: list[F64]) -> F64:
        wg, rg, wb, rb = weights
        return f(frame @ wg + wb + h @ rg + rb)

    def step(frame: F64, h: F64) -> tuple[F64, ...]:
        z, kept = gate(frame, h, update), gate(frame, h, reset)
        wg, rg, wb, rb = new
        again = kept * (h @ rg + rb) if reset_after else (kept * h) @ rg + rb
        n = g(frame @ wg + wb + again)
        return ((1 - z) * n + z * h,)

    return _run(x, lengths, reverse, [_start(x, r, h)], step)  # type: ignore[return-value]


def _infer_lstm_layer(
    x: TensorType,
    w: TensorType,
    r: TensorType,
    b: TensorType | None = None,
    lengths: TensorType | None = None,
    h: TensorType | None = None,
    c: TensorType | None = None,
    p: TensorType | None = None,
    *,
    functions: Names = ("sigmoid", "tanh", "tanh"),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
    coupled: bool = False,
) -> tuple[TensorType, TensorType, TensorType]:
    cells, state = r.shape[-1], (x.shape[1], r.shape[-1]) if len(x.shape) == 3 else ()
    given = {"b": (b, (8 * cells,)), "h": (h, state), "c": (c, state), "p": (p, (3 * cells,))}
    _require_layer(x, 4, w, r, given, lengths)
    _require_functions(3, functions, alpha, beta)
    require("C6", clip >= 0, f"clip {clip}")
    return x.like((*x.shape[:2], cells)), x.like(state), x.like(state)


@op(infer=_infer_lstm_layer)
def lstm_layer(
    x: F32,
    w: F32,
    r: F32,
    b: F32 | None = None,
    lengths: S32 | None = None,
    h: F32 | None = None,
    c: F32 | None = None,
    p: F32 | None = None,
    *,
    functions: Names = ("sigmoid", "tanh", "tanh"),
    alpha: Numbers = (),
    beta: Numbers = (),
    clip: float = 0.0,
    reverse: bool = False,
    coupled: bool = False,
) -> tuple[F32, F32, F32]:
    r"""Run long short-term memory of any activations over sequences of different lengths.

    Of the gates i, o, f, each $f(W x + b_w + R h + b_r + p c)$, and the update $u = g(W x + b_w + R h + b_r)$: $c' = f
    c + i u$ and $h' = o\, k(c')$; o sees c'. `lstm` is the layer as LiteRT has it.

    Inputs: `x` (T, N, D); `w` (4C, D) and `r` (4C, C), of i, o, f and u; optional `b` (8C,), first those of `w`;
    optional `lengths` (N,) s32, from 0 to T (what is beyond counts as that); optional `h` and `c` (N, C), zeros if
    absent; optional `p` (3C,) of i, o and f.
    Attributes: `functions` f, g and k, with their numbers `alpha` and `beta`, rounded to float32 (none: 0); `clip`:
    what enters a function is clipped to [-clip, clip], 0 for none; `reverse`: sequences are run from their ends;
    `coupled`: f = 1 - i.
    Outputs: all h (T, N, C), zeros behind the end of a sequence, the last h and the last c (N, C).
    Constraints: (C1) Three axes. (C2) Weights fit. (C3) Biases, states and `p` fit, of the type of `x`. (C4) A length
    for each sequence, s32. (C5) Known functions, and numbers for each or none. (C6) No negative clip.

    >>> zeros, one = np.zeros((4, 1), "f"), np.ones((1, 1), "f")
    >>> lstm_layer(np.ones((1, 1, 1), "f"), zeros, zeros, c=one)[2].tolist()
    [[0.5]]
    """
    f, g, k = functions_of(functions, alpha, beta, clip)
    entry, out, forget, update = _gates(w, r, b, 4)
    pi, po, pf = np.split(np.zeros(3 * r.shape[1]) if p is None else p.astype(np.float64), 3)

    def step(frame: F64, h: F64, c: F64) -> tuple[F64, ...]:
        def before(weights: list[F64]) -> F64:
            wg, rg, wb, rb = weights
            return frame @ wg + wb + h @ rg + rb

        i = f(before(entry) + pi * c)
        kept = 1 - i if coupled else f(before(forget) + pf * c)
        c = kept * c + i * g(before(update))
        return f(before(out) + po * c) * k(c), c

    states = [_start(x, r, h), _start(x, r, c)]
    return _run(x, lengths, reverse, states, step)  # type: ignore[return-value]
