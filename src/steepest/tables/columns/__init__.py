"""What one column of a table turns into: the fitted records of `steepest.tables.encoder`.

    Number    a number, median-centred, scaled and smoothly clipped; and, above `number.MANY`
              distinct values, another: the normal score of the value's rank; and, if one value
              is that of many rows, a code of the value
    Boolean     a flag, −1 or 1
    Category  flags, one for each frequent value and one for all the rare ones, or a single one if
              there are two values; above `category.FEW` values, a code
    Date    the time as a Number, and flags: the day of the year on a circle, the day of the
              week, and the hour on a circle if the column tells a time of day; a code of the day,
              if many rows have it
    Text    n-grams of words and characters, as codes with weights, for a column of free text
    Rising  a Number of which predictions rise or fall, beside its normal score, apart from others

A missing value is the middle of its column, and a flag says so if any was missing when the record
was fitted. A record keeps no data, and is plain JSON. One kind, one file; `kind` is the contract.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from ...records import check_fields
from ..options import TableOptions
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
from .number import Number, is_rounded, origin_of
from .rising import Rising
from .text import Text, is_prose

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
    "Rising",
    "Source",
    "Text",
    "UnusableColumn",
    "column_of",
    "load_column",
]

type_ = pa.types

COLUMNS: dict[str, type[Column]] = {
    kind.label: kind for kind in (Number, Boolean, Category, Date, Rising, Text)
}

_GUESSED: dict[str, type[Column]] = {
    "number": Number,
    "truth": Boolean,
    "date": Date,
    "text": Category,
}
_LAYOUTS: tuple[tuple[Callable[[Any], bool], type[Column]], ...] = (
    (type_.is_boolean, Boolean),
    (type_.is_integer, Number),
    (type_.is_floating, Number),
    (type_.is_duration, Number),
    (type_.is_dictionary, Category),
    (type_.is_timestamp, Date),
)


def column_of(source: Source, options: TableOptions) -> tuple[type[Column], list[str]]:
    """Return what a column becomes, and what there is to say of how it is read.

    Texts become what they hold. Whole numbers beyond 2⁵³ that would be the same as float64 are
    names of something, so they become categories.

    Raises
    ------
    UnusableColumn
        If all values are missing.
    """
    if type_.is_null(source.type):
        raise UnusableColumn("all values are missing")
    notes: list[str] = []
    if type_.is_string(source.type):
        found = source.guess(options)
        kind, notes = _GUESSED[found.kind], list(found.notes)
        if kind is Category and is_prose(source):
            kind = Text
    else:
        kind = next(kind for holds, kind in _LAYOUTS if holds(source.type))
    if kind is Number and is_rounded(source, origin_of(source)):
        return Category, notes
    return kind, notes


def load_column(record: Mapping[str, Any]) -> Column:
    """Return the record of a column from plain JSON types, as `Encoder.to_dict` has it."""
    fields = dict(record)
    kind: Any = COLUMNS[fields.pop("kind")]
    inner = {Date: "time", Rising: "number"}.get(kind)
    if inner is not None:
        check_fields(Number, fields[inner])
        fields[inner] = Number(**fields[inner])
    check_fields(kind, fields)
    loaded: Column = kind(**fields)
    return loaded
