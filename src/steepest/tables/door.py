"""The door through which every table comes, from wherever, before anything is made of it.

`open_table` takes what a user may call a table: a data frame of pandas or Polars, an Arrow table,
columns by name, records, rows, or an array. It returns an Arrow table whose columns have the
layouts of `steepest.tables.layouts`. A column for which there is none keeps its place, so that
others can be used; who asks for it gets the error that says why (`check_column`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import ColumnTypeError, InputError, TableError
from ..printing import shown
from .layouts import is_known, lay_out, of_extension
from .values import column_of_values

__all__ = ["check_column", "index_columns", "is_record", "is_table", "lay_out_table", "open_table"]

_REFUSED = b"steepest refuses"
_LABEL, _SAID = b"ARROW:extension:name", b"ARROW:extension:metadata"
"""What a file says of columns whose type this process does not know."""


def is_table(X: Any) -> bool:
    """Say whether `open_table` takes this for a table with names, or for rows of mixed values."""
    if isinstance(X, Mapping | pa.Table | pa.RecordBatch) or hasattr(X, "__arrow_c_stream__"):
        return True
    if isinstance(X, np.ndarray):
        return X.dtype.names is not None
    if not isinstance(X, Sequence) or isinstance(X, str | bytes) or not len(X):
        return hasattr(X, "iloc") and hasattr(X, "columns")
    if all(isinstance(row, Mapping) for row in X):
        return True
    rows = all(isinstance(row, list | tuple) for row in X) and len(set(map(len, X))) == 1
    return rows and not all(isinstance(v, int | float | np.number) for row in X for v in row)


def open_table(X: Any) -> tuple[pa.Table, bool]:
    """Return data of any usual kind as a table, and whether its columns have names.

    Parameters
    ----------
    X : table
        A data frame of pandas or Polars; an Arrow table or record batch; a mapping of names to
        columns, or to the values of one row; a sequence of such rows, or of rows without names; an
        array (n, p). Columns without names are called x0, x1, …

    Returns
    -------
    table : pyarrow.Table
    named : bool

    Raises
    ------
    InputError
        If it is no table, its columns differ in length, or two have one name.
    """
    if hasattr(X, "collect_schema") and hasattr(X, "collect"):
        raise InputError(f"X is a {type(X).__name__}, which holds no rows yet; call its collect()")
    if isinstance(X, pa.RecordBatch):
        X = pa.Table.from_batches([X])
    if isinstance(X, pa.Table):
        _check_names(X.column_names)
        return lay_out_table(X.drop_columns(pandas_index(X))), True
    if isinstance(X, Mapping):
        return _of_columns(X), True
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        names = list(map(str, X.columns))
        return _table(names, [X.iloc[:, j] for j in range(len(names))]), True
    if hasattr(X, "get_columns") and hasattr(X, "columns"):
        return _table(list(X.columns), list(X.get_columns())), True
    if hasattr(X, "__arrow_c_stream__"):
        try:
            return open_table(pa.table(X))
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:  # no rows of columns
            raise InputError(
                f"X: expected a table, got a {type(X).__name__}; make it one of one column"
            ) from error
    if getattr(getattr(X, "dtype", None), "names", None):
        return _table(list(X.dtype.names), [X[name] for name in X.dtype.names]), True
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        if len(X) and all(isinstance(row, Mapping) for row in X):
            names = list(dict.fromkeys(str(name) for row in X for name in row))
            named = [{str(name): value for name, value in row.items()} for row in X]
            return _table(names, [[row.get(name) for row in named] for name in names]), True
        if len(X) and all(isinstance(row, list | tuple) for row in X):
            widths = set(map(len, X))
            if len(widths) > 1:
                raise InputError(f"X: rows of different lengths: {sorted(widths)[:5]}")
            columns = [list(column) for column in zip(*X, strict=True)]
            return _table([f"x{j}" for j in range(len(columns))], columns), False
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    if array.ndim != 2:
        raise InputError(
            "X: expected a table: a data frame, an Arrow table, columns by name, a list of rows or "
            f"an array of two axes; got {shown(X)}"
        )
    names = [f"x{j}" for j in range(array.shape[1])]
    return _table(names, [array[:, j] for j in range(array.shape[1])]), False


def lay_out_table(table: pa.Table) -> pa.Table:
    """Return a table whose columns have layouts; one for which there is none is kept as nulls.

    What a pandas frame had as categories is that, also where a Parquet file holds numbers.
    """
    declared = _pandas_categories(table)
    if not declared and all(is_known(f.type) and not _is_labelled(f) for f in table.schema):
        return table
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        said = field.metadata
        try:
            if _is_labelled(field):
                column, said = _unwrapped(field, column), None
            if field.name in declared and not pa.types.is_dictionary(column.type):
                column = lay_out(field.name, column).dictionary_encode()
            column = lay_out(field.name, column)
        except TableError as error:
            column, said = pa.chunked_array([pa.nulls(len(column))]), {_REFUSED: str(error)}
        columns.append(column)
        fields.append(pa.field(field.name, column.type, metadata=said))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def check_column(table: pa.Table, name: str) -> Any:
    """Return a column; raise the error for which there is no layout for it, if there is none."""
    column, field = table.column(name), table.schema.field(name)
    if pa.types.is_null(column.type) and _REFUSED in (field.metadata or {}):
        raise ColumnTypeError(field.metadata[_REFUSED].decode())
    return _unwrapped(field, column) if _is_labelled(field) else column


def _is_labelled(field: pa.Field) -> bool:
    return _LABEL in (field.metadata or {})


def _unwrapped(field: pa.Field, column: Any) -> Any:
    """Return a column of a type that this process does not know, but the file names."""
    label = field.metadata[_LABEL].decode(errors="replace")
    return of_extension(field.name, column, label, field.metadata.get(_SAID, b""))


def index_columns(table: pa.Table) -> list[str]:
    """Return the columns that are the index of a pandas frame, which numbers or names its rows.

    A Parquet or Arrow file says so; in a file of text it is the first column, without a name.
    """
    unnamed = [name for name in table.column_names[:1] if not name]
    return [*pandas_index(table), *unnamed]


def pandas_index(table: pa.Table) -> list[str]:
    """Return the columns that the metadata of pandas call an index."""
    names = set(table.column_names)
    said = _pandas(table, "index_columns")
    return [name for name in said if isinstance(name, str) and name in names]


def _pandas_categories(table: pa.Table) -> set[str]:
    """Return the columns that pandas had as categories."""
    return {
        str(said.get("name"))
        for said in _pandas(table, "columns")
        if isinstance(said, dict) and said.get("pandas_type") == "categorical"
    }


def _pandas(table: pa.Table, key: str) -> list[Any]:
    """Return a list of the metadata that pandas writes, if it is there."""
    try:
        said = (table.schema.pandas_metadata or {}).get(key)
    except (ValueError, AttributeError):  # not what pandas writes
        return []
    return said if isinstance(said, list) else []


def _of_columns(X: Mapping[Any, Any]) -> pa.Table:
    values = list(X.values())
    if is_record(X):
        values = [[value] for value in values]
    return _table(list(map(str, X)), values)


def is_record(X: Any) -> bool:
    """Say whether this is one row: a mapping of names to single values."""
    return isinstance(X, Mapping) and len(X) > 0 and all(map(_is_scalar, X.values()))


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bytes) or not hasattr(value, "__len__")


def _table(names: list[str], columns: list[Any]) -> pa.Table:
    _check_names(names)
    laid: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name, values in zip(names, columns, strict=True):
        if _is_scalar(values) or getattr(values, "ndim", 1) == 0:
            raise InputError(f"X, column {name!r}: expected one value a row, got {shown(values)}")
        try:
            laid[name] = column_of_values(name, values)
        except TableError as error:
            laid[name] = pa.chunked_array([pa.nulls(len(values))])
            refused[name] = str(error)
    lengths = {name: len(column) for name, column in laid.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"X: columns of different lengths: {lengths}")
    fields = [
        pa.field(n, c.type, metadata={_REFUSED: refused[n]} if n in refused else None)
        for n, c in laid.items()
    ]
    return pa.Table.from_arrays(list(laid.values()), schema=pa.schema(fields))


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"X: the name {name!r} is no Unicode text; rename the column") from (
                error
            )
    doubled = sorted(name for name, count in Counter(names).items() if count > 1)
    if doubled:
        raise InputError(f"X: more than one column is called {doubled[0]!r}; rename all but one")
