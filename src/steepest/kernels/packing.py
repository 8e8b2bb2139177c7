"""Copies of blocks of A and panels of B, in the order in which the micro-kernel reads them.

`steepest.kernels.matmul` calls ``pack_block`` and ``pack_panel``. ``like`` is a real number of the
matrices' type; addresses and distances count bytes.
"""

from __future__ import annotations

from typing import Any

from .simd import (
    copy_micropanel_column,
    copy_row,
    item_bytes,
    lanes,
    micropanel_rows,
    microtile_columns,
    number,
    peek,
    poke,
    transpose_block,
)

__all__ = ["Matrix", "lies_by_rows", "pack_block", "pack_panel"]

Matrix = tuple[int, int, int]
"""The address of a matrix, and the bytes from row to row and from column to column."""


def lies_by_rows(like: Any, matrix: Matrix) -> bool:
    """Whether the rows of ``matrix`` are contiguous, and not its columns alone."""
    return matrix[2] == item_bytes(like)


def pack_block(like: Any, a: Matrix, depth: int, rows: int, to: int) -> tuple[int, int, int, int]:
    """to = A, stored column after column: the columns of one micropanel after the other

    Returns
    -------
    tuple of int
        The address, and the bytes from row to row, from step to step of a sum, and from the row
        behind a micropanel to the next one's first.
    """
    start, _, step = a
    size, high = item_bytes(like), micropanel_rows(like)
    for first in range(0, rows, high):
        left = min(high, rows - first)
        for p in range(depth):
            source, at = start + p * step + first * size, to + (first * depth + p * high) * size
            if left == high:
                copy_micropanel_column(like, source, at)
            else:
                for i in range(left):
                    poke(at + i * size, peek(like, source + i * size))
    return to, size, high * size, (depth - 1) * high * size


def pack_panel(like: Any, b: Matrix, depth: int, width: int, panel: int) -> None:
    """panel = B, ``width`` columns of it, and zeros beside them"""
    start, row, step = b
    if lies_by_rows(like, b):
        copy_panel(like, start, row, depth, width, panel)
    else:
        transpose_panel(like, start, step, depth, width, panel)


def copy_panel(like: Any, b: int, row: int, depth: int, width: int, panel: int) -> None:
    """panel = B, of which ``width`` columns are wanted, and zeros beside them"""
    size, wide = item_bytes(like), microtile_columns(like)
    for p in range(depth):
        to = panel + p * wide * size
        if width == wide:
            copy_row(like, b + p * row, to)
        else:
            for j in range(width):
                poke(to + j * size, peek(like, b + p * row + j * size))
            for j in range(width, wide):
                poke(to + j * size, number(like, 0.0))


def transpose_panel(like: Any, b: int, row: int, depth: int, width: int, panel: int) -> None:
    """panel = Bᵀ, ``width`` rows of B as columns, and zeros beside them"""
    size, wide, side = item_bytes(like), microtile_columns(like), lanes(like)
    step = wide * size
    across, down = width // side, depth // side
    for i in range(across):
        for q in range(down):
            j, p = i * side, q * side
            transpose_block(like, b + j * row + p * size, row, panel + p * step + j * size, step)
    for j in range(width):
        for p in range(down * side if j < across * side else 0, depth):
            poke(panel + p * step + j * size, peek(like, b + j * row + p * size))
    for j in range(width, wide):
        for p in range(depth):
            poke(panel + p * step + j * size, number(like, 0.0))
