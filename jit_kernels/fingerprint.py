"""FarmHash's Fingerprint64 in kernels: numbers are unsigned, 64 bits wide, and wrap."""

from __future__ import annotations

import numpy as np

from .kernel import inlined

K0 = np.uint64(0xC3A5C85C97CB3127)
K1 = np.uint64(0xB492B66FBE98F273)
K2 = np.uint64(0x9AE16A3B2F90404F)
FOUR, EIGHT = 4, 8  # bytes


@inlined
def fetch(s, at, count):  # type: ignore[no-untyped-def]
    """Return the number of `count` bytes from s[at] on."""
    value = np.uint64(0)
    for i in range(count):
        value |= np.uint64(s[at + i]) << np.uint64(8 * i)
    return value


@inlined
def turn(value, by):  # type: ignore[no-untyped-def]
    """Rotate to the right."""
    return (value >> np.uint64(by)) | (value << np.uint64(64 - by))


@inlined
def mixed(value):  # type: ignore[no-untyped-def]
    """Mix the high bits into the low ones."""
    return value ^ (value >> np.uint64(47))


@inlined
def pair_hash(u, v, factor):  # type: ignore[no-untyped-def]
    """Return the hash of two numbers."""
    return mixed((v ^ mixed((u ^ v) * factor)) * factor) * factor


@inlined
def short_hash(s, at, n):  # type: ignore[no-untyped-def]
    """Return the hash of up to sixteen bytes."""
    factor = K2 + np.uint64(2 * n)
    if n >= 8:
        a, b = fetch(s, at, EIGHT) + K2, fetch(s, at + n - 8, EIGHT)
        return pair_hash(turn(b, 37) * factor + a, (turn(a, 25) + b) * factor, factor)
    if n >= 4:
        first = np.uint64(n) + (fetch(s, at, FOUR) << np.uint64(3))
        return pair_hash(first, fetch(s, at + n - 4, FOUR), factor)
    if n > 0:
        y = np.uint64(s[at]) + (np.uint64(s[at + n // 2]) << np.uint64(8))
        z = np.uint64(n) + (np.uint64(s[at + n - 1]) << np.uint64(2))
        return mixed((y * K2) ^ (z * K0)) * K2
    return K2


@inlined
def medium_hash(s, at, n):  # type: ignore[no-untyped-def]
    """Return the hash of 17 to 64 bytes."""
    factor = K2 + np.uint64(2 * n)
    a, b = fetch(s, at, EIGHT) * (K1 if n <= 32 else K2), fetch(s, at + 8, EIGHT)
    c, d = fetch(s, at + n - 8, EIGHT) * factor, fetch(s, at + n - 16, EIGHT) * K2
    y = turn(a + b, 43) + turn(c, 30) + d
    z = pair_hash(y, a + turn(b + K2, 18) + c, factor)
    if n <= 32:
        return z
    e, f = fetch(s, at + 16, EIGHT) * factor, fetch(s, at + 24, EIGHT)
    g = (y + fetch(s, at + n - 32, EIGHT)) * factor
    h = (z + fetch(s, at + n - 24, EIGHT)) * factor
    return pair_hash(turn(e + f, 43) + turn(g, 30) + h, e + turn(f + a, 18) + g, factor)


@inlined
def weak_hash(s, at, a, b):  # type: ignore[no-untyped-def]
    """Return two numbers of 32 bytes and two seeds."""
    w, x = fetch(s, at, EIGHT), fetch(s, at + 8, EIGHT)
    y, z = fetch(s, at + 16, EIGHT), fetch(s, at + 24, EIGHT)
    a += w
    b = turn(b + a + z, 21)
    c = a
    a += x + y
    b += turn(a, 44)
    return a + z, b + c


@inlined
def take_block(s, at, x, y, z, v, vv, w, ww, factor, more):  # type: ignore[no-untyped-def]
    """Take in 64 bytes; `more` weighs two of the sums."""
    x = turn(x + y + v + fetch(s, at + 8, EIGHT), 37) * factor
    y = turn(y + vv + fetch(s, at + 48, EIGHT), 42) * factor
    x ^= ww * more
    y += v * more + fetch(s, at + 40, EIGHT)
    z = turn(z + w, 33) * factor
    v, vv = weak_hash(s, at, vv * factor, x + w)
    w, ww = weak_hash(s, at + 32, z + ww, y + fetch(s, at + 16, EIGHT))
    return z, y, x, v, vv, w, ww


@inlined
def long_hash(s, at, n):  # type: ignore[no-untyped-def]
    """Return the hash of more than 64 bytes."""
    one, nine, seed = np.uint64(1), np.uint64(9), np.uint64(81)
    x, y = seed * K2 + fetch(s, at, EIGHT), seed * K1 + np.uint64(113)
    z = mixed(y * K2 + np.uint64(113)) * K2
    v, vv, w, ww = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    blocks, rest = (n - 1) // 64, (n - 1) % 64
    for i in range(blocks):
        x, y, z, v, vv, w, ww = take_block(s, at + 64 * i, x, y, z, v, vv, w, ww, K1, one)
    factor = K1 + ((z & np.uint64(255)) << one)
    w += np.uint64(rest)
    v += w
    w += v
    last = at + 64 * blocks + rest - 63
    x, y, z, v, vv, w, ww = take_block(s, last, x, y, z, v, vv, w, ww, factor, nine)
    first = pair_hash(v, w, factor) + mixed(y) * K0 + z
    return pair_hash(first, pair_hash(vv, ww, factor) + x, factor)


@inlined
def bytes_hash(s, at, n):  # type: ignore[no-untyped-def]
    """Return the hash of `n` bytes from s[at] on."""
    if n <= 16:
        return short_hash(s, at, n)
    if n <= 64:
        return medium_hash(s, at, n)
    return long_hash(s, at, n)
