"""Kernels of Dense for what its gradient is like example by example: ∂ℓ_i/∂A = dy_i x_iᵀ.

The outer product makes all of it cheap. ‖∇_θ ℓ_i‖² = ‖dy_i‖² (‖x_i‖² + 1), from the entries of x
and dy alone (Goodfellow, "Efficient per-example gradient computations", 2015, arXiv:1510.01799);
and Σ_i (∇_θ ℓ_i)² = (dy²)ᵀ x², which is the kernel of Σ_i ∇_θ ℓ_i on squared entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...emitter import Emitter
from ...layer import Array

__all__ = ["lower"]


def lower(
    low: Emitter, what: str, backward_theta: Callable[..., None], names: Mapping[str, Any]
) -> None:
    """Emit one of the three things that `steepest.layer` lists."""
    own, columns, sparse = dict(names), "dAt" in names, "values" in names
    (n, p), q = names["x"].shape, names["dy"].shape[1]
    if what == "example_norms":
        low.emit(norms_sparse if sparse else norms, own, flops=2 * n * (p + q))
    elif what == "example_gradients":
        if not names["bias"]:
            own["db"] = low.array("nowhere", 1, q)
        if sparse:
            low.emit(gradients_sparse if columns else gradients_sparse_rows, own)
        else:
            low.emit(gradients_columns if columns else gradients_rows, own, flops=n * p * q)
    elif sparse:
        low.emit(squares_sparse if columns else squares_sparse_rows, own)
    else:
        for name in ("x", "dy"):
            own[name] = low.array(f"{name}²", *names[name].shape)
            low.emit(square, {"a": names[name], "squares": own[name]})
        low.emit(backward_theta, own, flops=2 * n * p * q)


def norms(x: Array, dy: Array, norms: Array, i: Array, bias: int, rows: range) -> None:
    """norms[i] = ‖dy‖² (‖x‖² + bias)"""
    for r in rows:
        of_x, of_dy = x.dtype.type(bias), x.dtype.type(0)
        for k in range(x.shape[1]):
            of_x += x[r, k] * x[r, k]
        for j in range(dy.shape[1]):
            of_dy += dy[r, j] * dy[r, j]
        norms[i[r]] = of_dy * of_x


def gradients_columns(
    x: Array, dy: Array, dAt: Array, db: Array, i: Array, bias: int, rows: range
) -> None:
    """dAt[i] = xᵀ dy, db[i] = dy"""
    p, q = x.shape[1], dy.shape[1]
    for r in rows:
        row = i[r]
        for k in range(p):
            v = x[r, k]
            for j in range(q):
                dAt[row, k, j] = v * dy[r, j]
        for j in range(q if bias else 0):
            db[row, j] = dy[r, j]


def gradients_rows(
    x: Array, dy: Array, dA: Array, db: Array, i: Array, bias: int, rows: range
) -> None:
    """dA[i] = dyᵀ x, db[i] = dy"""
    p, q = x.shape[1], dy.shape[1]
    for r in rows:
        row = i[r]
        for j in range(q):
            d = dy[r, j]
            for k in range(p):
                dA[row, j, k] = d * x[r, k]
        for j in range(q if bias else 0):
            db[row, j] = dy[r, j]


def square(a: Array, squares: Array, rows: range) -> None:
    """squares = a²"""
    for r in rows:
        for k in range(a.shape[1]):
            squares[r, k] = a[r, k] * a[r, k]


def norms_sparse(
    values: Array, starts: Array, i: Array, dy: Array, norms: Array, bias: int, rows: range
) -> None:
    """norms[i] = ‖dy‖² (‖X[i]‖² + bias)"""
    for r in rows:
        row = i[r]
        of_x, of_dy = dy.dtype.type(bias), dy.dtype.type(0)
        for e in range(starts[row], starts[row + 1]):
            of_x += values[e] * values[e]
        for j in range(dy.shape[1]):
            of_dy += dy[r, j] * dy[r, j]
        norms[row] = of_dy * of_x


def gradients_sparse(
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    dy: Array,
    dAt: Array,
    db: Array,
    bias: int,
    rows: range,
) -> None:
    """dAt[i] = X[i]ᵀ dy, db[i] = dy"""
    q, zero = dy.shape[1], dy.dtype.type(0)
    for r in rows:
        row = i[r]
        for k in range(dAt.shape[1]):
            for j in range(q):
                dAt[row, k, j] = zero
        for e in range(starts[row], starts[row + 1]):
            v, k = values[e], columns[e]
            for j in range(q):
                dAt[row, k, j] = v * dy[r, j]
        for j in range(q if bias else 0):
            db[row, j] = dy[r, j]


def gradients_sparse_rows(
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    dy: Array,
    dA: Array,
    db: Array,
    bias: int,
    rows: range,
) -> None:
    """dA[i] = dyᵀ X[i], db[i] = dy"""
    zero = dy.dtype.type(0)
    for r in rows:
        row = i[r]
        for j in range(dy.shape[1]):
            d = dy[r, j]
            for k in range(dA.shape[2]):
                dA[row, j, k] = zero
            for e in range(starts[row], starts[row + 1]):
                dA[row, j, columns[e]] = d * values[e]
        for j in range(dy.shape[1] if bias else 0):
            db[row, j] = dy[r, j]


def squares_sparse(
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
    """dAt += alpha (X[i]²)ᵀ dy², db += alpha Σ_n dy²"""
    for r in range(i.shape[0]):
        row = i[r]
        for e in range(starts[row], starts[row + 1]):
            step, k = alpha * values[e] * values[e], columns[e]
            for j in units:
                dAt[k, j] += step * (dy[r, j] * dy[r, j])
        for j in units:
            db[j] += alpha * (dy[r, j] * dy[r, j])


def squares_sparse_rows(
    alpha: float,
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    dy: Array,
    dA: Array,
    db: Array,
) -> None:
    """dA += alpha (dy²)ᵀ X[i]², db += alpha Σ_n dy²"""
    for r in range(i.shape[0]):
        row = i[r]
        for j in range(dy.shape[1]):
            step = alpha * (dy[r, j] * dy[r, j])
            for e in range(starts[row], starts[row + 1]):
                dA[j, columns[e]] += step * (values[e] * values[e])
            db[j] += step
