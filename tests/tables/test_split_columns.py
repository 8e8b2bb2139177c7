"""When a row was, and which group it is of, whatever type of column says so."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from steepest.errors import TableError
from steepest.tables.options import TableOptions
from steepest.tables.split_columns import read_groups, read_moments

DAYS = [datetime.date(2024, 3, 1), datetime.date(2023, 12, 31), datetime.date(2024, 2, 29)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(DAYS),
        pa.array(DAYS).cast(pa.timestamp("ns")),
        pa.array([str(day) for day in DAYS]),
        pa.array([f"{day:%d/%m/%Y}" for day in DAYS]),
        pa.array([2024.25, 2023.99, 2024.2]),
        pa.array([1_709_251_200_000_000_002, 1_709_251_200_000_000_000, 1_709_251_200_000_000_001]),
        pa.array(["7.5", "-3", "0"]),
        pa.array(["12:00", "07:59", "11:59"]),
    ],
)
def test_moments_are_in_order(column):
    moments = read_moments("when", column)
    assert moments.argsort().tolist() == [1, 2, 0]
    assert len(set(moments.tolist())) == 3


def test_moments_of_texts_as_they_are_said_to_be_written():
    column = pa.array(["01/02/2024", "02/01/2024"])
    with pytest.raises(TableError, match="neither dates nor numbers"):
        read_moments("when", column)
    first = read_moments("when", column, TableOptions(date_format="%d/%m/%Y"))
    assert first[0] > first[1]
    first = read_moments("when", column, TableOptions(date_format="%m/%d/%Y"))
    assert first[0] < first[1]


@pytest.mark.parametrize(
    "column", [pa.array(["early", "late", "early"]), pa.nulls(3), pa.array([True, False, True])]
)
def test_what_is_no_time(column):
    with pytest.raises(TableError, match="'when' holds neither dates nor numbers"):
        read_moments("when", column)


@pytest.mark.parametrize(
    "column",
    [pa.array([1, None, 3]), pa.array([1.5, None, 3]), pa.array(["2024-01-01"] * 9 + [""])],
)
def test_a_row_without_a_time(column):
    with pytest.raises(TableError, match=r"gives no time for 1 row, such as row (2|10) "):
        read_moments("when", column)


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", None, "b"],
        [1.5, 0.5, None, 1.5],
        [DAYS[0], DAYS[1], None, DAYS[0]],
        [2, 1, None, 2],
    ],
)
@pytest.mark.parametrize("category", [False, True])
def test_groups(values, category):
    column = pa.chunked_array([pa.array(values[:1]), pa.array(values[1:])])
    codes = read_groups("who", column.dictionary_encode() if category else column)
    assert codes[0] == codes[3]
    assert sorted(set(codes.tolist())) == [0, 1, 2]
    assert codes.dtype == np.int64


def test_groups_of_pandas_categories():
    column = pa.array(pd.Series(["b", "a", "b"], dtype="category"))
    assert read_groups("who", column).tolist() in ([0, 1, 0], [1, 0, 1])
