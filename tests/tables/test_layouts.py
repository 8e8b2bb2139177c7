"""Arrow's types as few layouts; `test_every_type` has all of them."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from steepest.errors import ColumnTypeError, InputError, TableError
from steepest.tables.layouts import (
    as_texts,
    is_known,
    lay_out,
    of_extension,
    period_starts,
    printable,
)


def test_a_layout_stays_as_it_is():
    for column in (pa.array([1.5]), pa.array(["a"]), pa.array([1], pa.timestamp("ns"))):
        assert lay_out("x", lay_out("x", column)).equals(pa.chunked_array([column]))
        assert is_known(column.type)


def test_slices_and_chunks():
    runs = pa.RunEndEncodedArray.from_arrays(
        pa.array([2, 5, 9], pa.int32()), pa.array([1, None, 3])
    )
    assert lay_out("x", runs.slice(1, 5)).to_pylist() == [1, None, None, None, 3]
    parts = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", "c"]).dictionary_encode()]
    assert lay_out("x", pa.chunked_array(parts).slice(1, 2)).to_pylist() == ["b", "b"]
    assert lay_out("x", pa.chunked_array([], pa.large_string())).type == pa.string()
    assert lay_out("x", pa.chunked_array([], runs.type)).type == pa.int64()


def test_whole_numbers_stay_exact():
    for value, kind in ((2**63, pa.uint64()), (-(2**63), pa.int64())):
        assert lay_out("x", pa.array([value], kind))[0].as_py() == value
    assert lay_out("x", pa.array([decimal.Decimal(2**70)], pa.decimal128(38, 0))).to_pylist() == [
        str(2**70)
    ]


def test_values_of_categories_are_texts():
    day = pa.array([datetime.date(2024, 2, 29)]).dictionary_encode()
    assert lay_out("x", day).to_pylist() == ["2024-02-29"]
    assert lay_out("x", pa.array([1.0, 2.5]).dictionary_encode()).to_pylist() == ["1", "2.5"]
    assert lay_out("x", pa.array([None, None]).dictionary_encode()).null_count == 2


def test_texts_of_values():
    moments = pa.array([datetime.datetime(2024, 1, 1, 10), datetime.datetime(2024, 1, 2)])
    assert as_texts(moments).to_pylist() == ["2024-01-01 10:00:00", "2024-01-02"]
    assert as_texts(pa.array([1.0, 1e300, None])).to_pylist() == ["1", "1e+300", None]
    assert as_texts(pa.array([90], pa.duration("s"))).to_pylist() == ["90"]


FREQUENCIES = (
    *("Y", "Y-JUN", "Q", "Q-JAN", "2Q-NOV", "M", "3M", "W", "W-WED", "W-FRI"),
    *("D", "2D", "h", "min", "5min", "s", "ms", "us", "ns"),
)


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_periods_begin_when_pandas_says(freq):
    periods = pd.period_range("1968-03-04", periods=30, freq=freq)
    periods = periods.append(pd.period_range("2010-03-04", periods=30, freq=freq))
    starts = periods.to_timestamp().to_numpy().astype("M8[us]")
    np.testing.assert_array_equal(period_starts(periods.asi8, periods.freqstr), starts)


def test_periods_of_business_days():  # pandas gives them up
    found = period_starts([-5, -1, 0, 1, 2], "B").astype("M8[D]").astype(str)
    assert found.tolist() == ["1969-12-25", "1969-12-31", "1970-01-01", "1970-01-02", "1970-01-05"]


@pytest.mark.parametrize(
    "said", [b'{"freq": "C"}', b'{"freq": "Y-MON"}', b"{}", b"[", b'{"freq": 3}']
)
def test_what_pandas_does_not_write_is_refused(said):
    storage = pa.chunked_array([pa.array([0, 1])])
    with pytest.raises(ColumnTypeError, match=r"column 'x' is of type pandas\.period in a form"):
        of_extension("x", storage, "pandas.period", said)


def test_a_refusal_is_of_all_the_kinds_that_people_catch():
    for kind in (TableError, InputError, TypeError, ValueError):
        with pytest.raises(kind, match="column 'x' is of type list<item: int64>, which holds"):
            lay_out("x", pa.array([[1]]))


def test_a_file_of_text_can_hold_all_of_them():
    columns = [
        pa.array(["a"]).cast(pa.string_view()),
        pa.array([b"a"]),
        pa.array(["a"]).dictionary_encode(),
        pa.array([90], pa.duration("s")), pa.array([datetime.time(1, 2)]),
        pa.array([decimal.Decimal("1.5")]),
    ]  # fmt: skip
    found = [printable(pa.chunked_array([column]))[0].as_py() for column in columns]
    assert found == ["a", "a", "a", "90", "01:02:00.000000", "1.5"]
