"""Pairs of bfloat16 in 32 bits, as processors multiply them: what hand-made products need of them.

A bfloat16 is the upper half of a float32, rounded to nearest, ties to even. A pair holds two that
lie one after the other in a sum: the first in the lower half. ``multiply_pairs`` is the
micro-kernel of `steepest.kernels.matmul_bfloat16`; `steepest.kernels.packing_bfloat16` calls the
others. Compiled, each of these functions is a few vector instructions, which
`steepest.compiler.bfloat16` emits; the bodies here say what they mean.
``like`` is a float32; addresses and distances count bytes, as in `steepest.kernels.simd`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .simd import _at, lanes, micropanel_rows, microtile_columns, transpose_block

__all__ = [
    "multiply_edge_of_pairs",
    "multiply_pairs",
    "multiply_window_tile_of_pairs",
    "pair",
    "pair_along",
    "pair_micropanel_column",
    "pair_row",
    "rounded",
    "transpose_pairs",
]


def rounded(x: Any) -> NDArray[np.float32]:
    """Return float32 numbers rounded to bfloat16; NaN stays NaN."""
    x = np.asarray(x, np.float32)
    bits = x.view(np.uint32)
    up = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    up = np.where(np.isnan(x), bits | np.uint32(1 << 22), up) & np.uint32(0xFFFF0000)
    return np.asarray(up.view(np.float32))


def pair(like: Any, first: Any, second: Any) -> Any:
    """Return the pair of two numbers, as the float32 of the same 32 bits."""
    return _paired(first, second)[()]


def pair_along(like: Any, source: int, to: int) -> None:
    """Write `lanes` pairs of the numbers that follow ``source``."""
    n = lanes(like)
    numbers = _at(like, source, 2 * n)
    _at(like, to, n)[:] = _paired(numbers[::2], numbers[1::2])


def pair_row(like: Any, first: int, second: int, to: int) -> None:
    """Write `microtile_columns` pairs of a number of the one row and the same of the other."""
    n = microtile_columns(like)
    _at(like, to, n)[:] = _paired(_at(like, first, n), _at(like, second, n))


def pair_micropanel_column(like: Any, first: int, second: int, to: int) -> None:
    """Write `micropanel_rows` pairs of a number of the one row and the same of the other."""
    n = micropanel_rows(like)
    _at(like, to, n)[:] = _paired(_at(like, first, n), _at(like, second, n))


def transpose_pairs(like: Any, source: int, row: int, to: int, row_to: int) -> None:
    """Transpose `lanes` rows of as many pairs: rows of numbers, ``row`` apart, become columns."""
    n = lanes(like)
    square = np.empty((n, n), np.float32)
    for i in range(n):
        pair_along(like, source + i * row, square[i].ctypes.data)
    transpose_block(like, square.ctypes.data, square.strides[0], to, row_to)


def multiply_pairs(
    rows: int,
    k: int,
    alpha: Any,
    of_a: tuple[int, int, int],
    of_b: tuple[int, int],
    beta: Any,
    of_c: tuple[int, int],
    ahead: tuple[int, int, int],
) -> None:
    """C = alpha A B + beta C, as `kernels.simd.multiply_microtile`, for A and B of ``k`` pairs."""
    (a, row_a, step_a), (b, row_b), (c, row_c) = of_a, of_b, of_c
    n = microtile_columns(alpha)
    for i in range(rows):
        total = np.zeros(n, np.float32)
        for p in range(k):
            factors = _halves(_at(alpha, a + i * row_a + p * step_a, 1))
            for x, y in zip(factors, _halves(_at(alpha, b + p * row_b, n)), strict=True):
                total += x * y
        out = _at(alpha, c + i * row_c, n)
        out[:] = alpha * total + beta * out if beta != 0 else alpha * total


def multiply_edge_of_pairs(
    extents: tuple[int, int],
    k: int,
    alpha: Any,
    of_a: tuple[int, int, int],
    of_b: tuple[int, int],
    beta: Any,
    of_c: tuple[int, int],
) -> None:
    """C = alpha A B + beta C, as `kernels.simd.multiply_edge_tile`, for A and B of ``k`` pairs."""
    (rows, columns), (a, row_a, step_a), (b, row_b), (c, row_c) = extents, of_a, of_b, of_c
    for i in range(rows):
        total = np.zeros(columns, np.float32)
        for p in range(k):
            factors = _halves(_at(alpha, a + i * row_a + p * step_a, 1))
            for x, y in zip(factors, _halves(_at(alpha, b + p * row_b, columns)), strict=True):
                total += x * y
        out = _at(alpha, c + i * row_c, columns)
        out[:] = alpha * total + beta * out if beta != 0 else alpha * total


def multiply_window_tile_of_pairs(
    extents: tuple[int, int, int, int, int],
    alpha: Any,
    of_a: tuple[int, int, int, int, int],
    of_b: tuple[int, int, int],
    of_s: tuple[int, int, int],
    of_c: tuple[int, int, int],
) -> None:
    """C = alpha Σ_o Σ_k A B + S, as `kernels.simd.multiply_window_tile`, for A and B of pairs."""
    _, rows, columns, outer, inner = extents
    (a, _, row_a, outer_a, inner_a), (b, outer_b, inner_b) = of_a, of_b
    (s, _, row_s), (c, _, row_c) = of_s, of_c
    for i in range(rows):
        total = np.zeros(columns, np.float32)
        for o in range(outer):
            for k in range(inner):
                factors = _halves(_at(alpha, a + i * row_a + o * outer_a + k * inner_a, 1))
                row = _halves(_at(alpha, b + o * outer_b + k * inner_b, columns))
                for x, y in zip(factors, row, strict=True):
                    total += x * y
        out, start = (_at(alpha, at, columns) for at in (c + i * row_c, s + i * row_s))
        out[:] = alpha * total + start


def _paired(first: Any, second: Any) -> NDArray[np.float32]:
    low = rounded(first).view(np.uint32) >> np.uint32(16)
    return (rounded(second).view(np.uint32) | low).view(np.float32)


def _halves(pairs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bits = pairs.view(np.uint32)
    return (bits << np.uint32(16)).view(np.float32), (bits & np.uint32(0xFFFF0000)).view(np.float32)
