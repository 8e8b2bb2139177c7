"""Kernels of Dense for A stored column after column: At (p, q) with contiguous outputs.

Threads share the outputs, so that each keeps its part of A in its own cache; or the rows, where A
is small and it is y and dx that would travel. One example at a time wants no matrix product, but as
few sweeps over A as there can be.
"""

from __future__ import annotations

import numpy as np

from .._blas import gemm
from ..layer import Array


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


def forward_one(x: Array, At: Array, b: Array, y: Array, units: range) -> None:
    """y = x At + b"""
    p = x.shape[1]
    for j in units:
        y[0, j] = b[j]
    for k in range(0, p - 3, 4):  # four columns of A a sweep over y
        x0, x1, x2, x3 = x[0, k], x[0, k + 1], x[0, k + 2], x[0, k + 3]
        for j in units:
            y[0, j] += x0 * At[k, j] + x1 * At[k + 1, j] + x2 * At[k + 2, j] + x3 * At[k + 3, j]
    for k in range(p - p % 4, p):
        x0 = x[0, k]
        for j in units:
            y[0, j] += x0 * At[k, j]


def backward_one(
    alpha: float, x: Array, dy: Array, At: Array, db: Array, dx: Array, inputs: range
) -> None:
    """dx = dy Atᵀ; At += alpha xᵀ dy, db += alpha dy"""
    q = dy.shape[1]
    for k in inputs:  # both halves of Φ in one sweep over A
        step = alpha * x[0, k]
        total = x.dtype.type(0)
        for j in range(q):
            a = At[k, j]
            total += a * dy[0, j]
            At[k, j] = a + step * dy[0, j]
        dx[0, k] = total
    for j in range(q):
        db[j] += alpha * dy[0, j]


def backward_x_one(x: Array, At: Array, dy: Array, dx: Array, inputs: range) -> None:
    """dx = dy Atᵀ"""
    for k in inputs:
        total = x.dtype.type(0)
        for j in range(dy.shape[1]):
            total += At[k, j] * dy[0, j]
        dx[0, k] = total


def backward_theta_one(
    alpha: float, x: Array, y: Array, dy: Array, dAt: Array, db: Array, units: range
) -> None:
    """dAt += alpha xᵀ dy, db += alpha dy"""
    for k in range(x.shape[1]):
        step = alpha * x[0, k]
        for j in units:
            dAt[k, j] += step * dy[0, j]
    for j in units:
        db[j] += alpha * dy[0, j]
