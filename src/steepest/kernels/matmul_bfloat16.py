"""The matrix product C ← α A B + β C with A and B rounded to bfloat16, and sums in float32.

It is blocked as `steepest.kernels.matmul`, but both matrices are copied: rounded, and two that
follow one another in a sum side by side (`steepest.kernels.bfloat16`). Bytes and multiplications
are halved so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bfloat16 import multiply_pairs, pair, pair_along, pair_band, pair_row, turn_pairs
from .matmul import put_corner
from .simd import (
    CACHE_LINE,
    PACKED_BYTES,
    PANEL_BYTES,
    band_rows,
    columns,
    item_bytes,
    lanes,
    number,
    peek,
    peek_byte,
    peek_int,
    poke,
    scratch,
    tile_bytes,
    tile_rows,
)

__all__ = ["gemm"]


LIKE = np.float32(0)
"""A number of the matrices' type. The compiler puts in one of the type that is wanted."""

_T = ord("T")
_QUARTERS = 4


def gemm(
    at_turn_b: int, at_turn_a: int, at_n: int, at_m: int, at_k: int, at_alpha: int, b: int,
    at_ldb: int, a: int, at_lda: int, at_beta: int, c: int, at_ldc: int,
) -> None:  # fmt: skip
    """C = alpha A B + beta C, for float32 numbers, called as `steepest.kernels.matmul.gemm`."""
    turned_b, turned_a = peek_byte(at_turn_b) == _T, peek_byte(at_turn_a) == _T
    n, m, k = peek_int(at_n), peek_int(at_m), peek_int(at_k)
    alpha, beta = peek(LIKE, at_alpha), peek(LIKE, at_beta)
    ldb, lda, ldc = peek_int(at_ldb), peek_int(at_lda), peek_int(at_ldc)
    size, wide, most, band = item_bytes(alpha), columns(alpha), tile_rows(alpha), band_rows(alpha)
    row_b, column_b = ldb * size, size
    if turned_b:
        row_b, column_b = column_b, row_b
    panel = scratch(alpha)
    corner = panel + PANEL_BYTES
    packed = corner + tile_bytes(alpha)
    step = wide * size
    pairs = (k + 1) // 2
    deepest = PANEL_BYTES // step
    blocks = max(1, (pairs + deepest - 1) // deepest)
    for block in range(blocks):
        p0 = pairs * block // blocks
        depth = pairs * (block + 1) // blocks - p0
        k0 = 2 * p0
        deep = min(k - k0, 2 * depth)  # numbers: the last pair may lack its second
        kept = beta if block == 0 else number(alpha, 1.0)
        # The processors that multiply pairs have second caches of 1 MB and more.
        tall = 2 * PACKED_BYTES // max(1, depth * size) // band * band
        for begin in range(0, m, tall):
            rows = min(tall, m - begin)
            if turned_a:
                pack_bands(alpha, a + (k0 * lda + begin) * size, lda * size, deep, rows, packed)
            else:
                pack_rows(alpha, a + (begin * lda + k0) * size, lda * size, deep, rows, packed)
            for j in range(0, n, wide):
                width = min(wide, n - j)
                at_b = b + j * column_b + k0 * row_b
                if turned_b:
                    turn_panel(alpha, at_b, ldb * size, deep, width, panel)
                else:
                    copy_panel(alpha, at_b, ldb * size, deep, width, panel)
                whole = width == wide
                # The panel after this one: its lines are on their way meanwhile.
                following = at_b + wide * column_b if j + wide < n else 0
                for first in range(0, rows, most):
                    high = min(most, rows - first)
                    at_a, row_a, step_a = packed + first * depth * size, depth * size, size
                    if turned_a:
                        before = first % band
                        at_a = packed + ((first - before) * depth + before) * size
                        row_a, step_a = size, band * size
                    at_c = c + ((begin + first) * ldc + j) * size
                    ahead = 0
                    if following and high == most and first < _QUARTERS * most:
                        quarter = first // most
                        ahead = following + quarter * 2 * depth
                        if not turned_b:
                            half = quarter % 2 * depth
                            ahead = following + half * ldb * size + quarter // 2 * CACHE_LINE
                    multiply_pairs(
                        high, depth, alpha, at_a, row_a, step_a, panel, step,
                        kept if whole else number(alpha, 0.0),
                        at_c if whole else corner, ldc * size if whole else step,
                        ahead, ldb * size, CACHE_LINE if turned_b else 0,
                    )  # fmt: skip
                    if not whole:
                        put_corner(corner, high, width, kept, at_c, ldc * size)


def pack_rows(like: Any, a: int, row: int, deep: int, rows: int, to: int) -> None:
    """to = the rows of A, one after the other, in pairs"""
    size, side = item_bytes(like), 2 * lanes(like)
    whole, pairs = deep // side * side, (deep + 1) // 2
    for i in range(rows):
        source, at = a + i * row, to + i * pairs * size
        for p in range(0, whole, side):
            pair_along(like, source + p * size, at + p // 2 * size)
        for p in range(whole, deep, 2):
            poke(at + p // 2 * size, pair_of(like, source + p * size, size, p + 1 < deep))


def pack_bands(like: Any, a: int, row: int, deep: int, rows: int, to: int) -> None:
    """to = the columns of A, for each band of its rows one after the other, in pairs"""
    size, wide = item_bytes(like), band_rows(like)
    pairs = (deep + 1) // 2
    for first in range(0, rows, wide):
        high = min(wide, rows - first)
        for p in range(pairs):
            source, at = a + 2 * p * row + first * size, to + (first * pairs + p * wide) * size
            if high == wide and 2 * p + 1 < deep:
                pair_band(like, source, source + row, at)
            else:
                for i in range(high):
                    poke(at + i * size, pair_of(like, source + i * size, row, 2 * p + 1 < deep))


def copy_panel(like: Any, b: int, row: int, deep: int, width: int, panel: int) -> None:
    """panel = B, ``width`` columns of it in pairs, and zeros beside them"""
    size, wide = item_bytes(like), columns(like)
    for p in range(0, deep, 2):
        source, at = b + p * row, panel + p // 2 * wide * size
        if width == wide and p + 1 < deep:
            pair_row(like, source, source + row, at)
        else:
            for j in range(width):
                poke(at + j * size, pair_of(like, source + j * size, row, p + 1 < deep))
            for j in range(width, wide):
                poke(at + j * size, number(like, 0.0))


def turn_panel(like: Any, b: int, row: int, deep: int, width: int, panel: int) -> None:
    """panel = Bᵀ, ``width`` rows of B as columns, in pairs, and zeros beside them"""
    size, wide, side = item_bytes(like), columns(like), lanes(like)
    step = wide * size
    across, down = width // side, deep // (2 * side)
    for i in range(across):
        for q in range(down):
            j, p = i * side, q * side
            turn_pairs(like, b + j * row + 2 * p * size, row, panel + p * step + j * size, step)
    for j in range(width):
        for p in range(2 * down * side if j < across * side else 0, deep, 2):
            source, at = b + j * row + p * size, panel + p // 2 * step + j * size
            poke(at, pair_of(like, source, size, p + 1 < deep))
    for j in range(width, wide):
        for p in range((deep + 1) // 2):
            poke(panel + p * step + j * size, number(like, 0.0))


def pair_of(like: Any, first: int, apart: int, both: bool) -> Any:
    """Return the pair of two numbers in memory, or of the first alone and 0."""
    return pair(like, peek(like, first), peek(like, first + apart) if both else number(like, 0.0))
