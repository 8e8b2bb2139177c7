"""Sets of classes that hold the right one as often as is asked: adaptive prediction sets (APS).

With the classes of a row in falling order of their probabilities, and u between 0 and 1, the score
of a class is the probability of all before it and u times its own. On n rows that were not trained
on, τ is the ⌈coverage · (n + 1)⌉-th smallest score of the right classes; the set of a further row
has all classes whose score is at most τ. It then holds the right one with a probability of at least
``coverage``, and at most 1/(n + 1) more where no scores are alike, whatever the network, as long as
the rows come about alike.

u is not drawn, but follows from what the network says of the row, so that a row always gets the
same set. It must not follow from the calibrated probabilities: these have a least value, and rows
that the network is sure of would have the same u, all of a class.

Source: Romano, Sesia & Candès, "Classification with valid and adaptive coverage", NeurIPS 2020,
arXiv:2006.02544, algorithm 1 with the scores of section 2.1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array

__all__ = ["kept_scores", "members", "scores", "uniform"]

MOST = 1000
"""So many scores are kept at most."""
_DIGITS = 1e9


def scores(p: Array, u: Array) -> Array:
    """Return the score of every class, (n, K), of probabilities (n, K) and of u (n,)."""
    order = np.argsort(-p, axis=1, kind="stable")
    ordered = np.take_along_axis(p, order, axis=1)
    before = np.cumsum(ordered, axis=1) - ordered
    found = np.empty_like(p)
    np.put_along_axis(found, order, before + u[:, None] * ordered, axis=1)
    return found


def kept_scores(p: Array, u: Array, y: Array) -> tuple[float, ...]:
    """Return the scores of the right classes ``y`` (n,), least first, rounded up.

    Of more than 1,000 it is the one of rank ⌈k n / 1000⌉ for each k.
    """
    n, own = len(y), np.sort(scores(p, u)[np.arange(len(y)), y])
    count = min(n, MOST)
    ranks = -(-np.arange(1, count + 1) * n // count)
    return tuple((np.ceil(own[ranks - 1] * _DIGITS) / _DIGITS).tolist())


def members(
    p: Array, u: Array, rows: int, kept: tuple[float, ...], coverage: float, *, empty: bool = False
) -> NDArray[np.bool_]:
    """Say which classes are in each row's set, (n, K).

    Parameters
    ----------
    p : ndarray (n, K)
    u : ndarray (n,)
        As of `uniform`.
    rows : int
        How many rows ``kept`` comes from.
    kept : tuple of float
        What `kept_scores` returned.
    coverage : float
    empty : bool
        Whether a set may be without any class, where one would be more than was asked for; else it
        has the most probable one.
    """
    rank, count = math.ceil(coverage * (rows + 1)), len(kept)
    place = -(-rank * count // rows) if rows else 1
    if rank > rows or place > count:
        return np.ones(p.shape, bool)
    found: NDArray[np.bool_] = scores(p, u) <= kept[place - 1]
    if not empty:
        found[np.arange(len(p)), p.argmax(axis=1)] = True
    return found


def uniform(q: Array) -> Array:
    """Return a number between 0 and 1 for each row that looks drawn, and follows from q (n, K).

    It is the last step of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014) after the bits of each number.
    """
    state = np.zeros(len(q), np.uint64)
    for column in np.ascontiguousarray(q.T, np.float64).view(np.uint64):
        state = state + column + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) / 2.0**53
