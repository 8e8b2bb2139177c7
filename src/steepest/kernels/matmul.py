"""Our own matrix product C ← α A B + β C, for the sizes where BLAS copies more than it computes.

C is made of tiles, a few rows by two vectors, whose sums stay in registers. All rows of A go past
a panel of B, two vectors wide, that stays in the first cache. B is copied to such a panel only if
it lies column after column, if it is narrower, or if its rows lie too far apart for that cache. A
is copied to bands, the rows of a few tiles side by side, only if it lies column after column and
many panels pass: else it pays only for many rows, and there BLAS is as good
(`steepest.compiler.gemm`).

Source of the blocking: Goto & van de Geijn, "Anatomy of high-performance matrix multiplication",
ACM Trans. Math. Softw. 34 (2008), sections 4 and 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .simd import (
    BLOCK_ROWS,
    CACHE_LINE,
    PACKED_BYTES,
    PANEL_BYTES,
    band_rows,
    columns,
    copy_band,
    copy_row,
    item_bytes,
    lanes,
    multiply_tile,
    number,
    peek,
    peek_byte,
    peek_int,
    poke,
    scratch,
    tile_bytes,
    tile_rows,
    turn_block,
)

__all__ = ["gemm"]


LIKE = np.float64(0)
"""A number of the matrices' type. The compiler puts in one of the type that is wanted."""

_T = ord("T")


def gemm(
    at_turn_b: int, at_turn_a: int, at_n: int, at_m: int, at_k: int, at_alpha: int, b: int,
    at_ldb: int, a: int, at_lda: int, at_beta: int, c: int, at_ldc: int,
) -> None:  # fmt: skip
    """C = alpha A B + beta C, called as BLAS ``?gemm`` is: every argument by its address.

    BLAS counts by columns, so what it calls the first matrix is B here: (k, n), or (n, k) where
    ``at_turn_b`` points to a T. A is (m, k), or (k, m); C is (m, n). All have contiguous rows.
    """
    turned_b, turned_a = peek_byte(at_turn_b) == _T, peek_byte(at_turn_a) == _T
    n, m, k = peek_int(at_n), peek_int(at_m), peek_int(at_k)
    alpha, beta = peek(LIKE, at_alpha), peek(LIKE, at_beta)
    ldb, lda, ldc = peek_int(at_ldb), peek_int(at_lda), peek_int(at_ldc)
    size, wide, most = item_bytes(alpha), columns(alpha), tile_rows(alpha)
    row_a, step_a = lda * size, size
    if turned_a:
        row_a, step_a = step_a, row_a
    near = not turned_b and (k - 1) * ldb * size <= PANEL_BYTES
    panel = scratch(alpha)
    corner = panel + PANEL_BYTES
    packed = corner + tile_bytes(alpha)
    packs = turned_a and n > 4 * wide
    zero, one = number(alpha, 0.0), number(alpha, 1.0)
    step, band = wide * size, band_rows(alpha)
    line = CACHE_LINE if turned_b else 0
    deepest = PANEL_BYTES // step
    blocks = max(1, (k + deepest - 1) // deepest)
    for block in range(blocks):
        k0 = k * block // blocks
        depth = k * (block + 1) // blocks - k0
        kept = beta if block == 0 else one
        tall = PACKED_BYTES // max(1, depth * size) // band * band if packs else BLOCK_ROWS
        for begin in range(0, m, tall):
            rows = min(tall, m - begin)
            tiles = (rows + most - 1) // most
            few, more = rows // tiles, rows % tiles  # so many tiles have one row more
            if packs:
                few, more = most, 0  # a tile must not go beyond its band
                pack_bands(alpha, a + begin * row_a + k0 * step_a, step_a, depth, rows, packed)
            strips = (n + wide - 1) // wide
            for strip in range(strips):
                j = strip * wide
                width = min(wide, n - j)
                source, step_b = panel, step
                if turned_b:
                    turn_panel(alpha, b + (j * ldb + k0) * size, ldb * size, depth, width, panel)
                elif near and width == wide:
                    source, step_b = b + (k0 * ldb + j) * size, ldb * size
                else:
                    copy_panel(alpha, b + (k0 * ldb + j) * size, ldb * size, depth, width, panel)
                whole = width == wide
                following = 0  # the panel after this one: its lines are on their way meanwhile
                if strip + 1 < strips and source == panel:
                    following = b + (k0 * ldb + j + wide) * size
                    if turned_b:
                        following = b + ((j + wide) * ldb + k0) * size
                first = 0
                for tile in range(tiles):
                    high = min(few + 1 if tile < more else few, rows - first)
                    at_a, step_of_a = a + (begin + first) * row_a + k0 * step_a, step_a
                    if packs:
                        before = first % band
                        at_a = packed + ((first - before) * depth + before) * size
                        step_of_a = band * size
                    at_c = c + ((begin + first) * ldc + j) * size
                    multiply_tile(
                        high, depth, alpha, at_a, row_a, step_of_a, source, step_b,
                        kept if whole else zero,
                        at_c if whole else corner, ldc * size if whole else step,
                        following if high == most else 0, ldb * size, line,
                    )  # fmt: skip
                    if high == most:
                        following = 0
                    if not whole:
                        put_corner(corner, high, width, kept, at_c, ldc * size)
                    first += high


def copy_panel(like: Any, b: int, row: int, depth: int, width: int, panel: int) -> None:
    """panel = B, ``width`` columns of it, and zeros beside them"""
    size, wide = item_bytes(like), columns(like)
    for p in range(depth):
        to = panel + p * wide * size
        if width == wide:
            copy_row(like, b + p * row, to)
        else:
            for j in range(width):
                poke(to + j * size, peek(like, b + p * row + j * size))
            for j in range(width, wide):
                poke(to + j * size, number(like, 0.0))


def pack_bands(like: Any, a: int, step: int, depth: int, rows: int, to: int) -> None:
    """to = the columns of A, for each band of its rows one after the other"""
    size, wide = item_bytes(like), band_rows(like)
    for first in range(0, rows, wide):
        high = min(wide, rows - first)
        for p in range(depth):
            source, at = a + p * step + first * size, to + (first * depth + p * wide) * size
            if high == wide:
                copy_band(like, source, at)
            else:
                for i in range(high):
                    poke(at + i * size, peek(like, source + i * size))


def turn_panel(like: Any, b: int, row: int, depth: int, width: int, panel: int) -> None:
    """panel = Bᵀ, ``width`` rows of B as columns, and zeros beside them"""
    size, wide, side = item_bytes(like), columns(like), lanes(like)
    step = wide * size
    across, down = width // side, depth // side
    for i in range(across):
        for q in range(down):
            j, p = i * side, q * side
            turn_block(like, b + j * row + p * size, row, panel + p * step + j * size, step)
    for j in range(width):
        for p in range(down * side if j < across * side else 0, depth):
            poke(panel + p * step + j * size, peek(like, b + j * row + p * size))
    for j in range(width, wide):
        for p in range(depth):
            poke(panel + p * step + j * size, number(like, 0.0))


def put_corner(corner: int, rows: int, width: int, beta: Any, c: int, row: int) -> None:
    """C = corner + beta C, ``width`` columns of it"""
    size, wide = item_bytes(beta), columns(beta)
    for i in range(rows):
        for j in range(width):
            at = c + i * row + j * size
            value = peek(beta, corner + (i * wide + j) * size)
            if beta != 0:
                value += beta * peek(beta, at)
            poke(at, value)
