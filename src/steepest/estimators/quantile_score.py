"""How good predicted quantiles are, in one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import d2_pinball_score

__all__ = ["quantile_score"]


def quantile_score(
    y: Any, found: NDArray[Any], levels: Sequence[float], sample_weight: Any = None
) -> float:
    """Return the part of the pinball loss that is explained, averaged over the levels.

    Parameters
    ----------
    y : array-like (n,) or (n, k)
    found : ndarray (n, levels) or (n, k, levels)
    levels : sequence of float
        In the order of the last axis of ``found``.
    sample_weight : array-like (n,), optional

    Returns
    -------
    float
        The average of `sklearn.metrics.d2_pinball_score`: 1 is perfect, 0 as good as constants.
    """
    return float(
        np.mean(
            [
                d2_pinball_score(y, found[..., k], sample_weight=sample_weight, alpha=level)
                for k, level in enumerate(levels)
            ]
        )
    )
