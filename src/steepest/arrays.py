"""Arrays: their memory, and checks of those that users give.

What comes out of a check is what kernels can read, or it is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

__all__ = [
    "ALIGNMENT",
    "aligned",
    "as_inputs",
    "as_weights",
    "is_finite",
    "is_sparse",
    "largest",
    "rows_of",
    "too_large",
]

ALIGNMENT = 64  # bytes: a cache line, and a vector of AVX-512


def is_sparse(X: Any) -> bool:
    """Whether ``X`` is a SciPy sparse matrix or array."""
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def as_inputs(X: Any, dtype: str, where: str) -> Any:
    """Return ``X`` as a C-contiguous (n, p) array, or CSR matrix, of ``dtype``.

    Nothing is copied that is in this form already.

    Raises
    ------
    InputError
        If ``X`` is not two-dimensional, not numbers, empty, or not finite.
    """
    given = X
    with np.errstate(over="ignore"):  # what overflows is named below
        if is_sparse(X):
            X = given = X.tocsr()
            if X.dtype != np.dtype(dtype):
                X = X.astype(dtype)
            values = X.data
        else:
            try:
                X = np.ascontiguousarray(X, dtype=dtype)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{where}: X must be numbers; encode text and categories"
                ) from error
            if X.ndim != 2:
                hint = "; reshape one row to (1, p)" if X.ndim == 1 else ""
                raise InputError(f"{where}: X must be (rows, columns), got shape {X.shape}{hint}")
            values = X
    if X.shape[1] == 0:
        raise InputError(f"{where}: X has no columns")
    if not _surely_finite(values) and not np.isfinite(values).all():
        row, column = _place(X, int(np.flatnonzero(~np.isfinite(values).reshape(-1))[0]))
        value = float(given[row, column] if is_sparse(given) else np.asarray(given)[row][column])
        if np.isfinite(value):
            raise InputError(
                f"{where}: X in row {row}, column {column} is {too_large(value, dtype)}"
            )
        raise InputError(
            f"{where}: X has a value that is not finite, first in row {row}, column {column}; "
            "fill or drop missing values"
        )
    return X


def _surely_finite(values: NDArray[Any]) -> bool:
    """Whether the sum of squares is finite: then all are. BLAS is several times as quick as a look.

    Large numbers may make it overflow.
    """
    flat = values.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(flat, flat)))


def too_large(value: float, dtype: str) -> str:
    """Say that a number has no place among those of a dtype."""
    return (
        f"{value:g}, too large for {dtype}, which ends at {np.finfo(dtype).max:.3g}; use other "
        "units, or float64"
    )


def largest(X: Any) -> tuple[float, int, int]:
    """Return the value of the largest magnitude in a matrix, its row and its column."""
    values = (X.data if is_sparse(X) else X).reshape(-1)
    k = int(np.abs(values).argmax()) if values.size else 0
    return (float(values[k]), *_place(X, k)) if values.size else (0.0, 0, 0)


def _place(X: Any, k: int) -> tuple[int, int]:
    """Return the row and the column of the value number ``k`` of those that are stored."""
    if is_sparse(X):
        return int(np.searchsorted(X.indptr, k, side="right")) - 1, int(X.indices[k])
    row, column = divmod(k, X.shape[1])
    return row, column


def as_weights(weights: Any, n: int, dtype: str, where: str) -> NDArray[Any]:
    """Return one weight an example, scaled to a mean of 1."""
    if weights is None:
        return np.ones(n, dtype)
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,):
        raise InputError(f"{where}: expected one weight for each of {n} rows, got shape {w.shape}")
    if not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise InputError(f"{where}: weights must be finite, at least 0, and not all 0")
    w = w / w.max()  # so that the mean of huge or tiny ones is neither infinite nor 0
    return np.ascontiguousarray(w / w.mean(), dtype=dtype)


def rows_of(X: Any, rows: NDArray[np.int64]) -> Any:
    """Return these rows of an array or CSR matrix."""
    return X[rows]


def is_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers are finite; quick where they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.sum(array)) or np.isfinite(array).all())


def aligned(size: int, dtype: Any) -> NDArray[Any]:
    """Return ``size`` zeros whose first lies at a multiple of a cache line."""
    dtype = np.dtype(dtype)
    memory = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size * dtype.itemsize].view(dtype)
