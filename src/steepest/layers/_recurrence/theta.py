"""The parameter half of Φ of recurrent layers, of which each entry of z has one gradient."""

from __future__ import annotations

import numpy as np

from ...layer import Array
from .kernels import add_to_bias, add_to_matrix, add_to_start

__all__ = ["backward_theta"]


def backward_theta(
    alpha: float,
    x: Array,
    z: Array,
    before: Array,
    dstate: Array,
    dAt: Array,
    dUt: Array,
    db: Array,
    dc: Array,
    dstart: Array,
    sums: Array,
    blas: int,
    thread: int,
    units: range,
) -> None:
    """dAt += alpha Σ_t xᵀ z, dUt += alpha Σ_t beforeᵀ z, db and dc += alpha Σ_t z"""
    q = dUt.shape[1]
    at = np.int64(units.start), np.int64(units.stop), np.int64(0)
    add_to_matrix(alpha, x, z, dAt, sums, at, blas)
    add_to_matrix(alpha, before, z, dUt, sums, at, blas)
    add_to_bias(alpha, z, (db, dc), sums, at, q)
    if thread == 0:
        add_to_start(alpha, dstate, dstart)
