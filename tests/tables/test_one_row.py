"""One raw row at a time: the numbers of the encoder, whatever a value is written like."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from steepest.errors import InputError, TableError
from steepest.tables.encoder import Encoder
from steepest.tables.one_row import RowReader

N = 400
RNG = np.random.default_rng(0)
GAIN = np.where(RNG.random(N) < 0.6, 0.0, RNG.choice([7.5, 99.0, 1e4], N))
DAYS = [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=7 * k) for k in range(N)]
TABLE = {
    "age": RNG.normal(40, 10, N),
    "rooms": np.where(RNG.random(N) < 0.1, np.nan, RNG.integers(1, 6, N)),
    "gain": GAIN,
    "flat": np.where(RNG.random(N) < 0.9, 0.0, 1.0),
    "town": [["Here", "There", "Far"][k] for k in RNG.integers(0, 3, N)],
    "street": [f"street {k}" for k in RNG.integers(0, 40, N)],
    "rent": [None if k % 9 == 0 else bool(k % 2) for k in range(N)],
    "pair": [["no", "yes"][k % 2] for k in range(N)],
    "price": [f"{k + 1:,}.50" for k in RNG.integers(0, 9000, N)],
    "day": DAYS,
    "visit": [DAYS[k % 60] for k in range(N)],
    "note": [f"a note of {k} words about {k * 7} things that nobody reads" for k in range(N)],
    "same": [1.0] * N,
    "big": [2**60 + 1000 * k for k in range(N)],
}
ENCODER = Encoder.fit(pa.table(TABLE), TABLE, monotonic={"age": 1}, same_days=True)
NAMES = tuple(TABLE)


def row(k):
    return {name: values[k] for name, values in TABLE.items()}


@pytest.fixture(scope="module", params=["float32", "float64"])
def reader(request):
    return RowReader(ENCODER, np.empty(ENCODER.width, request.param), NAMES)


def encoded(record, dtype):
    return ENCODER.transform(ENCODER.open({k: [v] for k, v in record.items()}), dtype=dtype)[0]


def read(reader, record):
    reader._x[...] = np.nan
    reader(record)
    return reader._x


def test_rows_are_those_of_the_encoder(reader):
    assert set(ENCODER.dropped) == {"same"}
    whole = ENCODER.transform(pa.table(TABLE), dtype=reader._x.dtype)
    for k in range(60):
        np.testing.assert_array_equal(read(reader, row(k)), whole[k])
        np.testing.assert_array_equal(read(reader, tuple(row(k).values())), whole[k])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("age", [None, np.nan, np.inf, -np.inf, 1e200, -3, "41.5", "old", True, np.float32(0.1)]),
        ("rooms", [None, 3, 3.5, np.int64(4), 10**17, "?"]),
        ("gain", [0, 7.5, np.float32(99), 98.99, 1e4, -1.0, 1e9, None]),
        ("town", ["Here", "Elsewhere", None, np.nan, "", "?", 1, 2.0, b"Here", np.str_("There")]),
        ("street", ["street 3", "street 99", None, "Street 3"]),
        ("rent", [True, False, None, np.True_, 0, 1.0, "true", "perhaps"]),
        ("pair", ["yes", "no", None, "never"]),
        ("price", ["1,200.50", 1200.5, "1.2", None]),
        ("day", [DAYS[5], "2024-02-30", "2024-03-01", None, np.datetime64("2024-05-06T07:08:09")]),
        ("note", ["nobody reads things", "", None]),
        ("big", [2**60 + 12, float(2**60), None, "1152921504606846999"]),
    ],
)
def test_whatever_a_value_is(reader, name, values):
    for value in [*values, *values]:  # the second time some are known
        record = {**row(7), name: value}
        np.testing.assert_array_equal(read(reader, record), encoded(record, reader._x.dtype))


def test_values_that_are_kept_are_limited(reader, monkeypatch):
    monkeypatch.setattr("steepest.tables.one_row._KEPT", 3)
    for k in range(10):
        record = {**row(1), "price": f"{k}.25"}
        np.testing.assert_array_equal(read(reader, record), encoded(record, reader._x.dtype))
    kept = next(value._kept for value in reader._read if value._name == "price")
    assert len(kept) <= 3


def test_values_alike_of_other_types_are_apart(reader):
    for value in (1, True, 1.0, "1"):
        record = {**row(1), "rent": value}
        np.testing.assert_array_equal(read(reader, record), encoded(record, reader._x.dtype))


def test_what_is_no_row(reader):
    with pytest.raises(TableError, match="the row lacks the column 'town'"):
        reader({k: v for k, v in row(0).items() if k != "town"})
    with pytest.raises(InputError, match="the row has 2 values, expected 14: age, rooms"):
        reader([1.0, 2.0])
    for nothing in (3.0, "age", None):
        with pytest.raises(InputError, match="a row is a mapping of names to values"):
            reader(nothing)
    with pytest.raises(TableError, match="age"):
        reader({**row(0), "age": [1.0, 2.0]})
