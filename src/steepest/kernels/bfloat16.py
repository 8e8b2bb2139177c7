"""Pairs of bfloat16 in 32 bits, as processors multiply them: what hand-made products need of them.

A bfloat16 is the upper half of a float32, rounded to nearest, ties to even. A pair holds two that
lie one after the other in a sum: the first in the lower half. Compiled, each of these functions is
a few vector instructions (see `steepest.compiler.bfloat16`); the bodies here say what they mean.
``like`` is a float32; addresses and distances count bytes, as in `steepest.kernels.simd`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .simd import _at, band_rows, columns, lanes, turn_block

__all__ = [
    "multiply_pairs", "pair", "pair_along", "pair_band", "pair_row", "rounded", "turn_pairs",
]  # fmt: skip


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
    """Write `columns` pairs of a number of the one row and the same of the other."""
    n = columns(like)
    _at(like, to, n)[:] = _paired(_at(like, first, n), _at(like, second, n))


def pair_band(like: Any, first: int, second: int, to: int) -> None:
    """Write `band_rows` pairs of a number of the one row and the same of the other."""
    n = band_rows(like)
    _at(like, to, n)[:] = _paired(_at(like, first, n), _at(like, second, n))


def turn_pairs(like: Any, source: int, row: int, to: int, row_to: int) -> None:
    """Transpose `lanes` rows of as many pairs: rows of numbers, ``row`` apart, become columns."""
    n = lanes(like)
    square = np.empty((n, n), np.float32)
    for i in range(n):
        pair_along(like, source + i * row, square[i].ctypes.data)
    turn_block(like, square.ctypes.data, square.strides[0], to, row_to)


def multiply_pairs(
    rows: int, k: int, alpha: Any, a: int, row_a: int, step_a: int, b: int, step_b: int, beta: Any,
    c: int, row_c: int, ahead: int, row_ahead: int, across: int,
) -> None:  # fmt: skip
    """C = alpha A B + beta C, as `kernels.simd.multiply_tile`, for A and B of ``k`` pairs."""
    n = columns(alpha)
    for i in range(rows):
        total = np.zeros(n, np.float32)
        for p in range(k):
            factors = _halves(_at(alpha, a + i * row_a + p * step_a, 1))
            for x, y in zip(factors, _halves(_at(alpha, b + p * step_b, n)), strict=True):
                total += x * y
        out = _at(alpha, c + i * row_c, n)
        out[:] = alpha * total + beta * out if beta != 0 else alpha * total


def _paired(first: Any, second: Any) -> NDArray[np.float32]:
    low = rounded(first).view(np.uint32) >> np.uint32(16)
    return (rounded(second).view(np.uint32) | low).view(np.float32)


def _halves(pairs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bits = pairs.view(np.uint32)
    return (bits << np.uint32(16)).view(np.float32), (bits & np.uint32(0xFFFF0000)).view(np.float32)
