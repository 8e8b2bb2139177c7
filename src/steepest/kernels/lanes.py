"""A softmax down columns: as many at once as a vector has lanes, each by itself; and its products.

Matrices of scores lie row after row; a column of lanes is a vector of each row, ``row`` bytes
apart. Compiled, sums and maxima stay in registers, and `steepest.compiler.lanes` emits the loops.
The bodies here say what they mean. ``like`` is a real number of the type that lies in memory.

What is known of each lane lies at ``state``, a row for each thing, `LANES` numbers apart:

=============  ===================================================
`TOP`          the largest score so far
`TOTAL`        Σ exp(score − top); on the way back its inverse
`FACTOR`       exp(top before − top)
`BEGIN, END`   between which rows a lane sees scores
`ALONG`        what is subtracted from slopes
=============  ===================================================
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .simd import item_bytes, lanes, peek

__all__ = ["ALONG", "BEGIN", "END", "FACTOR", "HIDDEN", "LANES", "LANE_ROWS", "TOP", "TOTAL"]
__all__ += ["hide_lanes", "multiply_lanes", "slope_lanes", "slope_whole_lanes"]
__all__ += ["softmax_lanes", "weigh_lanes"]

LANES = 32
"""Columns, at most: those of a microtile, or a multiple."""

TOP, TOTAL, FACTOR, BEGIN, END, ALONG = range(0, 6 * LANES, LANES)

LANE_ROWS = 8
"""Rows of C, at most, that `multiply_lanes` computes at once: its sums fit the registers."""

HIDDEN = -3e38
"""A score whose exp is 0, whatever the others are."""


def hide_lanes(like: Any, first: Any, of_s: tuple[int, int, int], state: int) -> None:
    """scores = HIDDEN outside of rows BEGIN, …, END − 1, counted from ``first``

    ``of_s`` is the address of the scores, the bytes from row to row, and the number of rows.
    """
    begin, end = (_row(like, state, which) for which in (BEGIN, END))
    for k, s in enumerate(_rows(like, of_s)):
        s[(first + k < begin) | (first + k >= end)] = HIDDEN


def weigh_lanes(like: Any, of_s: tuple[int, int, int], state: int) -> None:
    """scores = exp(scores − TOP); TOP, TOTAL and FACTOR are brought up to date first"""
    top, total, factor = (_row(like, state, which) for which in (TOP, TOTAL, FACTOR))
    scores = _rows(like, of_s)
    before = top.copy()
    for s in scores:
        np.copyto(top, s, where=s > top)
    factor[:] = np.exp(before - top)
    total *= factor
    for s in scores:
        s[:] = np.exp(s - top)
        total += s


def slope_lanes(like: Any, of_s: tuple[int, int, int], slopes: int, state: int) -> None:
    """scores = P = TOTAL exp(scores − TOP); slopes = P ⊙ (slopes − ALONG)"""
    top, total, along = (_row(like, state, which) for which in (TOP, TOTAL, ALONG))
    _, row, count = of_s
    for s, slope in zip(_rows(like, of_s), _rows(like, (slopes, row, count)), strict=True):
        s[:] = total * np.exp(s - top)
        slope[:] = s * (slope - along)


def softmax_lanes(like: Any, of_s: tuple[int, int, int]) -> None:
    """scores = exp(scores − max) / Σ exp(scores − max): all rows there are"""
    scores = _rows(like, of_s)
    top = np.max(scores, axis=0)
    total = np.zeros_like(top)
    for s in scores:
        s[:] = np.exp(s - top)
        total += s
    for s in scores:
        s *= 1 / total


def slope_whole_lanes(like: Any, of_p: tuple[int, int, int], slopes: int) -> None:
    """slopes = P ⊙ (slopes − Σ P ⊙ slopes): all rows there are"""
    _, row, count = of_p
    pairs = list(zip(_rows(like, of_p), _rows(like, (slopes, row, count)), strict=True))
    along = sum(p * slope for p, slope in pairs)
    for p, slope in pairs:
        slope[:] = p * (slope - along)


def multiply_lanes(
    rows: int, k: int, alpha: Any, of_a: tuple[int, int, int], b: int, onto: int, c: int
) -> None:
    """C = alpha A B, and where ``onto`` is not 0, C += alpha A B, with B and C of one vector a row.

    Parameters
    ----------
    rows, k : int
        Of C (≤ `LANE_ROWS`), and of B; neither is 0.
    alpha : real
    of_a : tuple of int
        The address of A, and the bytes from row to row and from column to column.
    b, onto, c : int
        The address of B, whether to add, and the address of C. Their rows lie side by side.
    """
    a, row_a, step_a = of_a
    row = lanes(alpha) * item_bytes(alpha)
    for i in range(rows):
        total = np.zeros(lanes(alpha), np.asarray(alpha).dtype)
        for p in range(k):
            total += peek(alpha, int(a + i * row_a + p * step_a)) * _at(alpha, int(b + p * row))
        out = _at(alpha, int(c + i * row))
        out[:] = alpha * total + (out if onto else 0)


def _rows(like: Any, of_s: tuple[int, int, int]) -> list[NDArray[Any]]:
    start, row, count = (int(each) for each in of_s)
    return [_at(like, start + k * row) for k in range(count)]


def _row(like: Any, state: int, which: int) -> NDArray[Any]:
    return _at(like, int(state) + which * item_bytes(like))


def _at(like: Any, address: int) -> NDArray[Any]:
    kind = ctypes.c_float if item_bytes(like) == 4 else ctypes.c_double
    return np.ctypeslib.as_array((kind * lanes(like)).from_address(address))
