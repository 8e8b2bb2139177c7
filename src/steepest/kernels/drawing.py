"""Tokens drawn by the outputs of a network; (n, q) -> (n,)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .functions import exp

__all__ = ["draw_tokens"]

_PER_STEP = 2.0**-53  # between numbers that NumPy's generators draw from [0, 1)


def draw_tokens(
    z: Any,
    p: Any,
    u: Any,
    found: Any,
    x: Any,
    drawn: Any,
    position: Any,
    temperature: float,
    best: int,
) -> None:
    """x = min k: Σ_{j≤k} p_j > u Σ_j p_j, p = exp(z / temperature)

    Of the numbers u, which count steps of 2⁻⁵³, and the tokens ``found``, those of row ``drawn``.
    All z but the ``best`` largest have p = 0; at temperature 0, x is the largest. Where an output
    is NaN, x is 0. ``drawn`` and ``position`` go up by 1.
    """
    t, q = drawn[0], z.shape[1]
    for i in range(z.shape[0]):
        top = 0
        for j in range(1, q):
            top = j if z[i, j] > z[i, top] else top
        place = top
        if temperature > 0:
            largest = z[i, top]
            least = z.dtype.type(-np.inf)
            if best < q:
                least = _kth_largest(z[i], p[i], best)
            for j in range(q):
                e = exp((z[i, j] - largest) / temperature, z)
                p[i, j] = z.dtype.type(0) if z[i, j] < least else e
            total = np.float64(0)
            for j in range(q):
                total += np.float64(p[i, j])
            aim, total, place = total * (np.float64(u[t, i]) * _PER_STEP), np.float64(0), 0
            for j in range(q):
                total += np.float64(p[i, j])
                if total > aim:
                    place = j
                    break
        found[t, i] = place
        x[i] = place
    drawn[0] = t + 1
    position[0] += 1


def _kth_largest(z: Any, kept: Any, k: int) -> Any:
    """Return the k-th largest number of z; the k largest are left in ``kept``, largest first."""
    for j in range(k):
        kept[j] = -np.inf
    for j in range(z.shape[0]):
        v, at = z[j], k - 1
        if v > kept[at]:
            while at > 0 and v > kept[at - 1]:
                kept[at] = kept[at - 1]
                at -= 1
            kept[at] = v
    return kept[k - 1]
