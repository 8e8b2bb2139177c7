"""The columns that a split goes by, as arrays: when each row was, and which group it is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import TableError
from ..printing import counted
from .columns import Counts, Date, Number, Source, column_of
from .layouts import chunked, lay_out
from .options import NOTHING_SAID, TableOptions
from .parsing import MISSING

__all__ = ["ROW_ORDER", "read_groups", "read_moments"]

ROW_ORDER = "row-order"
"""In place of a column with a time: the rows stand in the order of time."""


def read_moments(name: str, column: Any, options: TableOptions = NOTHING_SAID) -> NDArray[Any]:
    """Return when each row was: seconds since 1970 of dates, or numbers as they are.

    Parameters
    ----------
    name : str
        The column, for messages.
    column : pyarrow.ChunkedArray or pyarrow.Array
        Dates, times or numbers of any type, or texts that hold such.
    options : TableOptions
        What is known of how texts are written.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    TableError
        If it holds something else, or nothing in some row.
    """
    column = chunked(lay_out(name, column))
    if pa.types.is_integer(column.type):  # exactly: nanoseconds have 19 digits
        moments: NDArray[Any] = column.fill_null(0).to_numpy()
        gone = column.is_null().to_numpy()
    else:
        source = Source(name, column, Counts(), (*MISSING, *options.missing))
        kind = None if column.null_count == len(column) else column_of(source, options)[0]
        if kind not in (Date, Number):
            raise TableError(
                f"column {name!r} holds neither dates nor numbers, so it does not say when a row "
                "was; give another column as the time"
            )
        read = source.seconds if kind is Date else source.numbers
        moments = read(source.pattern)
        gone = np.isnan(moments)
    if gone.any():
        row, count = int(np.flatnonzero(gone)[0]), int(gone.sum())
        raise TableError(
            f"column {name!r} gives no time for {counted(count, 'row')}, such "
            f"as row {row + 1} with {column[row].as_py()!r}; leave such rows out, or mend them"
        )
    return moments


def read_groups(name: str, column: Any) -> NDArray[np.int64]:
    """Return the group of each row, from 0 on; rows without one are a group.

    Parameters
    ----------
    name : str
        The column, for messages.
    column : pyarrow.ChunkedArray or pyarrow.Array
        Values of any type.

    Returns
    -------
    ndarray of int64 (n,)
    """
    column = chunked(lay_out(name, column)).combine_chunks()
    codes = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    found: NDArray[Any] = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)
