"""What layers share that make functions of single inputs: x and y column by column.

Of some rows and inputs at a time, columns are copied to where they lie one after the other. So rows
are the lanes of a vector, and the columns stay in the first cache. For each input, ``columns`` is a
matrix (dim, n): x_j, then its m = dim − 1 mixtures, or what they get for gradients.
"""

from __future__ import annotations

import numpy as np

from ..layer import Array

__all__ = ["INPUTS", "MIXTURES", "ROWS", "begin_columns", "read_columns", "sum_columns"]
__all__ += ["work_columns", "write_columns"]

ROWS, INPUTS = np.int64(128), np.int64(4)
"""At once."""
MIXTURES = 3
"""Summed up in one loop, each in a column."""


def work_columns(p: int, dim: int) -> int:
    """Return how many columns kernels need room for: the layer's own, and two to write over."""
    return p * dim + MIXTURES - 1


def begin_columns(x: Array, j: int, c: Array, columns: Array) -> None:
    """Write column j of x, and the constant of each mixture."""
    for i in range(columns.shape[1]):
        columns[0, i] = x[i, j]
    for o in range(c.shape[0]):
        for i in range(columns.shape[1]):
            columns[1 + o, i] = c[o]


def write_columns(columns: Array, first: int, y: Array) -> None:
    """Write the columns of some inputs, of which ``first`` is the first, to y."""
    for i in range(y.shape[0]):
        for q in range(columns.shape[0]):
            y[i, first + q] = columns[q, i]


def read_columns(x: Array, dy: Array, alpha: float, first: int, columns: Array) -> None:
    """Write the columns of some inputs, ``first`` and those behind: x, and alpha times dy."""
    dim = dy.shape[1] // x.shape[1]
    for i in range(x.shape[0]):
        for q in range(columns.shape[0]):
            columns[q, i] = alpha * dy[i, first * dim + q]
        for u in range(columns.shape[0] // dim):
            columns[u * dim, i] = x[i, first + u]


def sum_columns(columns: Array, dc: Array) -> None:
    """dc += the sum over rows of each mixture's gradient"""
    for o in range(dc.shape[0]):
        total = columns.dtype.type(0)
        for i in range(columns.shape[1]):
            total += columns[1 + o, i]
        dc[o] += total
