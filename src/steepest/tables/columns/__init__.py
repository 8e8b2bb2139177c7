"""What one column of a table turns into: the fitted records of `steepest.tables.encoder`.

    Number    a number, median-centred, scaled and smoothly clipped; and, above `number.MANY`
              distinct values, another: the normal score of the value's rank
    Boolean     a flag, −1 or 1
    Category  flags, one for each frequent value and one for all the rare ones, or a single one if
              there are two values; above `category.FEW` values, a code
    Date    the time as a Number, and flags: the day of the year on a circle, the day of the
              week, and the hour on a circle if the column tells a time of day

A missing value is the middle of its column, and a flag says so if any was missing when the record
was fitted. A record keeps no data, and is plain JSON. One kind, one file; `kind` is the contract.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from ...records import check_fields
from ..parsing import is_text
from .boolean import Boolean
from .category import Category
from .column import (
    HUGE,
    INFINITE,
    UNPARSEABLE,
    UNSEEN,
    Column,
    Counts,
    Part,
    Source,
    UnusableColumn,
)
from .date import Date
from .number import Number

__all__ = [
    "COLUMNS",
    "HUGE",
    "INFINITE",
    "UNPARSEABLE",
    "UNSEEN",
    "Boolean",
    "Category",
    "Column",
    "Counts",
    "Date",
    "Number",
    "Part",
    "Source",
    "UnusableColumn",
    "column_of",
    "load_column",
]

type_ = pa.types

COLUMNS: dict[str, type[Column]] = {kind.label: kind for kind in (Number, Boolean, Category, Date)}

_TYPES: tuple[tuple[Callable[[Any], bool], type[Column]], ...] = (
    (type_.is_boolean, Boolean),
    (type_.is_integer, Number),
    (type_.is_floating, Number),
    (type_.is_decimal, Number),
    (is_text, Category),
    (type_.is_dictionary, Category),
    (type_.is_date, Date),
    (type_.is_timestamp, Date),
)


def column_of(kind: pa.DataType) -> type[Column]:
    """Return what columns of an Arrow type become; raise `UnusableColumn` if nothing."""
    if type_.is_null(kind):
        raise UnusableColumn("all values are missing")
    for holds, found in _TYPES:
        if holds(kind):
            return found
    raise UnusableColumn(f"values of type {kind} are not supported")


def load_column(record: Mapping[str, Any]) -> Column:
    """Return the record of a column from plain JSON types, as `Encoder.to_dict` has it."""
    fields = dict(record)
    kind: Any = COLUMNS[fields.pop("kind")]
    if kind is Date:
        check_fields(Number, fields["time"])
        fields["time"] = Number(**fields["time"])
    check_fields(kind, fields)
    loaded: Column = kind(**fields)
    return loaded
