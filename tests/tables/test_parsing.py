"""Any column as numbers, times, truth values or texts, whatever is in it."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from steepest.tables.parsing import plain, read_numbers, read_seconds, read_texts, read_truths

NAN = np.nan


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("in_dictionary", [False, True])
def test_numbers_from_text(kind, in_dictionary):
    column = pa.array(["1", " -2.5e3 ", "+.5", "x", None, "", "1_0", "INF", "nan"]).cast(kind)
    if in_dictionary:
        column = column.cast(pa.string()).dictionary_encode()
    values, bad = read_numbers(column)
    np.testing.assert_array_equal(values, [1, -2500, 0.5, NAN, NAN, NAN, NAN, np.inf, NAN])
    assert bad == 2


def test_numbers_from_other_types():
    assert read_numbers(pa.array([2**63 + 1], pa.uint64()))[0].tolist() == [2.0**63]
    assert read_numbers(pa.array([True, False]))[0].tolist() == [1, 0]
    assert read_numbers(pa.array([datetime.date(2020, 1, 1), None]))[1] == 1
    assert read_numbers(pa.array([datetime.time(1, 0, 2), None]))[0].tolist()[0] == 3602
    assert len(read_numbers(pa.array([], pa.string()))[0]) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01 00:01", 60),
        ("1969-12-31T23:59:59.5", -1),
        ("1970-01-01 00:00:01.123456789", 1),
        ("1970-01-01T01:00:00Z", 3600),
        ("1970-01-01T01:00:00+01:00", 0),
        (" 1970-01-01 ", 0),
        ("9999-12-31", 253402214400),
        ("1970-02-30", NAN),
        ("02/01/1970", NAN),
        ("soon", NAN),
    ],
)
@pytest.mark.parametrize("others", [[], ["no"], ["1970-13-01", None, "1970-01-01"]])
def test_seconds_from_text(text, seconds, others):
    values, bad = read_seconds(pa.array([text, *others]))
    np.testing.assert_array_equal(values[0], seconds)
    assert bad == int(np.isnan(seconds)) + int(len(others) > 0)


def test_seconds_from_other_types():
    day = datetime.date(1970, 1, 2)
    for kind in (pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("ms", "Asia/Tokyo")):
        values, bad = read_seconds(pa.array([day, None]).cast(pa.timestamp("s")).cast(kind))
        np.testing.assert_array_equal(values, [86400, NAN])
        assert bad == 0
    assert read_seconds(pa.array([1.5]))[1] == 1


def test_many_faults_take_no_time():
    good = [f"2020-01-01 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}" for i in range(20_000)]
    column = pa.array([text if i % 2 else f"x{text}" for i, text in enumerate(good)])
    values, bad = read_seconds(column)
    assert bad == 10_000
    assert np.diff(values[1::2]).tolist() == [2] * 9_999


def test_truths():
    values, bad = read_truths(pa.array(["True", " FALSE ", "1", "0", "yes", None]))
    np.testing.assert_array_equal(values, [1, 0, 1, 0, NAN, NAN])
    assert bad == 1


def test_texts():
    broken = pa.DictionaryArray.from_arrays([0, 1, 2, None], ["a", None, "b"])
    texts, indices = read_texts(broken)
    assert [None if i < 0 else texts[i].as_py() for i in indices] == ["a", None, "b", None]
    texts, indices = read_texts(pa.chunked_array([broken, pa.array(["c"]).cast(broken.type)]))
    assert texts[int(indices[-1])].as_py() == "c"
    assert read_texts(pa.array([1, 2, 1]))[1].tolist() == [0, 1, 0]
    assert len(read_texts(pa.chunked_array([], pa.string()))[1]) == 0
    assert plain(broken).type == pa.string()
