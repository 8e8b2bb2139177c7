"""What a user may call X: a data frame, an Arrow table, columns by name, or an array."""

from __future__ import annotations

import numbers
import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array

from ..errors import InputError

__all__ = ["as_table", "read_inputs"]

_PLAIN = (str, bool, np.bool_, numbers.Number)


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
    TypeError
        If ``X`` is sparse, or holds values that no column of a table can hold.
    """
    table, named = as_table(X)
    name, count = type(estimator).__name__, table.num_columns
    if reset:
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
    if isinstance(X, Mapping) and not issparse(X):
        given = {str(name): _column(str(name), values) for name, values in X.items()}
        lengths = {name: len(column) for name, column in given.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"X: columns of different lengths: {lengths}")
        table = pa.table(given)
    elif hasattr(X, "__arrow_c_stream__"):
        table = _of_frame(X)
    else:
        array = check_array(
            X, dtype=None, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0
        )
        names = [f"x{j}" for j in range(array.shape[1])]
        columns = [_column(name, array[:, j]) for j, name in enumerate(names)]
        return pa.table(columns, names), False
    return table, True


def _of_frame(X: Any) -> pa.Table:
    if not hasattr(X, "columns"):
        raise InputError(
            f"X: expected a table, got a {type(X).__name__}; make it one of one column"
        )
    names = X.column_names if isinstance(X, pa.Table) else list(map(str, X.columns))
    doubled = sorted(name for name, count in Counter(names).items() if count > 1)
    if doubled:
        raise InputError(f"X: more than one column is called {doubled[0]!r}; rename all but one")
    try:
        table = pa.table(X)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        # Columns of objects of several kinds, or of what Arrow does not know.
        return pa.table({str(name): _column(str(name), X[name]) for name in X.columns})
    metadata = table.schema.pandas_metadata or {}
    index = [n for n in metadata.get("index_columns", ()) if n in table.column_names]
    return table.drop_columns(index)


def _column(name: str, values: Any) -> pa.Array:
    """Return one column; text, if it holds numbers and texts."""
    array: NDArray[Any] = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"X, column {name!r}: expected one value a row, got shape {array.shape}")
    if array.dtype.kind == "c":
        raise InputError(f"X, column {name!r}: Complex data not supported; give it as two columns")
    try:
        return pa.array(array if array.dtype.kind != "U" else array.tolist(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        pass
    texts = []
    for value in array.tolist():
        missing = value is None or (isinstance(value, float) and np.isnan(value))
        if not missing and not isinstance(value, _PLAIN):
            raise TypeError(
                f"X, column {name!r}: each argument must be a string or a number, a truth value, "
                f"a time or missing, got {value!r}"
            )
        texts.append(None if missing else str(value))
    return pa.array(texts)
