"""Kernels of Dense for A stored column after column: At (p, q) with contiguous outputs.

Threads share the outputs, so that each keeps its part of A in its own cache; or the rows, where A
is small and it is y and dx that would travel. `one_example` has those for one example at a time.
"""

from __future__ import annotations

import numpy as np

from ...kernels.gemm import gemm
from ...layer import Array


def forward(x: Array, At: Array, b: Array, y: Array, blas: int, units: range) -> None:
    """y = x At + b"""
    first, last = np.int64(units.start), np.int64(units.stop)
    one = y.dtype.type(1)
    for i in range(y.shape[0]):
        for j in units:
            y[i, j] = b[j]
    gemm(blas, one, x, At[:, first:last], one, y[:, first:last])


def backward_x(x: Array, At: Array, dy: Array, dx: Array, blas: int, inputs: range) -> None:
    """dx = dy Atᵀ"""
    first, last = np.int64(inputs.start), np.int64(inputs.stop)
    gemm(blas, x.dtype.type(1), dy, At[first:last].T, x.dtype.type(0), dx[:, first:last])


def forward_rows(x: Array, At: Array, b: Array, y: Array, blas: int, rows: range) -> None:
    """y = x At + b"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    one = y.dtype.type(1)
    for i in rows:
        for j in range(y.shape[1]):
            y[i, j] = b[j]
    gemm(blas, one, x[first:last], At, one, y[first:last])


def backward_x_rows(x: Array, At: Array, dy: Array, dx: Array, blas: int, rows: range) -> None:
    """dx = dy Atᵀ"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    gemm(blas, x.dtype.type(1), dy[first:last], At.T, x.dtype.type(0), dx[first:last])


def backward_theta(
    alpha: float, x: Array, y: Array, dy: Array, dAt: Array, db: Array, blas: int, units: range
) -> None:
    """dAt += alpha xᵀ dy, db += alpha Σ_n dy"""
    first, last = np.int64(units.start), np.int64(units.stop)
    gemm(blas, alpha, x.T, dy[:, first:last], x.dtype.type(1), dAt[:, first:last])
    for i in range(dy.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
