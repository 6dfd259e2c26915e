"""Which Winograd transform a convolution takes, if any: a cost model.

The unit is the time of one product in the register tiles. `python -m bench.winograd_cost` fits the constants to a
machine, and compares the choice with the best one in hindsight and with MindSpore Lite's rule, which counts products.
"""

from __future__ import annotations

from .gemm import PANEL, ROWS
from .simd import LANES
from .winograd_transforms import F

# Bytes of planes, and of products with a panel, of a block: small where the weights stay near beside them, else large,
# as all weights come by once a block.
NEAR, LARGE = 1 << 19, 1 << 21

# What an element of a transformed patch costs, by t: its sums are t / 2 long, in two passes; and what a byte of weights
# costs, which come from a far cache or memory. Measured on a Sapphire Rapids core (AVX-512, 48 KB and 2 MB of cache)
# on layers whose weights differ, as those of a network do.
INPUT, OUTPUT, BYTE = 1.1, 0.4, 9.0
# The bound of F(6,3) is three times that of F(4,3): it must be worth it.
MARGIN = {6: 1.15}


def patches_of_a_block(m: int, c: int, n: int, patches: int, threads: int) -> int:
    """Return how many of the patches go through the stages at a time.

    Threads share the blocks, each of which needs all weights. Where the weights come from far and one block does, there
    is only one: then threads share the panels of the weights.
    """
    far = 4 * (m + 2) ** 2 * c * n > 2 * NEAR
    room = (LARGE if far else NEAR) // (4 * (m + 2) ** 2 * (c + PANEL))
    blocks = -(-patches // max(2 * ROWS, room // ROWS * ROWS))
    by_panels = far and blocks == 1 and -(-n // PANEL) % threads == 0
    if patches >= ROWS * threads and not by_panels:
        blocks = -(-blocks // threads) * threads
    return -(-patches // blocks)


def terms(m: int, c: int, y: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return products, transformed inputs and outputs times t, and bytes of weights of F(m, 3); m = 0: plain sums."""
    images, rows, columns, n = y
    n = -(-n // PANEL) * PANEL
    if m == 0:
        return images * rows * columns * 9 * c * n, 0, 0, 36 * c * n
    c = -(-c // LANES) * LANES
    elements = images * -(-rows // m) * -(-columns // m) * (m + 2) ** 2
    return (
        elements * c * n,
        elements * c * (m + 2),
        elements * n * (m + 2),
        4 * (m + 2) ** 2 * c * n,
    )


def choice(c: int, y: tuple[int, ...]) -> int:
    """Return the m of the cheapest F(m, 3) for C channels and outputs of shape `y`, or 0 for plain sums.

    The number of threads, which MindSpore Lite's rule asks for, must not matter: results may not depend on it.
    """

    def cost(m: int) -> float:
        products, inputs, outputs, weights = terms(m, c, y)
        total = products + INPUT * inputs + OUTPUT * outputs + BYTE * weights
        return total * MARGIN.get(m, 1.0)

    return min((0, *F), key=cost)
