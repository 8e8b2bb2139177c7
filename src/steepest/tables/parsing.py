"""Columns of any type as numbers, times, truth values or texts.

A value that is not one becomes missing and is counted; none stops the others. Text is parsed, so
that a column from a CSV file gives what the same column gave when its type was known.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["is_text", "plain", "read_numbers", "read_seconds", "read_texts", "read_truths"]

Floats = NDArray[np.float64]

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|^(?i:[+-]?(inf|infinity)|nan)$"
_TRUTH = r"^(true|false|0|1)$"
_TIME = r"^\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
_ANY = ""


def is_text(kind: pa.DataType) -> bool:
    """Say whether a type is text, or a dictionary of text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def plain(column: Any) -> Any:
    """Return a chunked array without a dictionary, and with one kind of text."""
    if not isinstance(column, pa.ChunkedArray):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column


def read_numbers(column: Any) -> tuple[Floats, int]:
    """Read a column as numbers.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or pyarrow.Array
        Numbers, truth values, or text that holds numbers.

    Returns
    -------
    values : ndarray of float64
        NaN where there is no number.
    unparseable : int
        How many values were there, but not as a number.
    """
    parsed, bad = _cast(column, [pa.float64()], _NUMBER)
    return _to_numpy(parsed), bad


def read_seconds(column: Any) -> tuple[Floats, int]:
    """Read dates, times or text in ISO 8601 as whole seconds since 1970 in UTC."""
    kinds = [pa.timestamp("s")]
    if is_text(column.type):
        units = ("us", "ns")  # the second for its finer fractions, the first for its range
        kinds = [pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in units]
    parsed, bad = _cast(column, kinds, _TIME)
    unit = parsed.type.unit
    # A zone is dropped by way of UTC.
    ticks = parsed.cast(pa.timestamp(unit)).cast(pa.int64()).cast(pa.float64(), safe=False)
    return np.floor(_to_numpy(ticks) / {"s": 1, "us": 1e6, "ns": 1e9}[unit]), bad


def read_truths(column: Any) -> tuple[Floats, int]:
    """Read truth values, numbers, or the texts true, false, 1 and 0 in any case, as 1 and 0."""
    if is_text(column.type):
        column = pc.utf8_lower(pc.utf8_trim_whitespace(plain(column)))
    parsed, bad = _cast(column, [pa.bool_()], _TRUTH)
    return _to_numpy(parsed.cast(pa.float64())), bad


def read_texts(column: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the distinct texts, and each row's index among them, −1 where missing.

    Values of other types are turned into text; those that can't be are missing.
    """
    if not isinstance(column, pa.ChunkedArray):
        column = pa.chunked_array([column])
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    try:
        array = column.combine_chunks()
    except pa.ArrowInvalid:  # dictionaries that hold a null are not unified
        array = plain(column).combine_chunks().dictionary_encode()
    if isinstance(array, pa.ChunkedArray):  # as older versions of Arrow do
        array = array.unify_dictionaries().chunk(0) if len(array) else pa.array([], column.type)
    texts = _cast(array.dictionary, [pa.string()], _ANY)[0]
    indices = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    gone = np.append(texts.is_null().to_numpy(), False)
    indices[gone[indices]] = -1
    return texts.combine_chunks(), indices


def _cast(column: Any, kinds: Sequence[Any], pattern: str) -> tuple[Any, int]:
    """Cast to the first of some types that fits; else null what does not fit, and count it.

    A text that does not match the pattern is given up at once; the others are tried by halves.
    """
    column = plain(column)
    for kind in kinds:
        try:
            return column.cast(kind, safe=False), 0
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    there = len(column) - column.null_count
    if not is_text(column.type):
        return pa.chunked_array([pa.nulls(len(column), kinds[0])]), there
    texts, indices = read_texts(pc.utf8_trim_whitespace(column))
    likely = pc.if_else(pc.match_substring_regex(texts, pattern), texts, pa.scalar(None, "string"))
    distinct = pa.chunked_array(_cast_halves(likely, kinds), kinds[0])
    parsed = distinct.take(pa.array(indices, mask=indices < 0))
    return parsed, there - (len(parsed) - parsed.null_count)


def _cast_halves(texts: Any, kinds: Sequence[Any]) -> list[Any]:
    for kind in kinds:
        try:
            return [texts.cast(kind).cast(kinds[0], safe=False)]
        except pa.ArrowInvalid:
            continue
    if len(texts) == 1:
        return [pa.nulls(1, kinds[0])]
    middle = len(texts) // 2
    return _cast_halves(texts[:middle], kinds) + _cast_halves(texts[middle:], kinds)


def _to_numpy(column: Any) -> Floats:
    """Return float64, NaN where null."""
    values: Floats = column.to_numpy().astype(np.float64)
    return values
