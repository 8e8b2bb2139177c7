"""Kernels of Dense for CSR input: O(non-zeros) a step, forward and update.

The batch is the rows ``i`` of a matrix with ``values``, their ``columns``, and where each row
``starts``. Only the columns of A that meet a non-zero are touched.
"""

from __future__ import annotations

import numpy as np

from ...layer import Array


def forward(
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    At: Array,
    b: Array,
    y: Array,
    units: range,
) -> None:
    """y = X[i] At + b"""
    for r in range(i.shape[0]):
        for j in units:
            y[r, j] = b[j]
        e, end = starts[i[r]], starts[i[r] + 1]
        while e + 4 <= end:  # four columns of A a sweep over y
            v0, v1, v2, v3 = values[e], values[e + 1], values[e + 2], values[e + 3]
            k0, k1, k2, k3 = columns[e], columns[e + 1], columns[e + 2], columns[e + 3]
            for j in units:
                y[r, j] += v0 * At[k0, j] + v1 * At[k1, j] + v2 * At[k2, j] + v3 * At[k3, j]
            e += 4
        while e < end:
            v0, k0 = values[e], columns[e]
            for j in units:
                y[r, j] += v0 * At[k0, j]
            e += 1


def backward_theta(
    alpha: float,
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    y: Array,
    dy: Array,
    dAt: Array,
    db: Array,
    units: range,
) -> None:
    """dAt += alpha X[i]ᵀ dy, db += alpha Σ_n dy"""
    for r in range(i.shape[0]):
        e, end = starts[i[r]], starts[i[r] + 1]
        while e + 2 <= end:  # two columns a sweep over dy; they may be the same one
            step0, step1 = alpha * values[e], alpha * values[e + 1]
            k0, k1 = columns[e], columns[e + 1]
            for j in units:
                dAt[k0, j] += step0 * dy[r, j]
                dAt[k1, j] += step1 * dy[r, j]
            e += 2
        if e < end:
            step0, k0 = alpha * values[e], columns[e]
            for j in units:
                dAt[k0, j] += step0 * dy[r, j]
        for j in units:
            db[j] += alpha * dy[r, j]


def forward_rows(
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    A: Array,
    b: Array,
    y: Array,
    rows: range,
) -> None:
    """y = X[i] Aᵀ + b"""
    for r in rows:
        row = i[r]
        # Without a sign: Numba looks whether a signed index counts from the end, at each entry.
        begin, end = np.uint64(starts[row]), np.uint64(starts[row + 1])
        for j in range(y.shape[1]):
            total = b[j]
            for e in range(begin, end):
                total += values[e] * A[j, np.uint64(columns[e])]
            y[r, j] = total


def backward_theta_rows(
    alpha: float,
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    dy: Array,
    dA: Array,
    db: Array,
) -> None:
    """dA += alpha dyᵀ X[i], db += alpha Σ_n dy"""
    for r in range(i.shape[0]):
        row = i[r]
        begin, end = np.uint64(starts[row]), np.uint64(starts[row + 1])
        for j in range(dy.shape[1]):
            step = alpha * dy[r, j]
            for e in range(begin, end):
                dA[j, np.uint64(columns[e])] += step * values[e]
            db[j] += step
