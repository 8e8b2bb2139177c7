"""Kernels of Dense for a small A stored column after column: threads share the rows.

`Dense` has those in which threads share the outputs, so that each keeps its part of A in its own
cache. Where A is small, it is y and dx that would travel. The parameter half is its own, but for a
layer without b: `multiply` and `backward_theta` are of such.
"""

from __future__ import annotations

import numpy as np

from ...kernels import part
from ...kernels.gemm import gemm
from ...layer import Array


def forward(x: Array, At: Array, b: Array, y: Array, blas: int, rows: range) -> None:
    """y = x At + b"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    one = y.dtype.type(1)
    for i in rows:
        for j in range(y.shape[1]):
            y[i, j] = b[j]
    gemm(blas, one, x[first:last], At, one, y[first:last])


def multiply(x: Array, At: Array, y: Array, blas: int, rows: range) -> None:
    """y = x At"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    gemm(blas, x.dtype.type(1), x[first:last], At, x.dtype.type(0), y[first:last])


def backward_theta(
    alpha: float, x: Array, y: Array, dy: Array, dAt: Array, blas: int, units: range
) -> None:
    """dAt += alpha xᵀ dy"""
    gemm(blas, alpha, x.T, dy[:, part(units)], x.dtype.type(1), dAt[:, part(units)])


def backward_x(x: Array, At: Array, dy: Array, dx: Array, blas: int, rows: range) -> None:
    """dx = dy Atᵀ"""
    first, last = np.int64(rows.start), np.int64(rows.stop)
    gemm(blas, x.dtype.type(1), dy[first:last], At.T, x.dtype.type(0), dx[first:last])
