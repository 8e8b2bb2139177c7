"""Which rank has how many examples of which step."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["shares_of"]

_HALVINGS = 64  # as many as a double has bits, and more


def shares_of(counts: ArrayLike, totals: ArrayLike) -> NDArray[np.int64]:
    """Divide the examples of every step among ranks with ``counts`` rows, (steps, ranks).

    Row j of a rank with m rows has its turn at (j + ½)/m of the epoch, so that each rank is as far
    in its rows as the others, to a row or so (the method of Webster and Sainte-Laguë). Of rows with
    the same turn those of a lower rank come first.

    Parameters
    ----------
    counts : sequence of int, (ranks,)
        Rows of each rank. They begin anew where ``totals`` asks for more than all of them.
    totals : sequence of int, (steps,)
        How many examples all ranks together have seen when a step is over.

    Examples
    --------
    >>> shares_of([4, 2, 0], [3, 6]).tolist()
    [[2, 1, 0], [2, 1, 0]]
    """
    rows, wanted = np.asarray(counts, np.float64), np.asarray(totals, np.float64)[:, None]
    every = rows.sum()
    low = np.zeros_like(wanted)
    high = wanted / every + 1.0  # more than enough

    def seen(turn: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.floor(rows * turn + 0.5)

    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        enough = seen(middle).sum(axis=1, keepdims=True) >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    found = seen(low)
    tied = seen(high) - found  # the rows whose turn it is just then
    left = wanted - found.sum(axis=1, keepdims=True)
    found += np.clip(left - (np.cumsum(tied, axis=1) - tied), 0, tied)
    return np.diff(found, axis=0, prepend=0).astype(np.int64)
