"""Panels of a matrix that is known only when the plan runs, as `gemm.pack` makes them beforehand."""

from __future__ import annotations

from .kernel import I64, inlined
from .simd import Value, Vectors, tile


@tile("f32_pack_rows")
def f32_pack_rows(v: Vectors, to: I64, b: I64, ldb: I64, k: I64, columns: I64) -> None:
    """Pack the first `columns` of B, whose `k` rows are `ldb` elements apart; zeros behind them."""
    size = 4 * v.lanes
    masks = [v.mask(v.b.sub(columns, v.const(j * v.lanes))) for j in range(2)]

    def row(i: Value) -> list[Value]:
        source, target = v.pointer(b, v.mul(v.mul(i, ldb), 4)), v.pointer(to, v.mul(i, 2 * size))
        for j, mask in enumerate(masks):
            v.store(v.load_some("f32", mask, source, j * size), target, j * size)
        return []

    v.carry(k, [], row)


def transpose(v: Vectors, rows: list[Value]) -> list[Value]:
    """Return the columns of as many vectors as each has elements.

    In rounds: of two vectors 1, 2, 4 ... apart, blocks of so many elements change places.
    """
    lanes, step = len(rows), 1
    while step < lanes:
        low = [i if not i & step else i - step + lanes for i in range(lanes)]
        high = [i + step if not i & step else i + lanes for i in range(lanes)]
        rows = [
            v.shuffle(rows[i], rows[i + step], low)
            if not i & step
            else v.shuffle(rows[i - step], rows[i], high)
            for i in range(lanes)
        ]
        step *= 2
    return rows


@tile("f32_pack_columns")
def f32_pack_columns(v: Vectors, to: I64, b: I64, ldb: I64, k: I64, columns: I64) -> None:
    """Pack B from its transpose: `columns` rows of `k` elements, `ldb` elements apart."""
    size = 4 * v.lanes

    def block(first: Value) -> None:
        for j in range(2):
            rows = []
            for r in range(j * v.lanes, (j + 1) * v.lanes):
                there = v.b.icmp_signed("<", v.const(r), columns)
                mask = v.mask(v.b.select(there, v.const(v.lanes), v.const(0)))
                at = v.add(v.mul(v.mul(ldb, r), 4), v.mul(first, 4))
                rows.append(v.load_some("f32", mask, b, at))
            target = v.pointer(to, v.add(v.mul(first, 2 * size), j * size))
            for i, x in enumerate(transpose(v, rows)):
                v.store(x, target, i * 2 * size)

    def element(i: Value) -> list[Value]:
        target = v.pointer(to, v.mul(i, 2 * size))
        for j in range(2):
            v.store(v.full("f32", 0.0), target, j * size)

        def column(r: Value) -> list[Value]:
            x = v.scalar("f32", b, v.add(v.mul(v.mul(r, ldb), 4), v.mul(i, 4)))
            v.store(x, target, v.mul(r, 4))
            return []

        v.carry(columns, [], column)
        return []

    blocks = v.b.sdiv(k, v.const(v.lanes))
    v.carry(blocks, [], lambda i: block(v.mul(i, v.lanes)) or [])  # type: ignore[func-returns-value]
    done = v.mul(blocks, v.lanes)
    v.carry(v.b.sub(k, done), [], lambda i: element(v.add(done, i)))


@inlined
def pack_panel(to, b, ldb, k, columns, transposed):  # type: ignore[no-untyped-def]
    """Pack a panel of B (K, N), which lies at `b` as it is or `transposed`; then `gemm_block.f32_block` takes it."""
    if transposed:
        f32_pack_columns(to, b, ldb, k, columns)
    else:
        f32_pack_rows(to, b, ldb, k, columns)
