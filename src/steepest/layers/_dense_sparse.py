"""Kernels of Dense for CSR input: O(non-zeros) a step, forward and update.

The batch is the rows ``i`` of a matrix with ``values``, their ``columns``, and where each row
``starts``. Only the columns of A that meet a non-zero are touched.
"""

from __future__ import annotations

from ..layer import Array


def forward(
    values: Array, columns: Array, starts: Array, i: Array, At: Array, b: Array, y: Array,
    units: range,
) -> None:  # fmt: skip
    """y = X[i] At + b"""
    for r in range(i.shape[0]):
        row = i[r]
        for j in units:
            y[r, j] = b[j]
        for e in range(starts[row], starts[row + 1]):
            v, k = values[e], columns[e]
            for j in units:
                y[r, j] += v * At[k, j]


def backward_theta(
    alpha: float, values: Array, columns: Array, starts: Array, i: Array, y: Array, dy: Array,
    dAt: Array, db: Array, units: range,
) -> None:  # fmt: skip
    """dAt += alpha X[i]ᵀ dy, db += alpha Σ_n dy"""
    for r in range(i.shape[0]):
        row = i[r]
        for e in range(starts[row], starts[row + 1]):
            step, k = alpha * values[e], columns[e]
            for j in units:
                dAt[k, j] += step * dy[r, j]
        for j in units:
            db[j] += alpha * dy[r, j]


def forward_rows(
    values: Array, columns: Array, starts: Array, i: Array, A: Array, b: Array, y: Array,
    rows: range,
) -> None:  # fmt: skip
    """y = X[i] Aᵀ + b"""
    for r in rows:
        row = i[r]
        for j in range(y.shape[1]):
            total = b[j]
            for e in range(starts[row], starts[row + 1]):
                total += values[e] * A[j, columns[e]]
            y[r, j] = total


def backward_theta_rows(
    alpha: float, values: Array, columns: Array, starts: Array, i: Array, dy: Array, dA: Array,
    db: Array,
) -> None:  # fmt: skip
    """dA += alpha dyᵀ X[i], db += alpha Σ_n dy"""
    for r in range(i.shape[0]):
        row = i[r]
        for j in range(dy.shape[1]):
            step = alpha * dy[r, j]
            for e in range(starts[row], starts[row + 1]):
                dA[j, columns[e]] += step * values[e]
            db[j] += step
