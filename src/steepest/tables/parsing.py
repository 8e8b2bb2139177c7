"""Columns of any layout as numbers, seconds, truth values or texts.

This is the one grammar for values. A value that is not one becomes missing and is counted; none
stops the others. Text is parsed, so that a column from a CSV file gives what the same column gave
when its type was known; `steepest.tables.numerals` and `steepest.tables.dates` say how.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .dates import read_dates, read_times
from .layouts import as_texts, chunked, decoded, lay_out
from .numerals import cast_plain, read_numerals, whole_numbers

__all__ = [
    "MISSING",
    "NO_VALUES",
    "are_missing",
    "as_floats",
    "is_text",
    "plain",
    "read_exact",
    "read_numbers",
    "read_seconds",
    "read_texts",
    "read_truths",
    "rows_of_texts",
]

Floats = NDArray[np.float64]

_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "Null", "null", "<NA>", "#N/A")
MISSING = (*_WORDS, "?", "")
"""What stands for a missing value in texts of any meaning; spaces around it don't count."""
NO_VALUES = (
    "None", "none", "NONE", "NaT", "nat", "na", "Na", "n.a.", "N.A.", "nil", "Nil", "missing",
    "Missing", "unknown", "Unknown", "-", "--", "---", "–", "—", ".", "..", "...", "*", "#", "#NA",
    "#N/A N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!", "1.#IND", "1.#QNAN",
    "-1.#IND", "-1.#QNAN",
)  # fmt: skip
"""What besides does where numbers, dates or truth values are expected. Elsewhere it is a text."""

TIME = "time"
"""The pattern of numbers that are times of day or durations."""
_TRUTHS = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}
_UNITS = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}


def is_text(kind: pa.DataType) -> bool:
    """Say whether a layout is text, or a category."""
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def plain(column: Any, name: str = "") -> Any:
    """Return a column in its layout, the values of a category spelled out."""
    column = chunked(column)
    if pa.types.is_dictionary(column.type):
        values = lay_out(name, pa.chunked_array([], column.type.value_type)).type
        if not is_text(values):  # numbers stay numbers
            return lay_out(name, column.cast(column.type.value_type))
    return decoded(lay_out(name, column))


def are_missing(texts: Any, words: Iterable[str]) -> NDArray[np.bool_]:
    """Say which of some texts are null, or one of the words but for spaces around it."""
    found = pc.is_in(pc.utf8_trim_whitespace(texts), value_set=pa.array(list(words), pa.string()))
    gone: NDArray[np.bool_] = pc.or_kleene(found, texts.is_null()).to_numpy(zero_copy_only=False)
    return gone.astype(bool)


def read_numbers(
    column: Any, pattern: str = "", missing: Iterable[str] = MISSING
) -> tuple[Floats, int]:
    """Read a column as numbers.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or pyarrow.Array
        Numbers, truth values, times of day and durations (in seconds), or text that holds numbers.
    pattern : str
        How text holds them (`steepest.tables.numerals`); `TIME` for times of day and durations.
    missing : iterable of str
        Texts that mean a missing value, besides `NO_VALUES`.

    Returns
    -------
    values : ndarray of float64
        NaN where there is no number.
    unparseable : int
        How many values were there, but not as a number.
    """
    column = lay_out("", column)
    kind = column.type
    if pa.types.is_duration(kind):
        ticks = column.cast(pa.int64()).cast(pa.float64(), safe=False)
        return _to_numpy(ticks) / _UNITS[kind.unit], 0
    if is_text(kind):
        if not pattern and pa.types.is_string(kind):
            parsed = cast_plain(column)
            if parsed is not None:
                return _to_numpy(parsed), 0
        texts, indices = read_texts(column)
        numbers = read_numerals(texts, "" if pattern == TIME else pattern)
        if pattern == TIME:
            times = read_times(texts)
            numbers = np.where(np.isnan(times), numbers, times)
        return _gather(texts, indices, numbers, (*missing, "nan", "NAN"))
    if pa.types.is_timestamp(kind):
        return _nothing(column)
    return _to_numpy(column.cast(pa.float64(), safe=False)), 0


def read_exact(column: Any, pattern: str = "") -> tuple[list[int | None], NDArray[np.int64]]:
    """Read whole numbers of any size: the distinct ones, None for what is none, and indices."""
    texts, indices = read_texts(column)
    return whole_numbers(texts.to_pylist(), pattern), indices


def read_seconds(
    column: Any, order: str = "", missing: Iterable[str] = MISSING
) -> tuple[Floats, int]:
    """Read dates and times, or text that holds them, as whole seconds since 1970 in UTC.

    Parameters
    ----------
    column, missing
        As of `read_numbers`.
    order : str
        How text holds them, besides ISO 8601 (`steepest.tables.dates`).
    """
    column = lay_out("", column)
    kind = column.type
    if pa.types.is_timestamp(kind):
        ticks = column.cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.floor(_to_numpy(ticks) / _UNITS[kind.unit]), 0
    if not is_text(kind):
        return _nothing(column)
    texts, indices = read_texts(column)
    return _gather(texts, indices, read_dates(texts, order), missing)


def read_truths(column: Any, missing: Iterable[str] = MISSING) -> tuple[Floats, int]:
    """Read truth values, numbers, or the texts true, false, 1 and 0 in any case, as 1 and 0."""
    column = lay_out("", column)
    kind = column.type
    if is_text(kind):
        texts, indices = read_texts(column)
        words = pc.utf8_lower(pc.utf8_trim_whitespace(texts)).to_pylist()
        truths = np.array([_TRUTHS.get(word, np.nan) for word in words], np.float64)
        return _gather(texts, indices, truths, missing)
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return _nothing(column)
    numbers = _to_numpy(column.cast(pa.float64(), safe=False))
    return np.where(np.isnan(numbers), np.nan, numbers != 0), 0


def as_floats(numbers: Any) -> Floats:
    """Return what `steepest.tables.numerals.cast_plain` made of a column, NaN where missing."""
    return _to_numpy(numbers)


def rows_of_texts(texts: Any, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many rows have each of the distinct texts that `read_texts` found."""
    rows: NDArray[np.int64] = np.bincount(indices + 1, minlength=len(texts) + 1)[1:]
    return rows


def read_texts(column: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the distinct texts, and each row's index among them, −1 where missing.

    Values of other types are turned into text.
    """
    column = lay_out("", column)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    try:
        array = column.combine_chunks()
    except pa.ArrowInvalid:  # dictionaries that hold a null are not unified
        array = decoded(column).combine_chunks().dictionary_encode()
    if isinstance(array, pa.ChunkedArray):  # as older versions of Arrow do
        array = array.unify_dictionaries().chunk(0) if len(array) else pa.array([], column.type)
    texts = as_texts(array.dictionary)
    indices = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if texts.null_count:
        gone = np.append(texts.is_null().to_numpy(zero_copy_only=False), False)
        indices[gone[indices]] = -1
    return texts, indices


def _gather(
    texts: Any, indices: NDArray[np.int64], values: Floats, missing: Iterable[str]
) -> tuple[Floats, int]:
    """Return the value of each row, and how many are there, but are none."""
    rows = np.append(values, np.nan)[indices]
    failed = np.isnan(values)
    if not failed.any():
        return rows, 0
    odd = failed & ~are_missing(texts, (*missing, *NO_VALUES))
    return rows, int(np.append(odd, False)[indices].sum())


def _nothing(column: Any) -> tuple[Floats, int]:
    return np.full(len(column), np.nan), len(column) - column.null_count


def _to_numpy(column: Any) -> Floats:
    """Return float64, NaN where null."""
    values: Floats = column.to_numpy().astype(np.float64)
    return values
