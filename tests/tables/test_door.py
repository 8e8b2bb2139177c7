"""The same table through every door gives the same matrix."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest.errors import ColumnTypeError, InputError
from steepest.tables.door import check_column, index_columns, is_table, lay_out_table, open_table
from steepest.tables.encoder import Counts, Encoder
from steepest.tables.files import TableWriter, read_table, stream_table
from steepest.tables.layouts import lay_out
from steepest.tables.values import column_of_values

ROWS = 400


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    hours = pd.to_timedelta(rng.integers(0, 500 * 24, ROWS), "h")
    frame = pd.DataFrame(
        {
            "number": rng.standard_normal(ROWS).round(3),
            "whole": rng.integers(0, 50, ROWS),
            "wide": 2**60 + rng.integers(0, 5, ROWS),
            "text": rng.choice(["a", "b", "?", "c d", "None"], ROWS),
            "many": [f"k{k}" for k in rng.integers(0, 20, ROWS)],
            "money": [f"${k:,}.50" for k in rng.integers(0, 10**6, ROWS)],
            "flag": rng.random(ROWS) < 0.5,
            "when": pd.Timestamp("2024-01-01") + hours,
            "iso": (pd.Timestamp("2024-01-01") + hours).strftime("%Y-%m-%d"),
            "lasts": pd.to_timedelta(rng.integers(0, 10**5, ROWS), "s"),
            "at": [datetime.time(k % 24, k % 60, k % 59) for k in range(ROWS)],
            "none": [None if k % 7 == 0 else f"v{k % 3}" for k in range(ROWS)],
        }
    )
    frame.loc[::11, "number"] = np.nan
    return frame


def ours_in_csv(frame, folder):
    with TableWriter(folder / "t.csv") as writer:
        writer.write(pa.Table.from_pandas(frame, preserve_index=False))
    return read_table(folder / "t.csv")


def pandas_in_csv(frame, folder):
    frame.to_csv(folder / "t.csv", index=False)
    return pa.concat_tables(stream_table(folder / "t.csv", rows=60))


def polars_in_ipc(frame, folder):
    pl.from_pandas(frame).write_ipc(folder / "t.arrow")
    return read_table(folder / "t.arrow")


def in_parquet(frame, folder):
    frame.to_parquet(folder / "t.parquet")
    return pa.concat_tables(stream_table(folder / "t.parquet", rows=60))


DOORS = {
    "objects": lambda frame, folder: frame.astype(object),
    "pandas, nullable": lambda frame, folder: frame.convert_dtypes(),
    "pandas, of Arrow": lambda frame, folder: frame.convert_dtypes(dtype_backend="pyarrow"),
    "Polars": lambda frame, folder: pl.from_pandas(frame),
    "Arrow": lambda frame, folder: pa.Table.from_pandas(frame),
    "Arrow, a batch": lambda frame, folder: pa.RecordBatch.from_pandas(frame),
    "dictionary of lists": lambda frame, folder: {name: list(frame[name]) for name in frame},
    "records": lambda frame, folder: frame.to_dict("records"),
    "CSV": ours_in_csv,
    "CSV of pandas": pandas_in_csv,
    "Parquet": in_parquet,
    "Arrow file of Polars": polars_in_ipc,
}


@pytest.mark.parametrize("door", DOORS)
def test_the_same_matrix_through_every_door(frame, tmp_path, door):
    def encode(X, encoder=None):
        table, named = open_table(X)
        assert named
        counts = Counts()
        encoder = encoder or Encoder.fit(table, table.column_names, counts=counts)
        matrix = encoder.transform(table, counts, np.float64)
        assert not counts
        return encoder, matrix

    wanted, matrix = encode(frame)
    assert wanted.columns["money"].pattern == "$1,234.5"
    assert wanted.columns["text"].missing
    assert "None" in wanted.columns["text"].values
    X = DOORS[door](frame, tmp_path)
    np.testing.assert_array_equal(encode(X)[1], matrix)
    np.testing.assert_array_equal(encode(X, wanted)[1], matrix)


def test_rows_and_arrays_have_no_names():
    for X in ([[1, "a"], [2.5, None]], np.array([[1, "a"], [2.5, None]], object)):
        table, named = open_table(X)
        assert not named
        assert table.to_pydict() == {"x0": [1.0, 2.5], "x1": ["a", None]}
    masked = np.ma.masked_array([[1.0, 2.0]], [[False, True]])
    assert open_table(masked)[0].to_pydict() == {"x0": [1.0], "x1": [None]}


def test_one_row_and_rows_that_lack_a_value():
    assert open_table({"a": 1, "b": "x"})[0].to_pydict() == {"a": [1], "b": ["x"]}
    table, _ = open_table([{"a": 1}, {"b": "x", "a": 2}])
    assert table.to_pydict() == {"a": [1, 2], "b": [None, "x"]}
    array = np.array([(1, "a"), (2, "b")], dtype=[("p", int), ("q", "U1")])
    assert open_table(array)[0].to_pydict() == {"p": [1, 2], "q": ["a", "b"]}


def test_what_is_no_table():
    frame = pl.DataFrame({"a": [1]})
    for X, message in (
        (frame.lazy(), r"LazyFrame, which holds no rows yet; call its collect\(\)"),
        (frame["a"], "got a Series"),
        (pd.Series([1]), "got a Series"),
        ([[1, 2], [3]], "rows of different lengths"),
        ({"a": [1], "b": [1, 2]}, "columns of different lengths"),
        ({"a": np.ones((2, 2))}, "expected one value a row"),
        (np.ones(3), "expected a table"),
        (5, "expected a table"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column is called 'a'"),
        (pa.table([[1], [2]], ["a", "a"]), "more than one column is called 'a'"),
    ):
        with pytest.raises(InputError, match=message):
            open_table(X)
    assert not is_table([[1.0, 2.0], [3.0, 4.0]])  # scikit-learn looks at these
    assert not is_table("text")


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([2**64 - 1, 0], "uint64", [2**64 - 1, 0]),
        ([2**70, 1], "string", [str(2**70), "1"]),
        ([10**400, 1.5], "double", [float("inf"), 1.5]),
        ([True, None, 1], "bool", [True, None, True]),
        ([True, 2], "int64", [1, 2]),
        ([1, "x", None, float("nan")], "string", ["1", "x", None, None]),
        ([np.float32(1.5), np.int8(2)], "double", [1.5, 2.0]),
        ([pd.NA, pd.NaT, np.datetime64("NaT"), None], "null", [None] * 4),
        ([pd.Timestamp("2024-01-01", tz="Asia/Tokyo"), datetime.date(2024, 1, 1)], "timestamp[us]",
         [datetime.datetime(2023, 12, 31, 15), datetime.datetime(2024, 1, 1)]),
        ([pd.Interval(0, 1)], "string", ["(0, 1]"]),
        (np.array(["2024-01", "NaT"], "M8[M]"), "timestamp[s]",
         [datetime.datetime(2024, 1, 1), None]),
        (np.array([1, 2], "m8[h]"), "duration[s]",
         [datetime.timedelta(hours=1), datetime.timedelta(hours=2)]),
        (np.array([b"ab"]), "string", ["ab"]),
        (pd.Categorical([3, None, 1]), "dictionary<values=string, indices=int32, ordered=0>",
         ["3", None, "1"]),
    ],
)  # fmt: skip
def test_values_of_python(values, kind, wanted):
    column = column_of_values("x", values)
    assert (str(column.type), column.to_pylist()) == (kind, wanted)


def test_the_index_of_pandas_is_no_column(tmp_path):
    frame = pd.DataFrame({"x": [0.0, 2, 3, 1, 5], "key": list("abcde")})
    frame[frame.x > 1].to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert index_columns(table) == ["__index_level_0__"]
    assert open_table(table)[0].column_names == ["x", "key"]
    named = pa.Table.from_pandas(frame.set_index("key"))
    assert index_columns(named) == ["key"]
    frame.to_csv(tmp_path / "t.csv")
    assert index_columns(read_table(tmp_path / "t.csv")) == [""]
    assert index_columns(pa.table({"x": [1]})) == []
    for text in (b"[]", b"{", b'{"index_columns": 3}', b'{"columns": [3]}', b"\xff"):
        odd = pa.table({"x": [1]}).replace_schema_metadata({b"pandas": text})
        assert index_columns(odd) == []
        assert lay_out_table(odd).equals(odd)


def test_categories_of_pandas_stay_so_where_parquet_holds_numbers(tmp_path):
    frame = pd.DataFrame({"x": pd.Categorical([3, 1, 3])})
    frame.to_parquet(tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").column("x").type == pa.int64()
    table = open_table(read_table(tmp_path / "t.parquet"))[0]
    assert pa.types.is_dictionary(table.column("x").type)
    assert table.to_pydict() == open_table(frame)[0].to_pydict() == {"x": ["3", "1", "3"]}


def test_what_pandas_wrote_is_the_same_where_pandas_was_not_imported():
    """A process that has not imported pandas finds the types of such columns in their metadata."""
    periods = pd.Series(pd.period_range("2024-01", periods=20, freq="M"))
    bins = pd.Series(pd.IntervalIndex(pd.cut(np.arange(20), 4)))
    frame = pd.DataFrame({"when": periods, "bin": bins})
    known = pa.Table.from_pandas(frame)
    fields, columns = [], []
    for field, column in zip(known.schema, known.columns, strict=True):
        kind = field.type
        said = {
            b"ARROW:extension:name": kind.extension_name.encode(),
            b"ARROW:extension:metadata": kind.__arrow_ext_serialize__(),
        }
        fields.append(pa.field(field.name, kind.storage_type, metadata=said))
        columns.append(pa.chunked_array([c.storage for c in column.chunks]))
    unknown = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    opened = open_table(frame)[0]
    assert open_table(unknown)[0].equals(opened.cast(open_table(unknown)[0].schema))
    for name in frame.columns:
        column = lay_out(name, check_column(unknown, name))
        assert column.to_pylist() == opened.column(name).to_pylist()
    assert lay_out_table(lay_out_table(unknown)).equals(lay_out_table(unknown))


def test_an_extension_that_says_nonsense_is_refused_by_its_name():
    said = {b"ARROW:extension:name": b"pandas.period", b"ARROW:extension:metadata": b"{}"}
    table = pa.table([[1, 2]], pa.schema([pa.field("a", pa.int64(), metadata=said)]))
    with pytest.raises(ColumnTypeError, match=r"column 'a' is of type pandas\.period"):
        check_column(lay_out_table(table), "a")


def test_names_are_unicode():
    with pytest.raises(InputError, match=r"X: the name '\\ud800' is no Unicode text; rename"):
        open_table({"\ud800": [1.0]})


def test_a_stream_of_batches_is_a_table():
    table = pa.table({"a": [1.0, 2.0]})
    assert open_table(table.to_reader())[0].equals(table)
    with pytest.raises(InputError, match="expected a table, got a Series; make it one of one"):
        open_table(pl.Series([1]))


def test_decimals_that_are_no_numbers_are_missing():
    values = [decimal.Decimal(text) for text in ("1", "NaN", "sNaN", "-Infinity")]
    assert column_of_values("x", values).to_pylist() == [1.0, None, None, float("-inf")]
