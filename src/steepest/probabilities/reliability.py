"""Whether probabilities come true: bins of them beside what happened, and the calibration error.

Of two classes it is the probability of the second; of more that of the most probable one, and
whether it was right (Guo et al., ICML 2017, arXiv:1706.04599). Bins hold about as many rows each
(Nixon et al., "Measuring calibration in deep learning", 2019, arXiv:1904.01685), since of a rare
event nearly all probabilities lie in the first bin of an even grid. The expected calibration error
is the average over the rows of |mean probability − share that came true| of their bin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Array

__all__ = ["Bin", "calibration_error", "reliability"]


class Bin(NamedTuple):
    """Rows of like probability.

    Attributes
    ----------
    rows : int
    least, most : float
        The range of the probabilities.
    said : float
        Their mean.
    came : float
        The share of the rows where it came true.
    """

    rows: int
    least: float
    most: float
    said: float
    came: float


def reliability(p: Array, y: Array, bins: int = 10) -> list[Bin]:
    """Return what came of probabilities, least first.

    Parameters
    ----------
    p : ndarray (n, K)
        Probabilities of K ≥ 2 classes.
    y : ndarray (n,)
        The classes.
    bins : int
        At most so many; probabilities that are alike share one.
    """
    if p.shape[1] == 2:
        said, came = p[:, 1], y == 1
    else:
        said, came = p.max(axis=1), p.argmax(axis=1) == y
    bins = min(bins, len(said))
    edges = np.unique(np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1]))
    places = np.searchsorted(edges, said, side="left")
    found = []
    for place in np.unique(places):
        own = places == place
        inside = said[own]
        found.append(
            Bin(
                int(own.sum()),
                float(inside.min()),
                float(inside.max()),
                float(inside.mean()),
                float(came[own].mean()),
            )
        )
    return found


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.said - one.came) for one in bins) / rows
