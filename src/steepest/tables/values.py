"""One column of values as Python programs hold them: lists, arrays, series, objects of any type."""

from __future__ import annotations

import datetime
import decimal
import numbers
import uuid
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import ColumnTypeError, InputError
from .layouts import CATEGORY, as_texts, lay_out

__all__ = ["column_of_values", "is_missing"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_PLAIN = frozenset((str, type(None)))
_NUMBERS = frozenset((int, float, type(None)))


def column_of_values(name: str, values: Any) -> Any:
    """Return a column in one of the layouts of `steepest.tables.layouts`.

    Parameters
    ----------
    name : str
        The column, for messages.
    values : sequence, ndarray, Series, or Arrow array (n,)
        A Series is one of pandas or Polars.

    Returns
    -------
    pyarrow.ChunkedArray

    Raises
    ------
    ColumnTypeError
        If the column, or a value of it, is of no type that a column can hold.
    InputError
        If there are several values a row.
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return lay_out(name, values)
    dtype = getattr(values, "dtype", None)
    if hasattr(values, "array") or hasattr(dtype, "construct_array_type"):  # all kinds of pandas
        return lay_out(name, _of_pandas(name, values))
    if hasattr(values, "__arrow_c_stream__"):
        return lay_out(name, _of_polars(name, values))
    if isinstance(values, np.ma.MaskedArray):
        column = column_of_values(name, values.data)
        gone = np.ma.getmaskarray(values)
        return pa.chunked_array([pa.array(_masked(column.to_pylist(), gone), column.type)])
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return lay_out(name, _of_objects(name, list(values)))
    return lay_out(name, _of_array(name, np.asarray(values)))


def is_missing(value: Any) -> bool:
    """Say whether a value is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, decimal.Decimal):
        return value.is_nan()  # a signalling one can't even be compared
    return isinstance(value, float | np.generic) and bool(value != value)


def _masked(values: list[Any], gone: Any) -> list[Any]:
    return [None if no else value for value, no in zip(values, gone.tolist(), strict=True)]


def _of_array(name: str, array: Any) -> Any:
    if array.ndim != 1:
        raise InputError(f"X, column {name!r}: expected one value a row, got shape {array.shape}")
    kind = array.dtype.kind
    if kind == "c":
        raise _complex(name)
    if kind == "V":
        raise ColumnTypeError(
            f"column {name!r} is of type {array.dtype}, which holds several values a row; make "
            "columns of its parts, or leave the column out"
        )
    if kind in "OUST":
        return _of_objects(name, array.tolist())
    if kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if kind in "mM" and np.datetime_data(array.dtype)[0] not in ("D", "s", "ms", "us", "ns"):
        array = array.astype(f"{array.dtype.char}8[s]")
    if kind == "m" and np.datetime_data(array.dtype)[0] == "D":
        array = array.astype("m8[s]")
    return pa.array(np.ascontiguousarray(array), from_pandas=True)


def _complex(name: str) -> ColumnTypeError:
    return ColumnTypeError(
        f"X, column {name!r}: Complex data not supported; give it as two columns"
    )


def _of_pandas(name: str, series: Any) -> Any:
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        codes = np.asarray(getattr(series, "cat", series).codes)
        texts = as_texts(column_of_values(name, dtype.categories).combine_chunks())
        indices = pa.array(codes.astype(np.int32), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, texts).cast(CATEGORY)
    if hasattr(dtype, "fill_value") and hasattr(series, "sparse"):
        return _of_array(name, np.asarray(series.sparse.to_dense()))
    if hasattr(dtype, "closed"):  # intervals
        return _of_objects(name, list(series))
    if isinstance(dtype, np.dtype):
        return _of_array(name, series.to_numpy())
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return _of_objects(name, list(series))


def _of_polars(name: str, series: Any) -> Any:
    if str(getattr(series, "dtype", "")) in ("Object", "Int128", "UInt128"):
        return _of_objects(name, series.to_list())
    if hasattr(series, "to_frame"):  # older versions hand on a series' own stream wrongly
        return pa.table(series.to_frame()).column(0)
    return pa.chunked_array(series)


# ---------------------------------------------------------------------------------------- objects


def _of_objects(name: str, values: list[Any]) -> Any:
    """Return values of one or several Python types as a column."""
    types = set(map(type, values))
    try:
        if types <= _PLAIN:
            return pa.array(values, pa.string())
        if types <= _NUMBERS and float in types:
            return pa.array(values, pa.float64(), from_pandas=True)
    except UnicodeEncodeError as error:
        raise ColumnTypeError(
            f"column {name!r} holds a text that is not Unicode: {error}"
        ) from error
    except (pa.ArrowInvalid, OverflowError):  # whole numbers beyond float64
        pass
    values = [None if is_missing(value) else _python(value) for value in values]
    there = [value for value in values if value is not None]
    kinds = {_kind(name, value) for value in {type(value): value for value in there}.values()}
    return _BY_KINDS.get(frozenset(kinds), _texts)(name, values)


def _python(value: Any) -> Any:
    """Return a value of NumPy as one of Python."""
    if isinstance(value, np.datetime64):
        return value.astype("M8[us]").item()
    if isinstance(value, np.timedelta64):
        return value.astype("m8[us]").item()
    return value.item() if isinstance(value, np.generic) else value


def _kind(name: str, value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return "bytes"
    found = next((kind for types, kind in _KINDS if isinstance(value, types)), None)
    if found is not None:
        return found
    if hasattr(value, "to_timestamp") and hasattr(value, "ordinal"):
        return "period"
    if hasattr(value, "left") and hasattr(value, "right"):
        return "interval"
    if isinstance(value, numbers.Complex):
        raise _complex(name)
    # Without the value: a model keeps why a column was not used.
    raise ColumnTypeError(
        f"column {name!r}: each argument must be a string or a number, a truth value, a time or "
        f"missing, got one of type {type(value).__name__}; make columns of its parts, or leave the "
        "column out"
    )


_KINDS: tuple[tuple[Any, str], ...] = (
    (str, "text"),
    (bool, "truth"),
    (numbers.Integral, "whole"),
    ((numbers.Real, decimal.Decimal, Fraction), "real"),
    (datetime.date, "date"),
    ((datetime.time, datetime.timedelta), "time"),
    (uuid.UUID, "interval"),
)


def _whole(name: str, values: list[Any]) -> Any:
    whole = [None if value is None else int(value) for value in values]
    for kind in (pa.int64(), pa.uint64()):
        try:
            return pa.array(whole, kind)
        except (OverflowError, pa.ArrowInvalid):
            continue
    return pa.array([None if value is None else str(value) for value in whole], pa.string())


def _truths(name: str, values: list[Any]) -> Any:
    if {value for value in values if value is not None} <= {0, 1}:
        return pa.array([None if value is None else bool(value) for value in values], pa.bool_())
    return _whole(name, values)


def _reals(name: str, values: list[Any]) -> Any:
    return pa.array([None if value is None else _float(value) for value in values], pa.float64())


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _dates(name: str, values: list[Any]) -> Any:
    """Return dates and times; those without a zone are taken as UTC."""
    return pa.array([None if v is None else _microseconds(v) for v in values], pa.int64()).cast(
        pa.timestamp("us")
    )


def _microseconds(value: Any) -> int:
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    elif hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime(warn=False)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    return _ticks(value - _EPOCH)


def _ticks(span: datetime.timedelta) -> int:
    return (span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds


def _times(name: str, values: list[Any]) -> Any:
    ticks = [None if value is None else _ticks(_span(value)) for value in values]
    return pa.array(ticks, pa.int64()).cast(pa.duration("us"))


def _span(value: Any) -> datetime.timedelta:
    if isinstance(value, datetime.timedelta):
        return value
    return datetime.timedelta(
        hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
    )


def _periods(name: str, values: list[Any]) -> Any:
    return _dates(name, [None if value is None else value.to_timestamp() for value in values])


def _bytes(name: str, values: list[Any]) -> Any:
    return pa.array([None if value is None else bytes(value) for value in values], pa.binary())


def _texts(name: str, values: list[Any]) -> Any:
    """Return values of types that don't go together as texts."""
    texts = [None if v is None else v.decode() if isinstance(v, bytes) else str(v) for v in values]
    return pa.array(texts, pa.string())


_BY_KINDS: dict[frozenset[str], Callable[[str, list[Any]], Any]] = {
    frozenset(): lambda name, values: pa.nulls(len(values)),
    frozenset({"truth"}): _truths,
    frozenset({"truth", "whole"}): _truths,
    frozenset({"whole"}): _whole,
    frozenset({"real"}): _reals,
    frozenset({"whole", "real"}): _reals,
    frozenset({"truth", "real"}): _reals,
    frozenset({"truth", "whole", "real"}): _reals,
    frozenset({"date"}): _dates,
    frozenset({"time"}): _times,
    frozenset({"period"}): _periods,
    frozenset({"bytes"}): _bytes,
}
"""What a column becomes by the kinds of its values; others, and mixtures, become texts."""
