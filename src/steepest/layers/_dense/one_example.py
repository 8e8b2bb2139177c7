"""Kernels of Dense for one example at a time, A stored column after column.

One example wants no matrix product, but as few sweeps over A as there can be: A passes through the
second cache, or the third, and that takes all the time. `backward` is both halves of Φ in one
sweep. In the first layer, which needs no dx, `sweep` is the step of one example and the forward
pass of the next one. It computes the same bits as `backward_theta` and `forward`, because all say
the same chains of multiply-adds: Σ_k in the order of k, rounded once each.
"""

from __future__ import annotations

import numpy as np

from ...kernels.fma import fma
from ...kernels.simd import item_bytes, lanes, multiply_strip, update_strip
from ...layer import Array

_STRIP = 8  # vectors of y in registers


def forward(x: Array, At: Array, b: Array, y: Array, units: range) -> None:
    """y = x At + b"""
    first, last = np.int64(units.start), np.int64(units.stop)
    p, like = x.shape[1], x[0, 0]
    size, width, row = item_bytes(like), lanes(like), At.strides[0]
    at_x, at_A, at_y = x.ctypes.data, At.ctypes.data, y.ctypes.data
    rest = last - (last - first) % width
    for j in units:
        y[0, j] = b[j]
    for j in range(first, rest, _STRIP * width):
        left = (rest - j) // width
        vectors = left if left < _STRIP else _STRIP
        multiply_strip(vectors, p, like, at_x, (at_A + j * size, row), at_y + j * size)
    for j in range(rest, last):
        for k in range(p):
            y[0, j] = fma(x[0, k], At[k, j], y[0, j])


def backward(
    alpha: float, x: Array, dy: Array, At: Array, db: Array, dx: Array, thread: int, inputs: range
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
    if thread == 0:
        for j in range(q):
            db[j] += alpha * dy[0, j]


def backward_x(x: Array, At: Array, dy: Array, dx: Array, inputs: range) -> None:
    """dx = dy Atᵀ"""
    for k in inputs:
        total = x.dtype.type(0)
        for j in range(dy.shape[1]):
            total += At[k, j] * dy[0, j]
        dx[0, k] = total


def backward_theta(
    alpha: float, x: Array, y: Array, dy: Array, dAt: Array, db: Array, units: range
) -> None:
    """dAt += alpha xᵀ dy, db += alpha dy"""
    for k in range(x.shape[1]):
        step = alpha * x[0, k]
        for j in units:
            dAt[k, j] = fma(step, dy[0, j], dAt[k, j])
    for j in units:
        db[j] = fma(alpha, dy[0, j], db[j])


def update_and_forward(
    alpha: float,
    x: Array,
    dy: Array,
    dAt: Array,
    db: Array,
    ahead: Array,
    b: Array,
    y: Array,
    units: range,
) -> None:
    """dAt += alpha xᵀ dy, db += alpha dy; x = ahead; y = x dAt + b"""
    first, last = np.int64(units.start), np.int64(units.stop)
    p, like = x.shape[1], x[0, 0]
    size, width, row = item_bytes(like), lanes(like), dAt.strides[0]
    at_x, at_ahead, at_A = x.ctypes.data, ahead.ctypes.data, dAt.ctypes.data
    at_y, at_dy = y.ctypes.data, dy.ctypes.data
    rest = last - (last - first) % width
    for j in units:
        db[j] = fma(alpha, dy[0, j], db[j])
    for j in units:
        y[0, j] = b[j]
    for j in range(first, rest, _STRIP * width):
        left, at = (rest - j) // width, j * size
        vectors = left if left < _STRIP else _STRIP
        update_strip(vectors, p, alpha, at_x, at_dy + at, (at_A + at, row), at_ahead, at_y + at)
    for j in range(rest, last):
        for k in range(p):
            dAt[k, j] = fma(alpha * x[0, k], dy[0, j], dAt[k, j])
            y[0, j] = fma(ahead[0, k], dAt[k, j], y[0, j])
    for k in range(p):
        x[0, k] = ahead[0, k]
