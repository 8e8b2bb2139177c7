"""Arrays: their memory, and checks of those that users give.

What comes out of a check is what kernels can read, or it is an error. Kernels trust the numbers
that say where something lies: the columns and starts of a CSR matrix are therefore checked, and
copied so that they stay as they were checked.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from decimal import Decimal
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, OutOfMemoryError
from .printing import shown

__all__ = [
    "ALIGNMENT",
    "Array",
    "aligned",
    "as_csr",
    "as_inputs",
    "as_numbers",
    "as_weights",
    "check_weights",
    "distinct",
    "empty",
    "is_finite",
    "is_sparse",
    "largest",
    "no_memory",
    "refuse_masked",
    "refuse_times",
    "rows_of",
    "too_large",
    "within_memory",
]

ALIGNMENT = 64  # bytes: a cache line, and a vector of AVX-512

Array = NDArray[Any]
"""A NumPy array of any shape and dtype; a docstring says which."""

_REAL = (Real, np.bool_, Decimal, type(None))  # None is a missing value: not finite
_HINTS = {
    "c": "give real and imaginary parts as columns of their own",
    "M": "turn times into numbers first, such as days since a date",
    "m": "turn durations into numbers first, such as seconds",
    "U": "encode text and categories",
    "S": "encode text and categories",
}
_REBUILD = "build the matrix anew, or mend what changed its arrays"


def is_sparse(X: Any) -> bool:
    """Whether ``X`` is a SciPy sparse matrix or array."""
    kind = type(X)
    return kind is not np.ndarray and hasattr(kind, "tocsr") and hasattr(kind, "nnz")


def as_numbers(values: Any, name: str, where: str) -> NDArray[Any]:
    """Return ``values`` as an array of real numbers or Booleans; an array of them as it is.

    Raises
    ------
    InputError
        If they are anything else: complex, times, durations, texts, other objects, or masked.
    """
    if type(values) is not np.ndarray:  # what predicts one row in microseconds asks no more
        refuse_masked(values, name, where)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: of PyTorch
        raise InputError(
            f"{where}: {name} must be numbers in rows of one length: {error}"
        ) from error
    if array.dtype.kind in "biuf" or np.can_cast(array.dtype, np.float64):
        return array
    if array.dtype.kind != "O":
        raise _not_numbers(array.dtype, name, where)
    _check_objects(array, name, where)
    try:
        return array.astype(np.float64)
    except (OverflowError, ValueError) as error:
        raise InputError(
            f"{where}: {name} has a number that float64 can't hold: {error}"
        ) from error


def refuse_masked(values: Any, name: str, where: str) -> None:
    """Raise `InputError` for a masked array: NumPy would take what the mask hides as values."""
    kinds = {type(values)}
    if isinstance(values, list | tuple):
        kinds.update(map(type, values))
        rows = (row for row in values if isinstance(row, list | tuple))
        kinds.update(map(type, chain.from_iterable(rows)))
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
        raise InputError(
            f"{where}: {name} is masked, and what the mask hides would be taken as values; fill it "
            "(.filled(…)) or leave those rows out"
        )


def refuse_times(values: Any, name: str, where: str) -> None:
    """Raise `InputError` for times and durations: NumPy would take what they are counted in."""
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "Mm":
        raise _not_numbers(dtype, name, where)


def _not_numbers(dtype: np.dtype[Any], name: str, where: str) -> InputError:
    hint = _HINTS.get(dtype.kind, "give an array of numbers")
    return InputError(f"{where}: {name} must be numbers, got {dtype}; {hint}")


def _check_objects(array: NDArray[Any], name: str, where: str) -> None:
    """Raise `InputError` for the first object that is no real number."""
    flat = array.ravel()
    odd = tuple(
        kind
        for kind in set(map(type, flat))  # NumPy counts its durations among the whole numbers
        if not issubclass(kind, _REAL) or issubclass(kind, np.timedelta64)
    )
    if not odd:
        return
    k = next(k for k, value in enumerate(flat) if isinstance(value, odd))
    place = f" in {_at(np.unravel_index(k, array.shape))}" if array.ndim else ""
    raise InputError(
        f"{where}: {name} must be numbers, got {shown(flat[k], 60)} ({type(flat[k]).__name__})"
        f"{place}; encode text and categories, and fill or drop missing values"
    )


def _at(place: Iterable[Any]) -> str:
    """Say in which row, and which column if there are columns, something lies."""
    return ", ".join(f"{axis} {k}" for axis, k in zip(("row", "column"), place, strict=False))


def as_csr(X: Any, where: str) -> Any:
    """Return a sparse ``X`` as a CSR matrix whose structure is right, and stays so.

    Its columns and starts are its own, so nobody changes them while kernels follow them; the values
    are shared. Duplicates and columns in any order are right.

    Raises
    ------
    InputError
        If ``X`` is not two-dimensional, or its arrays don't make a matrix of its shape.
    """
    if len(X.shape) != 2:
        raise InputError(f"{where}: X must be (rows, columns), got shape {X.shape}")
    if X.format != "csr":  # SciPy trusts the arrays when it converts them
        _CHECKS.get(X.format, _refuse_format)(X, where)
        try:
            X = X.tocsr()
        except (TypeError, ValueError, OverflowError) as error:
            raise _malformed(X, f"{error}", where) from error
    _check_axes(X, "data", 1, where)
    indices, indptr = np.array(X.indices), np.array(X.indptr)
    _check_compressed(X, indices, indptr, X.shape, where)
    n = int(indptr[-1])
    # SciPy keeps both in one dtype, and so fits columns that came as 64 bits into 32.
    kind = np.int32 if max(n, *X.shape) < 2**31 else np.int64
    own = copy(X)  # SciPy's constructor would look at everything once more
    own.data = as_numbers(X.data, "X", where)[:n]
    own.indices = indices[:n].astype(kind, copy=False)
    own.indptr = indptr.astype(kind, copy=False)
    for known in ("_has_sorted_indices", "_has_canonical_format"):
        vars(own).pop(known, None)  # of the arrays as they once were
    return own


def _check_csc(X: Any, where: str) -> None:
    _check_axes(X, "data", 1, where)
    _check_compressed(X, X.indices, X.indptr, X.shape[::-1], where)


def _check_bsr(X: Any, where: str) -> None:
    _check_axes(X, "data", 3, where)
    blocks = X.data.shape[1:]
    if 0 in blocks or X.shape[0] % blocks[0] or X.shape[1] % blocks[1]:
        raise _malformed(X, f"blocks of {blocks} don't fill {X.shape}", where)
    shape = X.shape[0] // blocks[0], X.shape[1] // blocks[1]
    _check_compressed(X, X.indices, X.indptr, shape, where)


def _check_coo(X: Any, where: str) -> None:
    _check_axes(X, "data", 1, where)
    for name, numbers, size in zip(("row", "col"), (X.row, X.col), X.shape, strict=True):
        _check_whole(X, name, numbers, where)
        if len(numbers) != len(X.data):
            raise _malformed(X, f"{len(numbers)} of {name}, but {len(X.data)} of data", where)
        _check_within(X, name, numbers, 0, size, where)


def _check_dia(X: Any, where: str) -> None:
    _check_whole(X, "offsets", X.offsets, where)
    _check_axes(X, "data", 2, where)
    if len(X.offsets) != len(X.data):
        raise _malformed(X, f"{len(X.offsets)} offsets, but data of shape {X.data.shape}", where)
    _check_within(X, "offsets", X.offsets, 1 - X.shape[0], max(1, X.shape[1]), where)


def _check_lil(X: Any, where: str) -> None:
    for name in ("rows", "data"):
        _check_axes(X, name, 1, where)
        if len(getattr(X, name)) != X.shape[0]:
            raise _malformed(X, f"{name} has {len(getattr(X, name))} entries", where)
    for k, (columns, values) in enumerate(zip(X.rows, X.data, strict=True)):
        if not isinstance(columns, list) or not isinstance(values, list):
            raise _malformed(X, f"row {k} is no list", where)
        if len(columns) != len(values):
            raise _malformed(
                X, f"row {k} has {len(columns)} columns, but {len(values)} values", where
            )


def _check_nothing(X: Any, where: str) -> None:
    """A dictionary is read by Python alone."""


def _refuse_format(X: Any, where: str) -> None:
    raise InputError(f"{where}: X is sparse in the form {X.format!r}; give X.tocsr()")


_CHECKS = {
    "csc": _check_csc,
    "bsr": _check_bsr,
    "coo": _check_coo,
    "dia": _check_dia,
    "lil": _check_lil,
    "dok": _check_nothing,
}
"""What must be right before SciPy may convert a form to CSR."""


def _check_compressed(
    X: Any, indices: Any, indptr: Any, shape: tuple[int, int], where: str
) -> None:
    """Raise `InputError` unless ``indptr`` parts ``indices`` into shape[0] runs below shape[1]."""
    n, p = shape
    _check_whole(X, "indices", indices, where)
    _check_whole(X, "indptr", indptr, where)
    if len(indices) != len(X.data):
        raise _malformed(X, f"{len(indices)} indices, but {len(X.data)} of data", where)
    if len(indptr) != n + 1:
        raise _malformed(X, f"indptr has {len(indptr)} entries, expected {n + 1}", where)
    falls = indptr[1:] < indptr[:-1]
    if falls.any():
        k = int(falls.argmax())
        raise _malformed(X, f"indptr falls from {indptr[k]} to {indptr[k + 1]} at {k}", where)
    if indptr[0] != 0 or indptr[-1] > len(indices):
        raise _malformed(
            X, f"indptr goes from {indptr[0]} to {indptr[-1]}, with {len(indices)} indices", where
        )
    used = indices[: indptr[-1]]
    _check_within(X, "indices", used, 0, p, where, indptr)


def _check_axes(X: Any, name: str, axes: int, where: str) -> None:
    array = getattr(X, name)
    if not isinstance(array, np.ndarray) or array.ndim != axes:
        found = getattr(array, "shape", type(array).__name__)
        raise _malformed(X, f"{name} must be a {axes}-dimensional array, got {found}", where)


def _check_whole(X: Any, name: str, numbers: Any, where: str) -> None:
    if not isinstance(numbers, np.ndarray) or numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        found = f"{getattr(numbers, 'dtype', type(numbers).__name__)} of shape {np.shape(numbers)}"
        raise _malformed(X, f"{name} must be whole numbers in one dimension, got {found}", where)


def _check_within(
    X: Any,
    name: str,
    numbers: NDArray[Any],
    low: int,
    high: int,
    where: str,
    starts: NDArray[Any] | None = None,
) -> None:
    """Raise `InputError` unless all ``numbers`` are in range(low, high)."""
    if not numbers.size or (numbers.min() >= low and numbers.max() < high):
        return
    k = int(np.flatnonzero((numbers < low) | (numbers >= high))[0])
    run = ""
    if starts is not None:
        line = {"csc": "column", "bsr": "block row"}.get(X.format, "row")
        run = f" (of {line} {np.searchsorted(starts, k, side='right') - 1})"
    raise _malformed(X, f"{name}[{k}]{run} is {numbers[k]}, expected {low} to {high - 1}", where)


def _malformed(X: Any, fault: str, where: str) -> InputError:
    return InputError(
        f"{where}: X is no valid {X.format.upper()} matrix of {X.shape}: {fault}; {_REBUILD}"
    )


def as_inputs(X: Any, dtype: str, where: str, *, keeps_bytes: bool = False) -> Any:
    """Return ``X`` as a C-contiguous (n, …, p) array, or CSR matrix, of ``dtype``.

    Values are not copied that are in this form already. The structure of a sparse matrix is
    (`as_csr`). With ``keeps_bytes`` a dense array of uint8, such as images, stays one, for what
    makes reals of it batch by batch: as float32 it would take four times the memory.

    Raises
    ------
    InputError
        If ``X`` has not two axes at least, is not numbers, empty, not finite, or a malformed
        sparse matrix.
    """
    with np.errstate(over="ignore"):  # what overflows is named below
        if is_sparse(X):
            X = as_csr(X, where)
            given = X.data
            values = X.data = given.astype(dtype, copy=False)
        else:
            given = as_numbers(X, "X", where)
            if given.ndim < 2:
                hint = "; reshape one row to (1, p)" if given.ndim == 1 else ""
                raise InputError(
                    f"{where}: X must be (rows, columns), got shape {given.shape}{hint}"
                )
            kept = keeps_bytes and given.dtype == np.uint8
            values = X = np.ascontiguousarray(given, dtype=None if kept else dtype)
    if 0 in X.shape[1:]:
        raise InputError(f"{where}: X has no columns" if X.ndim == 2 else _empty(X, where))
    if values.dtype.kind == "f" and not _surely_finite(values) and not np.isfinite(values).all():
        k = int(np.flatnonzero(~np.isfinite(values))[0])
        value, place = float(given.flat[k]), _place_text(X, k)
        if np.isfinite(value):
            raise InputError(f"{where}: X in {place} is {too_large(value, dtype)}")
        raise InputError(
            f"{where}: X has a value that is not finite, first in {place}; fill or drop missing "
            "values"
        )
    return X


def _empty(X: Any, where: str) -> str:
    return f"{where}: the examples of X are empty: its shape is {X.shape}"


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


def largest(X: Any) -> tuple[float, str]:
    """Return the value of the largest magnitude in some data, and where it is, in words."""
    values = (X.data if is_sparse(X) else X).reshape(-1)
    k = int(np.abs(values).argmax()) if values.size else 0
    return (float(values[k]), _place_text(X, k)) if values.size else (0.0, "nothing")


def _place(X: Any, k: int) -> tuple[int, int]:
    """Return the row, and the place in it, of the value number ``k`` of those that are stored."""
    if is_sparse(X):
        return int(np.searchsorted(X.indptr, k, side="right")) - 1, int(X.indices[k])
    row, column = divmod(k, math.prod(X.shape[1:]))
    return row, column


def _place_text(X: Any, k: int) -> str:
    row, column = _place(X, k)
    if X.ndim == 2:
        return f"row {row}, column {column}"
    at = ", ".join(str(int(index)) for index in np.unravel_index(column, X.shape[1:]))
    return f"example {row}, entry ({at})"


def as_weights(weights: Any, n: int, dtype: str, where: str) -> NDArray[Any]:
    """Return one weight an example, scaled to a mean of 1."""
    if weights is None:
        return np.ones(n, dtype)
    w = as_numbers(weights, "weights", where).astype(np.float64)
    check_weights(w, n, where)
    w = w / w.max()  # so that the mean of huge or tiny ones is neither infinite nor 0
    return np.ascontiguousarray(w / w.mean(), dtype=dtype)


def check_weights(w: NDArray[Any], n: int, where: str) -> None:
    """Raise `InputError` unless ``w`` is ``n`` finite numbers of at least 0, and not all 0."""
    if w.shape != (n,):
        raise InputError(f"{where}: expected one weight for each of {n} rows, got shape {w.shape}")
    wrong = np.flatnonzero(~(np.isfinite(w) & (w >= 0)))
    if wrong.size or not w.any():
        found = f"row {wrong[0]} has {w[wrong[0]]:g}" if wrong.size else "all are 0"
        raise InputError(f"{where}: weights must be finite, at least 0, and not all 0; {found}")


def rows_of(X: Any, rows: NDArray[np.int64]) -> Any:
    """Return these rows of an array or CSR matrix."""
    return X[rows]


def distinct(values: Array) -> Array:
    """Return the different values of a vector without NaN, in rising order.

    By sorting: `numpy.unique` hashes whole numbers, which is slow where millions differ.
    """
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def is_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers are finite; quick where they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.sum(array)) or np.isfinite(array).all())


@contextmanager
def within_memory(what: str) -> Iterator[None]:
    """Have what is called in it raise `OutOfMemoryError` for want of memory; also a decorator.

    Parameters
    ----------
    what : str
        The public function that is called, for the message.
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except MemoryError as error:
        raise no_memory(what, error) from error


def no_memory(what: str, error: MemoryError) -> OutOfMemoryError:
    """Return the error for want of memory in a public function."""
    return OutOfMemoryError(
        f"{what}: there is no memory for this ({str(error) or 'none is left'}); give fewer rows at "
        "a time, smaller batches or a smaller network"
    )


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array to be filled; raise MemoryError also where NumPy can't think of its size."""
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if nbytes > sys.maxsize:
        raise MemoryError(f"{nbytes:,} bytes are more than a process can have")
    return np.empty(shape, dtype)


def aligned(size: int, dtype: Any) -> NDArray[Any]:
    """Return ``size`` zeros whose first lies at a multiple of a cache line."""
    dtype = np.dtype(dtype)
    nbytes = size * dtype.itemsize + ALIGNMENT
    if nbytes > sys.maxsize:
        raise MemoryError(f"{nbytes:,} bytes are more than a process can have")
    memory = np.zeros(nbytes, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size * dtype.itemsize].view(dtype)
