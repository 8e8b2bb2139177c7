"""What one column of a table turns into: the fitted records of `steepest.tables.encoder`.

    Number    a number, median-centred, scaled and smoothly clipped; and, above `number.MANY`
              distinct values, another: the normal score of the value's rank
    Truth     a flag, −1 or 1
    Category  flags, one for each frequent value and one for all the rare ones, or a single one if
              there are two values; above `category.FEW` values, a code
    Moment    the time as a Number, and flags: the day of the year on a circle, the day of the
              week, and the hour on a circle if the column tells a time of day

A missing value is the middle of its column, and a flag says so if any was missing when the record
was fitted. A record keeps no data, and is plain JSON. One kind, one file; `kind` is the contract.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from ...records import check_fields
from ..parsing import is_text
from .boolean import Truth
from .category import Category
from .column import HUGE, INFINITE, UNPARSEABLE, UNSEEN, Counts, Kind, Part, Source, Useless
from .date import Moment
from .number import Number

__all__ = [
    "HUGE",
    "INFINITE",
    "KINDS",
    "UNPARSEABLE",
    "UNSEEN",
    "Category",
    "Counts",
    "Kind",
    "Moment",
    "Number",
    "Part",
    "Source",
    "Truth",
    "Useless",
    "kind_of",
    "load_kind",
]

type_ = pa.types

KINDS: dict[str, type[Kind]] = {kind.label: kind for kind in (Number, Truth, Category, Moment)}

_TYPES: tuple[tuple[Callable[[Any], bool], type[Kind]], ...] = (
    (type_.is_boolean, Truth),
    (type_.is_integer, Number),
    (type_.is_floating, Number),
    (type_.is_decimal, Number),
    (is_text, Category),
    (type_.is_dictionary, Category),
    (type_.is_date, Moment),
    (type_.is_timestamp, Moment),
)


def kind_of(kind: pa.DataType) -> type[Kind]:
    """Return what columns of an Arrow type become; raise `Useless` if nothing."""
    if type_.is_null(kind):
        raise Useless("all values are missing")
    for holds, found in _TYPES:
        if holds(kind):
            return found
    raise Useless(f"values of type {kind} are not supported")


def load_kind(record: Mapping[str, Any]) -> Kind:
    """Return the record of a column from plain JSON types, as `Encoder.to_dict` has it."""
    fields = dict(record)
    kind: Any = KINDS[fields.pop("kind")]
    if kind is Moment:
        check_fields(Number, fields["time"])
        fields["time"] = Number(**fields["time"])
    check_fields(kind, fields)
    loaded: Kind = kind(**fields)
    return loaded
