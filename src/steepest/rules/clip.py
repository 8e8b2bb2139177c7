"""Clipping of the gradient: by value, or by the Euclidean norm of all of it.

By norm takes two passes. In the first, the norm of each block of the gradient goes to ``norms``
(`steepest.rules.blocks`); after a barrier, every thread joins these in the same order and scales
its share. Squares are added up in float64: float32 has none above 3e38, and an entry of 2e19 would
be clipped to 0.

Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks",
ICML 2013, arXiv:1211.5063, Algorithm 1.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array
from .blocks import BLOCK

__all__ = ["block_norms", "clip_norm", "clip_value"]


def clip_value(g: Array, limit: float, entries: range) -> None:
    """g = min(max(g, −limit), limit)"""
    for i in entries:
        d = g[i]
        d = limit if d > limit else d
        g[i] = -limit if d < -limit else d


def block_norms(g: Array, norms: Array, blocks: range) -> None:
    """norms = ‖g‖, block by block"""
    size = np.uint64(g.shape[0])
    for k in blocks:
        first = np.uint64(k) * BLOCK
        total = 0.0
        for i in range(first, min(first + BLOCK, size)):
            d = np.float64(g[i])
            total += d * d
        norms[k] = math.sqrt(total)


def clip_norm(g: Array, norms: Array, limit: float, entries: range) -> None:
    """g *= min(1, limit/‖norms‖)"""
    total = 0.0
    for k in range(norms.shape[0]):
        d = np.float64(norms[k])
        total += d * d
    norm = math.sqrt(total)
    factor = g.dtype.type(limit / norm if norm > limit else 1.0)
    for i in entries:
        g[i] *= factor
