"""What a user may call X: a data frame, an Arrow table, columns by name, or an array."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.utils import check_array

from ..errors import InputError, TableWarning
from ..tables.door import check_column, is_table, open_table
from ..tables.layouts import decoded
from ..tables.values import column_of_values
from ..validate import may_hold_rows
from .refusals import checked

__all__ = ["as_labels", "as_table", "read_inputs", "target_column", "warn"]

_SHOWN = 20  # notes of a warning
_LABELS = frozenset((str, int, float, bool))


def read_inputs(estimator: Any, X: Any, *, reset: bool) -> pa.Table:
    """Return ``X`` as a table with the column names of the fit.

    Columns with names are found by them, in whatever order they come; those of an array, and those
    of an estimator that was fitted to an array, by their place.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_``, ``feature_names_in_`` if ``X`` has names, and ``_columns``.
    X : table or array (n, p)
    reset : bool
        Whether this is a fit.

    Raises
    ------
    InputError
        If there is nothing in ``X``, or it has not as many columns as in the fit.
    ColumnTypeError
        In a fit, if a column holds values of a type that no column can hold.
    TypeError
        If ``X`` is sparse.
    """
    with checked(type(estimator).__name__):
        table, named = as_table(X)
    name, count = type(estimator).__name__, table.num_columns
    if reset:
        for column in table.column_names:
            check_column(table, column)
        if not count:
            raise InputError(
                f"X has 0 feature(s) (shape=({table.num_rows}, 0)) while a minimum of 1 is "
                f"required by {name}."
            )
        estimator._columns = table.column_names
        estimator.n_features_in_ = count
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        if named:
            estimator.feature_names_in_ = np.array(table.column_names, dtype=object)
        return table
    fitted = hasattr(estimator, "feature_names_in_")
    if named and fitted:
        return table
    if count != estimator.n_features_in_:
        raise InputError(
            f"X has {count} features, but {name} is expecting {estimator.n_features_in_} features "
            "as input."
        )
    if named or fitted:
        which = "X has feature names, but" if named else "X does not have valid feature names, but"
        how = "without" if named else "with"
        warnings.warn(f"{which} {name} was fitted {how} feature names", stacklevel=4)
    return table.rename_columns(estimator._columns)


def as_table(X: Any) -> tuple[pa.Table, bool]:
    """Return data of any usual kind as an Arrow table, and whether its columns have names.

    The columns of an array are called x0, x1, …
    """
    if is_table(X):
        return open_table(X)
    if hasattr(X, "collect_schema") or hasattr(X, "dtypes") or hasattr(X, "array"):
        return open_table(X)  # a series, or a frame without rows: it says so
    if not may_hold_rows(X):
        return open_table(X)  # which says what it is
    array = check_array(
        X, dtype=None, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0
    )
    return open_table(array)


def as_labels(y: Any, where: str) -> Any:
    """Return labels that NumPy knows as objects alone as texts and numbers; others as they are.

    Such are intervals, periods, decimals and bytes: a column of them holds texts or numbers.

    Raises
    ------
    InputError
        If a label is missing.
    """
    array = np.asarray(y)
    if array.ndim != 1 or array.dtype.kind not in "OS":
        return y
    column = decoded(column_of_values("y", array))
    gone = np.flatnonzero(column.is_null().to_numpy())
    if len(gone):
        raise InputError(f"{where}: y is missing in row {gone[0]}; leave out rows without a label")
    plain = array.dtype.kind == "O" and set(map(type, array.tolist())) <= _LABELS
    return y if plain else column.to_numpy()


def target_column(y: Any) -> Any:
    """Return targets as a column; texts are labels, whatever they look like."""
    column = column_of_values("target", y)
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


def warn(name: str, notes: Sequence[str]) -> None:
    """Give one `TableWarning` for all of some notes."""
    if notes:
        more = [f"… and {len(notes) - _SHOWN} more"] * (len(notes) > _SHOWN)
        text = "\n".join([f"{name}:", *notes[:_SHOWN], *more])
        warnings.warn(text, TableWarning, stacklevel=4)
