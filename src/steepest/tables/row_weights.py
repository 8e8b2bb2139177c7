"""How much each row counts, as a column says it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import TableError
from .columns import Counts, Number, Source, column_of
from .layouts import chunked, lay_out
from .options import NOTHING_SAID, TableOptions
from .parsing import MISSING

__all__ = ["read_weights"]


def read_weights(
    name: str, column: Any, options: TableOptions = NOTHING_SAID
) -> NDArray[np.float64]:
    """Return the weight of each row.

    Parameters
    ----------
    name : str
        The column, for messages.
    column : pyarrow.ChunkedArray or pyarrow.Array
        Numbers of any type, or texts that hold such.
    options : TableOptions
        What is known of how texts are written.

    Returns
    -------
    ndarray (n,)
        At least 0; some above.

    Raises
    ------
    TableError
        If it holds something else, or no weight in some row.
    """
    column = chunked(lay_out(name, column))
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        weights = column.cast(pa.float64()).to_numpy()
    else:
        source = Source(name, column, Counts(), (*MISSING, *options.missing))
        kind = None if column.null_count == len(column) else column_of(source, options)[0]
        if kind is not Number:
            raise TableError(
                f"column {name!r} holds no numbers, so it does not say how much a row counts; give "
                "another column as the weight"
            )
        weights = source.numbers(source.pattern)
    wrong = ~((weights >= 0) & np.isfinite(weights))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise TableError(
            f"column {name!r} must have a weight of at least 0 in each row, got "
            f"{column[row].as_py()!r} in row {row + 1}; leave such rows out, or mend them"
        )
    if not weights.any():
        raise TableError(f"column {name!r} has weight 0 in all rows; some must count")
    return np.asarray(weights, np.float64)
