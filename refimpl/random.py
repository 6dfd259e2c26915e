"""Random tensors. They run in Python: a plan has no state to draw from.

With a seed the numbers are those of the Mersenne Twister MT19937, as NumPy's `RandomState` draws them (its streams are
frozen): a double is 53 bits of two words, a normal number comes of Marsaglia's polar method. Without a seed each run
draws others.
"""

from __future__ import annotations

import numpy as np

from ..ir import FORMATS, Array, op, require

FLOATS = ("f16", "f32", "f64")


def _generator(seed: float | None) -> np.random.RandomState:
    if seed is not None:
        require("C1", 0 <= int(seed) < 2**32, f"the seed is {seed}; it is from 0 to 2^32 - 1")
    return np.random.RandomState(None if seed is None else int(seed))


def _check(to: str) -> None:
    require("C2", to in FLOATS, f"the results are {to!r}; one of {', '.join(FLOATS)}")


@op(host=True)
def random_uniform(
    shape: Array,
    *,
    low: float = 0.0,
    high: float = 1.0,
    to: str = "f32",
    seed: float | None = None,
) -> Array:
    """Draw real numbers from [low, high): low + (high - low) u, in float64 and rounded once.

    Inputs: `shape`, whole numbers.

    Attributes:
        low, high: the ends.
        to: element type, f16, f32 or f64.
        seed: of the generator; its fraction does not count.

    Constraints:
        (C1) The seed is from 0 to 2^32 - 1.
        (C2) The element type is a float.

    >>> random_uniform(np.array([2]), seed=0).round(4).tolist()
    [0.548799991607666, 0.7152000069618225]
    """
    _check(to)
    draws = _generator(seed).random_sample(tuple(map(int, shape)))
    return np.asarray(low + (high - low) * draws).astype(FORMATS[to])


@op(host=True)
def random_normal(
    shape: Array,
    *,
    mean: float = 0.0,
    scale: float = 1.0,
    to: str = "f32",
    seed: float | None = None,
) -> Array:
    """Draw normal numbers: mean + scale g, in float64 and rounded once.

    Inputs: `shape`, whole numbers.

    Attributes:
        mean, scale: the mean and the standard deviation.
        to: element type, f16, f32 or f64.
        seed: of the generator; its fraction does not count.

    Constraints:
        (C1) The seed is from 0 to 2^32 - 1.
        (C2) The element type is a float.

    >>> random_normal(np.array([2]), seed=0).round(4).tolist()
    [1.7640999555587769, 0.4002000093460083]
    """
    _check(to)
    draws = _generator(seed).standard_normal(tuple(map(int, shape)))
    return np.asarray(mean + scale * draws).astype(FORMATS[to])


@op(host=True)
def random_mask(x: Array, ratio: Array, *, seed: float | None = None) -> Array:
    """Draw which elements dropout keeps: those whose u in [0, 1) is at least `ratio`.

    Inputs: `x`, of whose shape the mask is; `ratio`, a real number of one element.

    Attributes:
        seed: of the generator; its fraction does not count.

    Constraints:
        (C1) The seed is from 0 to 2^32 - 1.
        (C2) The ratio is one number from 0 to 1, without 1.

    >>> random_mask(np.zeros(3, "f"), np.float32(0.6), seed=0).tolist()
    [False, True, True]
    """
    number = float(np.reshape(ratio, -1)[0]) if np.size(ratio) == 1 else -1.0
    require("C2", 0 <= number < 1, f"the ratio is {np.ravel(ratio)[:4]}; one number from 0 to 1")
    return np.asarray(_generator(seed).random_sample(x.shape) >= number)


@op(host=True)
def bernoulli(x: Array, *, to: str = "f32", seed: float | None = None) -> Array:
    """Draw 1 with the probability that `x` holds, else 0: u < x for u in [0, 1).

    Inputs: `x`, probabilities.

    Attributes:
        to: element type of the result.
        seed: of the generator; its fraction does not count.

    Constraints:
        (C1) The seed is from 0 to 2^32 - 1.

    >>> bernoulli(np.float32([0.5, 0.8]), seed=0).tolist()
    [0.0, 1.0]
    """
    return np.asarray(_generator(seed).random_sample(x.shape) < x).astype(FORMATS[to])


@op(host=True)
def multinomial(
    x: Array, *, sample_size: int = 1, to: str = "s32", seed: float | None = None
) -> Array:
    """Draw classes by their logarithms of unnormalized probabilities: the first whose cumulated share exceeds u.

    Inputs: `x[batch, classes]`, float.

    Attributes:
        sample_size: how many are drawn of each row.
        to: element type of the result, s32 or s64.
        seed: of the generator; its fraction does not count.

    Constraints:
        (C1) The seed is from 0 to 2^32 - 1.
        (C2) There are two axes, at least one class.

    >>> multinomial(np.float32([[-9, 0, -9]]), sample_size=3, seed=0).tolist()
    [[1, 1, 1]]
    """
    require("C2", x.ndim == 2 and x.shape[1] > 0, f"the shape is {x.shape}")
    wide = x.astype(np.float64)
    shares = np.cumsum(np.exp(wide - wide.max(1, keepdims=True)), 1)
    draws = _generator(seed).random_sample((len(x), sample_size)) * shares[:, -1:]
    found = (draws[:, :, None] >= shares[:, None, :]).sum(2)
    return np.minimum(found, x.shape[1] - 1).astype(FORMATS[to])
