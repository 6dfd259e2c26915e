"""FarmHash's Fingerprint64, the hash function of LSH projection and of feature extraction.

Numbers are 64-bit, little endian, and wrap. Source: `farmhash.cc`, namespace farmhashna (G. Pike, 2014); MindSpore
Lite 1.1 has the same function as `StringHash64`.
"""

from __future__ import annotations

from typing import Final

K0: Final = 0xC3A5C85C97CB3127
K1: Final = 0xB492B66FBE98F273
K2: Final = 0x9AE16A3B2F90404F
MASK: Final = 2**64 - 1


def _fetch(data: bytes, at: int, width: int = 8) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _turn(value: int, by: int) -> int:
    value &= MASK
    return (value >> by | value << (64 - by)) & MASK


def _mixed(value: int) -> int:
    return value & MASK ^ (value & MASK) >> 47


def _pair(u: int, v: int, factor: int) -> int:
    a = _mixed(((u ^ v) & MASK) * factor)
    return _mixed(((v & MASK) ^ a) * factor) * factor & MASK


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_fetch(data, at + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    b += _turn(a, 44)
    return (a + z) & MASK, (b + c) & MASK


def fingerprint(data: bytes) -> int:
    """Return the hash of some bytes.

    >>> hex(fingerprint(b""))
    '0x9ae16a3b2f90404f'
    """
    n = len(data)
    if n <= 16:
        return _short(data, n)
    if n <= 64:
        return _medium(data, n)
    return _long(data, n)


def _short(s: bytes, n: int) -> int:
    factor = K2 + 2 * n
    if n >= 8:
        a, b = _fetch(s, 0) + K2, _fetch(s, n - 8)
        return _pair(_turn(b, 37) * factor + a, (_turn(a, 25) + b) * factor, factor)
    if n >= 4:
        return _pair(n + (_fetch(s, 0, 4) << 3), _fetch(s, n - 4, 4), factor)
    if n:
        y, z = s[0] + (s[n >> 1] << 8), n + (s[n - 1] << 2)
        return _mixed(y * K2 ^ z * K0) * K2 & MASK
    return K2


def _medium(s: bytes, n: int) -> int:
    factor = K2 + 2 * n
    a, b = _fetch(s, 0) * (K1 if n <= 32 else K2), _fetch(s, 8)
    c, d = _fetch(s, n - 8) * factor, _fetch(s, n - 16) * K2
    y = _turn(a + b, 43) + _turn(c, 30) + d
    z = _pair(y, a + _turn(b + K2, 18) + c, factor)
    if n <= 32:
        return z
    e, f = _fetch(s, 16) * factor, _fetch(s, 24)
    g, h = (y + _fetch(s, n - 32)) * factor, (z + _fetch(s, n - 24)) * factor
    return _pair(_turn(e + f, 43) + _turn(g, 30) + h, e + _turn(f + a, 18) + g, factor)


State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _block(s: bytes, at: int, state: State, factor: int, more: int) -> State:
    """Take in 64 bytes; `more` weighs two of the sums, which the last block counts nine times."""
    x, y, z, v, w = state
    x = _turn(x + y + v[0] + _fetch(s, at + 8), 37) * factor
    y = _turn(y + v[1] + _fetch(s, at + 48), 42) * factor
    x = (x ^ w[1] * more) & MASK
    y += v[0] * more + _fetch(s, at + 40)
    z = _turn(z + w[0], 33) * factor
    v = _weak(s, at, v[1] * factor, x + w[0])
    w = _weak(s, at + 32, z + w[1], y + _fetch(s, at + 16))
    return z & MASK, y & MASK, x, v, w


def _long(s: bytes, n: int) -> int:
    seed = 81
    y = (seed * K1 + 113) & MASK
    state: State = (seed * K2 + _fetch(s, 0), y, _mixed(y * K2 + 113) * K2, (0, 0), (0, 0))
    blocks, rest = (n - 1) // 64, (n - 1) & 63
    for i in range(blocks):
        state = _block(s, 64 * i, state, K1, 1)
    x, y, z, v, w = state
    factor = K1 + ((z & 0xFF) << 1)
    first = w[0] + rest
    v = v[0] + first, v[1]
    x, y, z, v, w = _block(
        s, 64 * blocks + rest - 63, (x, y, z, v, (first + v[0], w[1])), factor, 9
    )
    return _pair(
        _pair(v[0], w[0], factor) + _mixed(y) * K0 + z, _pair(v[1], w[1], factor) + x, factor
    )
