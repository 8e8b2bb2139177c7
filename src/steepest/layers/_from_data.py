"""Initial values of affine maps that fit a sample of their inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..layer import Array

__all__ = ["fit_affine"]

POINTS = 5


def fit_affine(
    rng: np.random.Generator, x: Array, arrays: Mapping[str, Array], signed: int | None = None
) -> None:
    """Draw A (q, p) and b (q,), if there is one, for the inputs x (n, …, p).

    How is said in `steepest.training.init_from_data`. From column ``signed`` on, if that is given,
    A is drawn without negative entries.
    """
    A, b = arrays["A"], arrays.get("b")
    x, q = x.reshape(-1, x.shape[-1]), A.shape[0]
    drawn = rng.standard_normal(A.shape)
    if signed is not None:
        drawn[:, signed:] = np.abs(drawn[:, signed:])
    z = x.astype(np.float64) @ drawn.T
    deviation = z.std(axis=0)
    deviation[deviation == 0] = 1
    A[...] = drawn / deviation[:, None]
    if b is not None:
        weights = rng.exponential(size=(POINTS, q))
        rows = rng.integers(len(x), size=(POINTS, q))
        chosen = z[rows, np.arange(q)] / deviation
        b[...] = -(weights / weights.sum(axis=0) * chosen).sum(axis=0)
