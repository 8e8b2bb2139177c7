"""Kernels of Dense for A stored row after row: A (q, p) with contiguous inputs, for few outputs.

Those called few multiply without BLAS: for one row at a time, and where outputs are very few.
"""

from __future__ import annotations

import numpy as np

from ...kernels.fma import fma
from ...kernels.gemm import gemm
from ...layer import Array


def forward(x: Array, A: Array, b: Array, y: Array, blas: int, rows: range) -> None:
    """y = x Aᵀ + b"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    one = y.dtype.type(1)
    for i in rows:
        for j in range(y.shape[1]):
            y[i, j] = b[j]
    gemm(blas, one, x[first:last], A.T, one, y[first:last])


def backward_x(A: Array, dy: Array, dx: Array, blas: int, rows: range) -> None:
    """dx = dy A"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    gemm(blas, dx.dtype.type(1), dy[first:last], A, dx.dtype.type(0), dx[first:last])


def backward_theta(
    alpha: float, x: Array, dy: Array, dA: Array, db: Array, blas: int, thread: int, inputs: range
) -> None:
    """dA += alpha dyᵀ x, db += alpha Σ_n dy"""
    first, last = np.int64(inputs.start), np.int64(inputs.stop)
    gemm(blas, alpha, dy.T, x[:, first:last], x.dtype.type(1), dA[:, first:last])
    if thread == 0:
        for i in range(dy.shape[0]):
            for j in range(dy.shape[1]):
                db[j] += alpha * dy[i, j]


def forward_few(x: Array, A: Array, b: Array, y: Array, rows: range) -> None:
    """y = x Aᵀ + b"""
    for i in rows:
        for j in range(y.shape[1]):
            total = b[j]
            for k in range(x.shape[1]):
                total += A[j, k] * x[i, k]
            y[i, j] = total


def backward_x_few(A: Array, dy: Array, dx: Array, rows: range) -> None:
    """dx = dy A"""
    for i in rows:
        for k in range(dx.shape[1]):
            dx[i, k] = dy[i, 0] * A[0, k]
        for j in range(1, dy.shape[1]):
            d = dy[i, j]
            for k in range(dx.shape[1]):
                dx[i, k] += d * A[j, k]


def backward_theta_few(
    alpha: float, x: Array, dy: Array, dA: Array, db: Array, thread: int, inputs: range
) -> None:
    """dA += alpha dyᵀ x, db += alpha Σ_n dy"""
    n = x.shape[0]
    for j in range(dy.shape[1]):
        for i in range(0, n - 3, 4):  # four rows a sweep over dA
            d0, d1 = alpha * dy[i, j], alpha * dy[i + 1, j]
            d2, d3 = alpha * dy[i + 2, j], alpha * dy[i + 3, j]
            for k in inputs:
                dA[j, k] += d0 * x[i, k] + d1 * x[i + 1, k] + d2 * x[i + 2, k] + d3 * x[i + 3, k]
        for i in range(n - n % 4, n):
            d0 = alpha * dy[i, j]
            for k in inputs:
                dA[j, k] += d0 * x[i, k]
    if thread == 0:  # (within the loop above, it would have LLVM make two loops of other bits)
        for j in range(dy.shape[1]):
            total = dy.dtype.type(0)
            for i in range(n):
                total += dy[i, j]
            db[j] += alpha * total


def backward_one(
    alpha: float, x: Array, dy: Array, A: Array, db: Array, dx: Array, thread: int, inputs: range
) -> None:
    """dx = dy A; A += alpha dyᵀ x, db += alpha dy"""
    for k in inputs:
        dx[0, k] = 0
    for j in range(dy.shape[1]):  # both halves of Φ in one sweep over A
        d = dy[0, j]
        step = alpha * d
        for k in inputs:
            a = A[j, k]
            dx[0, k] = fma(d, a, dx[0, k])
            A[j, k] = fma(step, x[0, k], a)
    if thread == 0:
        for j in range(dy.shape[1]):
            db[j] += alpha * dy[0, j]
