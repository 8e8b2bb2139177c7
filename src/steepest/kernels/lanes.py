"""A softmax down columns: as many at once as a vector has lanes, each by itself.

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

from .simd import item_bytes, lanes

__all__ = ["ALONG", "BEGIN", "END", "FACTOR", "HIDDEN", "LANES", "TOP", "TOTAL"]
__all__ += ["hide_lanes", "slope_lanes", "weigh_lanes"]

LANES = 32
"""Columns, at most: those of a microtile, or a multiple."""

TOP, TOTAL, FACTOR, BEGIN, END, ALONG = range(0, 6 * LANES, LANES)

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


def _rows(like: Any, of_s: tuple[int, int, int]) -> list[NDArray[Any]]:
    start, row, count = (int(each) for each in of_s)
    return [_at(like, start + k * row) for k in range(count)]


def _row(like: Any, state: int, which: int) -> NDArray[Any]:
    return _at(like, int(state) + which * item_bytes(like))


def _at(like: Any, address: int) -> NDArray[Any]:
    kind = ctypes.c_float if item_bytes(like) == 4 else ctypes.c_double
    return np.ctypeslib.as_array((kind * lanes(like)).from_address(address))
