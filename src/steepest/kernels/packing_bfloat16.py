"""Copies of blocks of A and panels of B in pairs of bfloat16, as the micro-kernel reads them.

`steepest.kernels.matmul_bfloat16` hands ``pack_block`` and ``pack_panel`` to the framework. A step
of a sum is a pair: two numbers that follow one another. The last pair may lack its second, which is
0 then. ``like`` is a float32; addresses and distances count bytes, and ``deep`` counts numbers.
"""

from __future__ import annotations

from typing import Any

from .bfloat16 import pair, pair_along, pair_micropanel_column, pair_row, transpose_pairs
from .packing import Matrix, lies_by_rows
from .simd import item_bytes, lanes, micropanel_rows, microtile_columns, number, peek, poke

__all__ = ["pack_block", "pack_panel"]


def pack_block(like: Any, a: Matrix, deep: int, rows: int, to: int) -> tuple[int, int, int, int]:
    """to = A in pairs: row after row, or, if A lies column after column, in micropanels

    Returns
    -------
    tuple of int
        As `steepest.kernels.packing.pack_block`.
    """
    start, row, step = a
    size, high, pairs = item_bytes(like), micropanel_rows(like), (deep + 1) // 2
    if lies_by_rows(like, a):
        pack_rows(like, start, row, deep, rows, to)
        return to, pairs * size, size, 0
    pack_micropanels(like, start, step, deep, rows, to)
    return to, size, high * size, (pairs - 1) * high * size


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


def pack_micropanels(like: Any, a: int, row: int, deep: int, rows: int, to: int) -> None:
    """to = the columns of A, for each micropanel of its rows one after the other, in pairs"""
    size, high = item_bytes(like), micropanel_rows(like)
    pairs = (deep + 1) // 2
    for first in range(0, rows, high):
        left = min(high, rows - first)
        for p in range(pairs):
            source, at = a + 2 * p * row + first * size, to + (first * pairs + p * high) * size
            if left == high and 2 * p + 1 < deep:
                pair_micropanel_column(like, source, source + row, at)
            else:
                for i in range(left):
                    poke(at + i * size, pair_of(like, source + i * size, row, 2 * p + 1 < deep))


def pack_panel(like: Any, b: Matrix, deep: int, width: int, panel: int) -> None:
    """panel = B in pairs, ``width`` columns of it, and zeros beside them"""
    start, row, step = b
    if lies_by_rows(like, b):
        copy_panel(like, start, row, deep, width, panel)
    else:
        transpose_panel(like, start, step, deep, width, panel)


def copy_panel(like: Any, b: int, row: int, deep: int, width: int, panel: int) -> None:
    """panel = B, of which ``width`` columns are wanted, in pairs, and zeros beside them"""
    size, wide = item_bytes(like), microtile_columns(like)
    for p in range(0, deep, 2):
        source, at = b + p * row, panel + p // 2 * wide * size
        if width == wide and p + 1 < deep:
            pair_row(like, source, source + row, at)
        else:
            for j in range(width):
                poke(at + j * size, pair_of(like, source + j * size, row, p + 1 < deep))
            for j in range(width, wide):
                poke(at + j * size, number(like, 0.0))


def transpose_panel(like: Any, b: int, row: int, deep: int, width: int, panel: int) -> None:
    """panel = Bᵀ, ``width`` rows of B as columns, in pairs, and zeros beside them"""
    size, wide, side = item_bytes(like), microtile_columns(like), lanes(like)
    step = wide * size
    across, down = width // side, deep // (2 * side)
    for i in range(across):
        for q in range(down):
            j, p = i * side, q * side
            source, to = b + j * row + 2 * p * size, panel + p * step + j * size
            transpose_pairs(like, source, row, to, step)
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
