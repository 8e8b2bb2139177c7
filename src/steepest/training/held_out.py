"""Which rows a fit trains on, and which rows choose its best epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, as_numbers
from ..errors import InputError
from ..loss import Loss
from ..network import Network, prepare
from ..printing import shown

__all__ = ["checked_rows", "given_validation", "hold_out", "weights_among"]

_WHERE = "Trainer.fit"
_VALIDATION = f"{_WHERE}: validation"


def checked_rows(rows: Any, n: int) -> Array:
    """Return the numbers of some of n rows."""
    found = as_numbers(rows, "rows", _WHERE)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not len(found):
        raise InputError(
            f"{_WHERE}: rows must be the numbers of one row or more, like [0, 2, 5], got an array "
            f"of shape {found.shape} of {found.dtype}"
        )
    if found.min() < 0 or found.max() >= n:
        raise InputError(
            f"{_WHERE}: rows must be from 0 to {n - 1:,}, as X has {n:,} rows; got "
            f"{found.min():,} to {found.max():,}"
        )
    return found.astype(np.int64, copy=False)


def weights_among(w: Array, rows: Array) -> Array:
    """Return the weights with a mean of 1 among some rows."""
    mean = w[rows].mean()
    if not mean:
        raise InputError(f"{_WHERE}: all weights of the rows to train on are 0")
    scaled: Array = w / mean
    return scaled


def hold_out(
    network: Network,
    loss: Loss,
    data: tuple[Any, Array, Array | None],
    rows: Array | None,
    validation: Any,
    seed: int,
) -> tuple[Array | None, tuple[Any, ...] | None]:
    """Return the rows to train on, None for all, and the data to validate on, if there are any.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : tuple
        X, y and weights, as `prepare` returns them.
    rows : ndarray, optional
        To draw from; all if None.
    validation : tuple or float, optional
        ``(X, y)`` or ``(X, y, weights)``, or the share of the rows to hold out.
    seed : int
        Of the draw.

    Raises
    ------
    InputError
        If ``validation`` is neither, or leaves a side of the split without rows or weights.
    """
    if validation is None:
        return rows, None
    if isinstance(validation, tuple):
        return rows, given_validation(network, loss, validation)
    X, y, w = data
    numbers = np.arange(X.shape[0]) if rows is None else rows
    n = len(numbers)
    number = isinstance(validation, float) and 0 < validation < 1
    held = round(n * validation) if number else 0
    if not number or held == 0 or held == n:
        raise InputError(
            f"{_VALIDATION}: expected a fraction that leaves rows on both sides of the split of "
            f"{n}, or a tuple (X, y), got {shown(validation)}"
        )
    order = np.random.default_rng(seed).permutation(n)
    out, kept = numbers[np.sort(order[:held])], numbers[np.sort(order[held:])]
    wv = np.ones(held, network.dtype) if w is None else w[out]
    if w is not None and not (wv.any() and w[kept].any()):
        raise InputError(
            f"{_VALIDATION}: all weights on one side of the split are 0; give the rows to validate "
            "on as a tuple"
        )
    return kept, (X[out], y[out], wv)


def given_validation(
    network: Network, loss: Loss, validation: tuple[Any, ...]
) -> tuple[Any, Array, Array]:
    """Return a validation set as instructions read it."""
    if len(validation) not in (2, 3):
        raise InputError(f"{_VALIDATION}: expected (X, y) or (X, y, weights)")
    X, y, w = (*validation, None)[:3]
    X, y, w = prepare(network, loss, X, y, w, _VALIDATION)
    return X, y, np.ones(len(y), network.dtype) if w is None else w
