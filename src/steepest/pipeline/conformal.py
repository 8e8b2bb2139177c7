"""Prediction intervals that hold what they promise: split-conformal calibration of quantiles.

A network's quantiles q_low(x), q_high(x) are not calibrated by themselves. On rows that had no part
in the training, of scores

    s_i = max(q_low(x_i) − y_i, y_i − q_high(x_i))

the margin is the ⌈coverage · (n + 1)⌉-th smallest; [q_low(x) − margin, q_high(x) + margin] then
holds the target of a further row with a probability of at least ``coverage``, whatever the network,
as long as the rows come about alike.

Source: Romano, Patterson & Candès, "Conformalized quantile regression", NeurIPS 2019,
arXiv:1905.03222, algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_numbers
from ..errors import InputError
from ..validate import number

__all__ = ["conformal_margin"]


def conformal_margin(y: Any, low: Any, high: Any, coverage: float = 0.9) -> float:
    """Return by how much intervals must widen on either side to hold a share of the targets.

    Parameters
    ----------
    y : array-like (n,)
        Targets of rows that had no part in the training.
    low, high : array-like (n,)
        What was predicted for them.
    coverage : float
        Above 0 and below 1.

    Returns
    -------
    float
        Below 0 if the intervals are wider than they need be; infinite if there are too few rows
        for such a coverage.

    Raises
    ------
    InputError
        If the arrays are not of one length, or ``coverage`` is not a share.

    Examples
    --------
    >>> y = [1.0, 2.0, 3.0, 4.0]
    >>> conformal_margin(y, [0.5, 2.5, 2.5, 3.5], [1.5, 3.5, 3.5, 4.5], coverage=0.8)
    0.5
    """
    number("conformal_margin", "coverage", coverage, above=0, below=1)
    y, low, high = (
        as_numbers(array, name, "conformal_margin").astype(np.float64)
        for name, array in (("y", y), ("low", low), ("high", high))
    )
    if not (y.ndim == 1 and y.shape == low.shape == high.shape):
        raise InputError(
            f"conformal_margin: y, low and high must be (n,), got {y.shape}, {low.shape} and "
            f"{high.shape}"
        )
    scores: NDArray[Any] = np.sort(np.maximum(low - y, y - high))
    rank = math.ceil(coverage * (len(y) + 1))
    return float(scores[rank - 1]) if rank <= len(y) else math.inf
