"""FarmHash's Fingerprint64 once more: on a list of 64-bit words at any byte, with sums reduced at once."""

from __future__ import annotations

K = (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F)
SIZE = 1 << 64


def _right(v: int, n: int) -> int:
    v %= SIZE
    return (v // (1 << n) + v * (1 << (64 - n))) % SIZE


def _shift(v: int) -> int:
    v %= SIZE
    return v ^ (v // (1 << 47))


def _two(u: int, v: int, m: int) -> int:
    low = _shift((u % SIZE ^ v % SIZE) * m)
    high = _shift((v % SIZE ^ low) * m)
    return high * m % SIZE


class _Words:
    """Little-endian numbers in some bytes; a negative place counts from the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __call__(self, at: int, width: int = 8) -> int:
        at = at if at >= 0 else len(self.data) + at
        return sum(self.data[at + i] * 256**i for i in range(width))


def exact_fingerprint(data: bytes) -> int:
    """Return the hash of some bytes."""
    n, word = len(data), _Words(data)
    m = K[2] + 2 * n
    if n == 0:
        return K[2]
    if n < 4:
        first, middle, last = data[0], data[n // 2], data[n - 1]
        return (
            _shift((first + 256 * middle) * K[2] % SIZE ^ (n + 4 * last) * K[0] % SIZE)
            * K[2]
            % SIZE
        )
    if n < 8:
        return _two(n + 8 * word(0, 4), word(-4, 4), m)
    if n <= 16:
        a, b = word(0) + K[2], word(-8)
        return _two(_right(b, 37) * m + a, (_right(a, 25) + b) * m, m)
    if n <= 64:
        return _middle(word, n, m)
    return _blocks(word, n)


def _middle(word: _Words, n: int, m: int) -> int:
    a, b, c, d = word(0) * K[1 if n <= 32 else 2], word(8), word(-8) * m, word(-16) * K[2]
    y = _right(a + b, 43) + _right(c, 30) + d
    z = _two(y, a + _right(b + K[2], 18) + c, m)
    if n <= 32:
        return z
    e, f, g, h = word(16) * m, word(24), (y + word(-32)) * m, (z + word(-24)) * m
    return _two(_right(e + f, 43) + _right(g, 30) + h, e + _right(f + a, 18) + g, m)


def _seeded(word: _Words, at: int, a: int, b: int) -> tuple[int, int]:
    first, last = a + word(at), word(at + 24)
    inner = first + word(at + 8) + word(at + 16)
    turned = _right(b + first + last, 21) + _right(inner, 44)
    return (inner + last) % SIZE, (turned + first) % SIZE


def _blocks(word: _Words, n: int) -> int:
    full, rest = divmod(n - 1, 64)
    x, y = 81 * K[2] + word(0), 81 * K[1] + 113
    z, v, w = _shift(y * K[2] + 113) * K[2], (0, 0), (0, 0)
    for step in range(full + 1):
        at, m, nine = 64 * step, K[1], 1
        if step == full:
            at, m, nine = n - 64, K[1] + 2 * (z % 256), 9
            w = (w[0] + rest, w[1])
            v = (v[0] + w[0], v[1])
            w = (w[0] + v[0], w[1])
        x = _right(x + y + v[0] + word(at + 8), 37) * m % SIZE ^ w[1] * nine % SIZE
        y = _right(y + v[1] + word(at + 48), 42) * m + v[0] * nine + word(at + 40)
        z = _right(z + w[0], 33) * m
        v = _seeded(word, at, v[1] * m, x + w[0])
        w = _seeded(word, at + 32, z + w[1], y + word(at + 16))
        x, z = z, x
    m_last = m
    first = _two(v[0], w[0], m_last) + _shift(y) * K[0] + z
    return _two(first, _two(v[1], w[1], m_last) + x, m_last)
