"""Clipping of the gradient: by value, or by the Euclidean norm of all of it.

By norm takes two passes. In the first, each thread adds up the squares of its share of the
gradient, in ``sums``, an entry a thread; after a barrier, every thread adds the entries in the
same order and scales its share, so the result doesn't depend on which thread comes first.

Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks",
ICML 2013, arXiv:1211.5063, Algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

__all__ = ["clip_norm", "clip_value", "square_sums"]

Array = NDArray[Any]


def clip_value(g: Array, limit: float, entries: range) -> None:
    """g = min(max(g, −limit), limit)"""
    for i in entries:
        d = g[i]
        d = limit if d > limit else d
        g[i] = -limit if d < -limit else d


def square_sums(g: Array, sums: Array, thread: int, entries: range) -> None:
    """sums = Σ g²"""
    total = g.dtype.type(0)
    for i in entries:
        total += g[i] * g[i]
    sums[thread] = total


def clip_norm(g: Array, sums: Array, limit: float, entries: range) -> None:
    """g *= min(1, limit/√Σ sums)"""
    total = g.dtype.type(0)
    for k in range(sums.shape[0]):
        total += sums[k]
    norm = g.dtype.type(math.sqrt(total))
    one = g.dtype.type(1)
    factor = limit / norm if norm > limit else one
    for i in entries:
        g[i] *= factor
