"""Blocks of a vector whose sum several threads share.

A thread has a share of the blocks, whose partial sums are then added up in their order. Which
blocks there are doesn't depend on the number of threads, so neither do the bits of the sum.
"""

from __future__ import annotations

import numpy as np

__all__ = ["BLOCK", "block_count"]

BLOCK = np.uint64(4096)
"""Entries of a block; an unsigned number, so that compiled loops know that none is below 0."""


def block_count(size: int) -> int:
    """Return how many blocks ``size`` entries make."""
    return -(-size // int(BLOCK))
