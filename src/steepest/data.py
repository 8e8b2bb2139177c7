"""Checks of the arrays that users give: what comes out is what kernels can read, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

__all__ = ["as_inputs", "as_weights", "is_sparse", "rows_of"]


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
    if is_sparse(X):
        X = X.tocsr()
        if X.dtype != np.dtype(dtype):
            X = X.astype(dtype)
        values = X.data
    else:
        try:
            X = np.ascontiguousarray(X, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise InputError(f"{where}: X must be numbers; encode text and categories") from error
        if X.ndim != 2:
            hint = "; reshape one row to (1, p)" if X.ndim == 1 else ""
            raise InputError(f"{where}: X must be (rows, columns), got shape {X.shape}{hint}")
        values = X
    if X.shape[1] == 0:
        raise InputError(f"{where}: X has no columns")
    # The sum is finite if all are; only when it is not (it may just overflow) look at each.
    if not np.isfinite(np.sum(values, dtype=np.float64)) and not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(_rows(X)))[0])
        raise InputError(
            f"{where}: X has a value that is not finite, first in row {row}; "
            "fill or drop missing values"
        )
    return X


def _rows(X: Any) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):
        return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()


def as_weights(weights: Any, n: int, dtype: str, where: str) -> NDArray[Any]:
    """Return one weight an example, scaled to a mean of 1."""
    if weights is None:
        return np.ones(n, dtype)
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,):
        raise InputError(f"{where}: expected one weight for each of {n} rows, got shape {w.shape}")
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise InputError(f"{where}: weights must be finite, at least 0, and not all 0")
    return np.ascontiguousarray(w / w.mean(), dtype=dtype)


def rows_of(X: Any, rows: NDArray[np.int64]) -> Any:
    """Return these rows of an array or CSR matrix."""
    return X[rows]
