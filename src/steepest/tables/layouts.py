"""Arrow columns of every type, as one of few layouts that the rest of the package knows.

    float64                    numbers of every precision, decimals
    int64, uint64              whole numbers, exactly
    bool
    string                     text, of every layout; bytes that are text
    dictionary<int32, string>  texts that somebody declared to be categories, and any other values
                               that were: numbers, dates, …
    timestamp                  dates and times, in UTC, of any unit
    duration                   durations and times of day, of any unit
    null

Whole numbers and decimals that may be beyond 64 bits are texts of digits, which
`steepest.tables.parsing` reads as numbers, exactly. The layout goes by the type alone. What has no
place here, lists for instance, is refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import ColumnTypeError

__all__ = [
    "as_texts",
    "chunked",
    "decoded",
    "is_known",
    "lay_out",
    "of_extension",
    "period_starts",
    "printable",
]

type_ = pa.types
CATEGORY = pa.dictionary(pa.int32(), pa.string())
_KNOWN = frozenset(
    kind.id
    for kind in (pa.float64(), pa.int64(), pa.uint64(), pa.bool_(), pa.string(), pa.null(),
                 pa.duration("s"))
)  # fmt: skip


def chunked(column: Any) -> Any:
    """Return an array as a chunked array."""
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def is_known(kind: pa.DataType) -> bool:
    """Say whether a type is one of the layouts."""
    if kind.id in _KNOWN:
        return True
    if type_.is_dictionary(kind):
        return bool(type_.is_int32(kind.index_type) and type_.is_string(kind.value_type))
    return bool(type_.is_timestamp(kind) and kind.tz is None)


def lay_out(name: str, column: Any) -> Any:
    """Return a column in one of the layouts.

    Parameters
    ----------
    name : str
        The column, for the message.
    column : pyarrow.ChunkedArray or pyarrow.Array
        Of any type; one that has a layout already is returned as it is.

    Returns
    -------
    pyarrow.ChunkedArray

    Raises
    ------
    ColumnTypeError
        If there is no layout for values of this type.
    """
    column = chunked(column)
    while not is_known(column.type):
        step = next((step for holds, step in _STEPS if holds(column.type)), _refuse)
        column = step(name, column)
    return column


def decoded(column: Any) -> Any:
    """Return a column that has a layout with its texts spelled out, if it is a category."""
    return column.cast(pa.string()) if type_.is_dictionary(column.type) else column


def printable(column: Any) -> Any:
    """Return a column of any type as texts for a file of text, which are read as what they are."""
    kind = column.type
    if type_.is_duration(kind):
        return pa.chunked_array([as_texts(chunk) for chunk in column.chunks], pa.string())
    if type_.is_dictionary(kind):
        return printable(column.cast(kind.value_type))
    if is_known(kind) or type_.is_temporal(kind) or type_.is_decimal(kind):
        return column.cast(pa.string())
    return printable(lay_out("", column))


def as_texts(array: Any) -> Any:
    """Return values in a layout as texts: whole numbers without a point, dates in ISO 8601."""
    kind = array.type
    if type_.is_string(kind):
        return array
    if type_.is_dictionary(kind):
        return array.cast(pa.string())
    if type_.is_floating(kind):
        numbers = array.to_numpy(zero_copy_only=False)
        return pa.array([None if x != x else _number_text(x) for x in numbers.tolist()],
                        pa.string())  # fmt: skip
    if type_.is_duration(kind):
        return as_texts(_seconds(array))
    texts = array.cast(pa.string())
    if type_.is_timestamp(kind):
        texts = pc.replace_substring_regex(texts, r"\.0+$", "")
        texts = pc.replace_substring_regex(texts, r" 00:00:00$", "")
    return texts


def _number_text(x: float) -> str:
    return str(int(x)) if x == x // 1 and abs(x) < 2**63 else repr(x)


def _seconds(array: Any) -> Any:
    """Return durations as float64 seconds."""
    ticks = array.cast(pa.int64()).cast(pa.float64(), safe=False)
    return pc.divide(ticks, {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[array.type.unit])


# ------------------------------------------------------------------------- one step to a layout

Step = Callable[[str, Any], Any]


def _refuse(name: str, column: Any) -> Any:
    kind = column.type
    stored = kind.storage_type if _is_extension(kind) else kind
    what = "which can't be read as numbers, texts or dates"
    if type_.is_nested(stored):
        what = "which holds several values a row; make columns of its parts"
    elif type_.is_interval(stored):
        what = "and months differ in length; make it a duration or a number"
    raise ColumnTypeError(
        f"column {name!r} is of type {_short(kind)}, {what}, or leave the column out"
    )


def _short(kind: pa.DataType) -> str:
    text = str(kind)
    return text if len(text) <= 80 else text[:77] + "..."


def _to(target: pa.DataType) -> Step:
    return lambda name, column: column.cast(target)


def _text(name: str, column: Any) -> Any:
    """Bytes become text; what is no UTF-8 is refused."""
    kind = column.type
    if type_.is_fixed_size_binary(column.type) or type_.is_binary_view(column.type):
        column = column.cast(pa.large_binary())
    try:
        return pa.chunked_array([p for c in column.chunks for p in _spelled(c)], pa.string())
    except pa.ArrowInvalid as error:
        raise ColumnTypeError(
            f"column {name!r} is of type {_short(kind)}, and its bytes are not text in UTF-8; "
            "decode them, or leave the column out"
        ) from error


def _spelled(chunk: Any) -> list[Any]:
    try:
        return [chunk.cast(pa.string())]
    except pa.ArrowInvalid:  # more than 2 GB of text, or no text
        if len(chunk) < 2:
            raise
        half = len(chunk) // 2
        return _spelled(chunk.slice(0, half)) + _spelled(chunk.slice(half))


def _decimal(name: str, column: Any) -> Any:
    if column.type.scale != 0:
        return column.cast(pa.float64())
    whole = column.cast(pa.decimal256(76, 0))
    return whole.cast(pa.int64() if column.type.precision <= 18 else pa.string())


def _utc(name: str, column: Any) -> Any:
    return column.cast(pa.timestamp(column.type.unit))


def _time_of_day(name: str, column: Any) -> Any:
    whole = pa.int32() if type_.is_time32(column.type) else pa.int64()
    return column.cast(whole).cast(pa.int64()).cast(pa.duration(column.type.unit))


def _category(name: str, column: Any) -> Any:
    if type_.is_null(column.type.value_type):
        return pa.chunked_array([pa.nulls(len(column))])
    if type_.is_string(column.type.value_type):
        return column.cast(CATEGORY)
    parts = []
    for chunk in column.chunks:
        values = lay_out(name, chunk.dictionary)
        if type_.is_null(values.type):
            values = values.cast(pa.string())
        texts = as_texts(values.combine_chunks())
        indices = chunk.indices.cast(pa.int32())
        parts.append(pa.DictionaryArray.from_arrays(indices, texts))
    return pa.chunked_array(parts, CATEGORY)


def _runs(name: str, column: Any) -> Any:
    """Write out run-end encoded values."""
    parts = []
    for chunk in column.chunks:
        ends = chunk.run_ends.to_numpy().astype(np.int64)
        rows = np.searchsorted(ends, np.arange(chunk.offset, chunk.offset + len(chunk)), "right")
        parts += lay_out(name, chunk.values).take(pa.array(rows)).chunks
    empty = lay_out(name, pa.array([], column.type.value_type)).type
    return pa.chunked_array(parts, parts[0].type if parts else empty)


def _extension(name: str, column: Any) -> Any:
    kind = column.type
    storage = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
    if kind.extension_name in _EXTENSIONS:
        return of_extension(name, storage, kind.extension_name, kind.__arrow_ext_serialize__())
    if type_.is_nested(storage.type):
        return _refuse(name, column)
    return storage


def of_extension(name: str, storage: Any, label: str, said: bytes) -> Any:
    """Return values of an extension type by what they are stored as.

    A file names the type of such a column whether or not this process knows it: those of pandas
    are known only where pandas was imported.

    Parameters
    ----------
    name : str
        The column, for the message.
    storage : pyarrow.ChunkedArray
    label : str
        The name of the extension type.
    said : bytes
        What it says of itself.

    Raises
    ------
    ColumnTypeError
        If it is of pandas, but not what pandas writes.
    """
    if label not in _EXTENSIONS:
        return storage
    try:
        return pa.chunked_array([_EXTENSIONS[label](storage, json.loads(said))])
    except (ValueError, AttributeError, KeyError, TypeError, pa.ArrowException) as error:
        raise ColumnTypeError(
            f"column {name!r} is of type {label} in a form that is not known ({error}); make it "
            "dates or texts, or leave the column out"
        ) from error


def _period_starts(storage: Any, said: dict[str, Any]) -> Any:
    starts = period_starts(storage.fill_null(0).to_numpy(), said["freq"])
    return pa.array(starts, mask=storage.is_null().to_numpy())


def _interval_texts(storage: Any, said: dict[str, Any]) -> Any:
    """Return intervals as pandas shows them."""
    left = "[" if said["closed"] in ("left", "both") else "("
    right = "]" if said["closed"] in ("right", "both") else ")"
    return pa.array(
        [None if v is None else f"{left}{v['left']}, {v['right']}{right}"
         for v in storage.to_pylist()], pa.string(),
    )  # fmt: skip


_EXTENSIONS = {"pandas.period": _period_starts, "pandas.interval": _interval_texts}
_UNITS = {
    "M": "M", "D": "D", "h": "h", "H": "h", "min": "m", "T": "m", "s": "s",
    "S": "s", "ms": "ms", "L": "ms", "us": "us", "U": "us", "ns": "ns", "N": "ns",
}  # fmt: skip
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip


def period_starts(ordinals: Any, freq: str) -> Any:
    """Return when pandas' periods begin, as datetime64[us].

    They are counted from 1970, in units of the frequency without its factor (2D).

    Raises
    ------
    ValueError
        If the frequency is not known.
    """
    base, _, end = freq.lstrip("0123456789").partition("-")
    ordinals = np.asarray(ordinals, np.int64)
    if base == "W" and end in ("", *_DAYS):  # from the week of 1 January 1970, a Thursday
        first = (_DAYS.index(end or "SUN") + 1) % 7 - 10
        starts = (ordinals * 7 + first).astype("datetime64[D]")
    elif base == "B" and not end:
        starts = np.busday_offset(np.datetime64("1970-01-01"), ordinals.tolist())
    elif base in ("Y", "A", "Q") and end in ("", *_MONTHS):  # years that end with any month
        late = 11 - _MONTHS.index(end or "DEC")
        starts = (ordinals * (3 if base == "Q" else 12) - late).astype("datetime64[M]")
    elif base in _UNITS and not end:
        starts = ordinals.astype(f"datetime64[{_UNITS[base]}]")
    else:
        raise ValueError(f"frequency {freq!r}")
    return starts.astype("datetime64[us]")


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (type_.is_binary, type_.is_large_binary, type_.is_fixed_size_binary,
             type_.is_binary_view)  # fmt: skip
    return any(test(kind) for test in tests)


_STEPS: tuple[tuple[Callable[[Any], bool], Step], ...] = (
    (_is_extension, _extension),
    (type_.is_run_end_encoded, _runs),
    (type_.is_dictionary, _category),
    (type_.is_large_string, _text),
    (type_.is_string_view, _text),
    (_is_bytes, _text),
    (type_.is_integer, _to(pa.int64())),
    (type_.is_floating, _to(pa.float64())),
    (type_.is_decimal, _decimal),
    (type_.is_date32, _to(pa.timestamp("s"))),
    (type_.is_date64, _to(pa.timestamp("ms"))),
    (type_.is_timestamp, _utc),
    (type_.is_time, _time_of_day),
)
