"""Lists of codes of any length, as a CSR matrix (lists, codes) of how often each occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import as_numbers
from ...errors import InputError
from ...printing import shown
from ...validate import iterated

__all__ = ["matrix_of"]

_LARGEST = 2**53
_NONE = np.zeros(0, np.int64)
_WHERE = "EmbeddingBag.matrix"


def matrix_of(tokens: Any, offsets: Any, weights: Any, codes: int) -> Any:
    """Return ``tokens`` as a SciPy CSR matrix (lists, codes).

    Parameters
    ----------
    tokens : sequence of sequences of int, or array of int
        Lists; or one behind the other, with ``offsets``.
    offsets : array of int, optional
        Where each list begins.
    weights : like tokens, optional
        By default each token counts 1.
    codes : int

    Raises
    ------
    InputError
        If a token is none of 0, …, codes − 1, offsets do not begin at 0 or fall, or weights are not
        as many finite numbers as tokens.
    """
    from scipy.sparse import csr_matrix

    if offsets is None:
        lists = _lists(tokens, "tokens")
        starts = np.concatenate([[0], np.cumsum([*map(len, lists)], dtype=np.int64)])
        flat = _whole(_joined(lists), "tokens")
        if weights is not None:
            weights = _lists(weights, "weights")
            if [*map(len, weights)] != [*map(len, lists)]:
                raise InputError(
                    f"{_WHERE}: weights must be lists like tokens, one number for each token"
                )
            weights = _joined(weights)
    else:
        flat, starts = _whole(tokens, "tokens"), _whole(offsets, "offsets")
        starts = np.append(starts, flat.size)
        if starts[0] != 0 or (np.diff(starts) < 0).any():
            raise InputError(
                f"{_WHERE}: offsets must begin at 0, rise, and end within the {flat.size:,} tokens"
            )
    wrong = np.flatnonzero((flat < 0) | (flat >= codes))
    if wrong.size:
        row = int(np.searchsorted(starts, wrong[0], side="right")) - 1
        raise InputError(
            f"{_WHERE}: list {row}: the token must be one of 0, …, {codes - 1}, got "
            f"{int(flat[wrong[0]])}"
        )
    values = np.ones(flat.size, np.float32) if weights is None else _weights(weights, flat.size)
    shape = starts.size - 1, codes
    return csr_matrix((values, flat.astype(np.int32), starts), shape)


def _joined(lists: Any) -> NDArray[Any]:
    return np.concatenate([np.asarray(row).reshape(-1) for row in lists if len(row)] or [_NONE])


def _lists(values: Any, name: str) -> list[Sequence[Any]]:
    found = iterated(values)
    if found is None:
        raise InputError(f"{_WHERE}: {name} must be a list of lists, got {shown(values)}")
    for k, row in enumerate(found):
        if isinstance(row, str | bytes) or not hasattr(row, "__len__"):
            raise InputError(f"{_WHERE}: list {k} of {name} must be a list, got {shown(row)}")
    return found


def _whole(values: Any, name: str) -> NDArray[np.int64]:
    array = as_numbers(values, name, _WHERE)
    whole = array.dtype.kind in "iu" or (array == np.floor(array)).all()
    if array.ndim != 1 or not whole or not (np.abs(array) <= _LARGEST).all():
        raise InputError(f"{_WHERE}: {name} must be whole numbers in one row")
    return array.astype(np.int64)


def _weights(weights: Any, many: int) -> NDArray[Any]:
    array = as_numbers(weights, "weights", _WHERE)
    if array.shape != (many,) or not np.isfinite(array).all():
        raise InputError(f"{_WHERE}: weights must be {many:,} finite numbers, one for each token")
    return array.astype(np.float64)
