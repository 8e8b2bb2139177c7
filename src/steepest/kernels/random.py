"""Random numbers as a function of where they are used: no state, nothing to save.

A number depends on a key (the seed and the instruction that draws) and on a counter (the step and
the entry), so results do not depend on the order of drawing, on threads or on interruptions.

Source: Widynski, "Squares: A Fast Counter-Based RNG", arXiv:2004.06278 (2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["key_of", "squares", "unit"]

_MASK = (1 << 64) - 1


def key_of(seed: int, *parts: int) -> int:
    """Return a key for ``seed`` and ``parts``, as a signed 64-bit integer with scattered bits.

    The mixing function is that of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
    """
    state = seed & _MASK
    for part in (*parts, 0):
        state = (state + 0x9E3779B97F4A7C15 * (part + 1)) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    state |= 1
    return state - (1 << 64) if state >> 63 else state


def squares(counter: Any, key: Any) -> Any:
    """Return 64 random bits, uint64, for ``counter`` and ``key`` (five rounds, section 5)."""
    half = np.uint64(32)
    x = np.uint64(counter) * np.uint64(key)
    y = x
    z = y + np.uint64(key)
    x = x * x + y
    x = (x >> half) | (x << half)
    x = x * x + z
    x = (x >> half) | (x << half)
    x = x * x + y
    x = (x >> half) | (x << half)
    x = x * x + z
    t = x
    x = (x >> half) | (x << half)
    return t ^ ((x * x + y) >> half)


def unit(counter: Any, key: Any) -> float:
    """Return a number uniform on [0, 1), a multiple of 2⁻⁵³."""
    return np.float64(np.int64(squares(counter, key) >> np.uint64(11))) * 1.1102230246251565e-16
