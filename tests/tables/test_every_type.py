"""Every type of Arrow, pandas and Polars through every door: read and used, or refused by name."""

import datetime
import decimal
import re
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest import TabularClassifier
from steepest.cli import app
from steepest.errors import ColumnTypeError, TableError, TableWarning
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.pipeline.stream import fit_stream
from steepest.tables.door import check_column, open_table
from steepest.tables.encoder import Counts, Encoder
from steepest.tables.files import read_table, stream_table

ROWS = 120
NUMBERS = np.random.default_rng(0).permutation(ROWS)  # the targets are those above the middle
TARGET = np.where(NUMBERS < ROWS // 2, "low", "high")
SMALL = {"layers": (16,), "epochs": 12}
ONE = {**SMALL, "threads": 1}
DAY = datetime.date(2024, 1, 1)


def arrow(values, kind, gone=True):
    """Return an array with one missing value."""
    values = list(values)
    if gone:
        values[7] = None
    return pa.array(values, kind)


def days(kind):
    return arrow([DAY + datetime.timedelta(int(k)) for k in NUMBERS], pa.date32()).cast(kind)


def times(kind):
    return arrow([datetime.time(int(k) // 10, int(k) % 10 * 6) for k in NUMBERS], kind)


def decimals(kind):
    return arrow([decimal.Decimal(int(k)) for k in NUMBERS], kind)


WORDS = [f"w{k // 12}" for k in NUMBERS]
TEXTS = arrow(WORDS, pa.string())
RUNS = pa.array([str(k) for k in range(2)])


def runs(values):
    """Return values as runs: half of them each."""
    ends = pa.array([ROWS // 2, ROWS], pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, values)


INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
UNITS = ["s", "ms", "us", "ns"]

ARROW = {
    "null": pa.nulls(ROWS),
    "bool": arrow(NUMBERS >= ROWS // 2, pa.bool_()),
    **{name: arrow(NUMBERS.tolist(), getattr(pa, name)()) for name in INTEGERS},
    "float16": arrow(NUMBERS.astype(np.float16), pa.float16()),
    "float32": arrow(NUMBERS.astype(float), pa.float32()),
    "float64": arrow(NUMBERS.astype(float), pa.float64()),
    "decimal32": decimals(pa.decimal32(6, 2)),
    "decimal64": decimals(pa.decimal64(12, 0)),
    "decimal128": decimals(pa.decimal128(38, 0)),
    "decimal256": decimals(pa.decimal256(60, 3)),
    "date32": days(pa.date32()),
    "date64": days(pa.date64()),
    **{f"timestamp {unit}": days(pa.timestamp(unit)) for unit in UNITS},
    "timestamp with a zone": days(pa.timestamp("us")).cast(pa.timestamp("us", "Asia/Tokyo")),
    **{f"time32 {unit}": times(pa.time32(unit)) for unit in UNITS[:2]},
    **{f"time64 {unit}": times(pa.time64(unit)) for unit in UNITS[2:]},
    **{f"duration {unit}": arrow(NUMBERS.tolist(), pa.duration(unit)) for unit in UNITS},
    "string": TEXTS,
    "large_string": TEXTS.cast(pa.large_string()),
    "string_view": TEXTS.cast(pa.string_view()),
    "binary of text": TEXTS.cast(pa.binary()),
    "large_binary of text": TEXTS.cast(pa.large_binary()),
    "binary_view of text": TEXTS.cast(pa.binary()).cast(pa.binary_view()),
    "fixed_size_binary of text": arrow([w[:2].encode() for w in WORDS], pa.binary(2)),
    **{
        f"dictionary, {name}": TEXTS.dictionary_encode().cast(
            pa.dictionary(getattr(pa, name)(), pa.string())
        )
        for name in INTEGERS
    },
    "dictionary of large_string": pa.DictionaryArray.from_arrays(
        TEXTS.dictionary_encode().indices, TEXTS.dictionary_encode().dictionary.cast("large_string")
    ),
    "dictionary of string_view": pa.DictionaryArray.from_arrays(
        TEXTS.dictionary_encode().indices,
        TEXTS.dictionary_encode().dictionary.cast(pa.string_view()),
    ),
    "dictionary of int64": arrow((NUMBERS // 12).tolist(), pa.int64()).dictionary_encode(),
    "dictionary of float64": arrow((NUMBERS // 12 / 2).tolist(), pa.float64()).dictionary_encode(),
    "dictionary of date32": arrow(
        [DAY + datetime.timedelta(int(k)) for k in NUMBERS // 12], pa.date32()
    ).dictionary_encode(),
    "run_end_encoded of int64": runs(pa.array([0, 1])),
    "run_end_encoded of string_view": runs(pa.array(["a", "b"]).cast(pa.string_view())),
    "run_end_encoded of dictionary": runs(pa.array(["a", "b"]).dictionary_encode()),
    "extension arrow.json": pa.ExtensionArray.from_storage(pa.json_(), TEXTS),
    "extension arrow.bool8": pa.ExtensionArray.from_storage(
        pa.bool8(), pa.array((NUMBERS >= ROWS // 2).astype(np.int8))
    ),
    "extension arrow.opaque": pa.ExtensionArray.from_storage(
        pa.opaque(pa.int32(), "a", "b"), arrow(NUMBERS.tolist(), pa.int32())
    ),
}
ARROW_REFUSED = {
    "list": (pa.array([[1, 2]] * ROWS), "holds several values a row"),
    "large_list": (pa.array([[1]] * ROWS, pa.large_list(pa.int64())), "several values a row"),
    "list_view": (pa.array([[1]] * ROWS, pa.list_view(pa.int64())), "several values a row"),
    "fixed_size_list": (pa.array([[1, 2]] * ROWS, pa.list_(pa.int64(), 2)), "several values"),
    "struct": (pa.array([{"a": 1}] * ROWS), "several values a row"),
    "map": (pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())), "several values"),
    "dense_union": (
        pa.UnionArray.from_dense(
            pa.array([0] * ROWS, pa.int8()), pa.array(range(ROWS), pa.int32()),
            [pa.array(range(ROWS))],
        ),
        "several values a row",
    ),
    "interval": (pa.array([pa.MonthDayNano([1, 2, 3])] * ROWS), "months differ in length"),
    "binary": (pa.array([b"\xff\xfe"] * ROWS), "not text in UTF-8"),
    "extension arrow.uuid": (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\xff" * 16] * ROWS, pa.binary(16))),
        "not text in UTF-8",
    ),
    "extension arrow.fixed_shape_tensor": (
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.int32(), [2]),
            pa.array([[1, 2]] * ROWS, pa.list_(pa.int32(), 2)),
        ),
        "several values a row",
    ),
}  # fmt: skip

MOMENTS = pd.Timestamp("2024-01-01") + pd.to_timedelta(NUMBERS, "D")
OBJECTS = {
    "object of int and float": [int(k) if k % 2 else float(k) for k in NUMBERS],
    "object of Decimal and float": [
        decimal.Decimal(int(k)) if k % 2 else float(k) for k in NUMBERS
    ],
    "object of bool and 0": [bool(k >= ROWS // 2) if k else 0 for k in NUMBERS],
    "object of int beyond 64 bits": [2**70 + int(k) for k in NUMBERS],
    "object of date": [DAY + datetime.timedelta(int(k)) for k in NUMBERS],
    "object of time": [datetime.time(int(k) // 10, int(k) % 10) for k in NUMBERS],
    "object of timedelta": [datetime.timedelta(minutes=int(k)) for k in NUMBERS],
    "object of bytes": [w.encode() for w in WORDS],
    "object of str and int": [int(k) // 12 if k < ROWS // 2 else f"w{k // 12}" for k in NUMBERS],
    "object of str that are numbers": [str(k) for k in NUMBERS],
}
PANDAS = {
    **{name: pd.Series(NUMBERS, dtype=name) for name in (*INTEGERS, "float32", "float64")},
    "float16": pd.Series(NUMBERS.astype(np.float16)),
    "longdouble": pd.Series(NUMBERS.astype(np.longdouble)),
    "bool": pd.Series(NUMBERS >= ROWS // 2),
    "boolean": pd.Series(NUMBERS >= ROWS // 2, dtype="boolean").where(NUMBERS != 3),
    **{name: pd.Series(NUMBERS, dtype=name).where(NUMBERS != 3) for name in ("Int8", "UInt64")},
    "Float64": pd.Series(NUMBERS, dtype="Float64").where(NUMBERS != 3),
    "string[python]": pd.Series(WORDS, dtype="string[python]"),
    "string[pyarrow]": pd.Series(WORDS, dtype="string[pyarrow]"),
    "str": pd.Series(WORDS, dtype="str"),
    "category of text": pd.Series(WORDS, dtype="category"),
    "category of numbers": pd.Series(NUMBERS // 12, dtype="category"),
    "category of intervals": pd.Series(pd.cut(NUMBERS, 8)),
    "category of dates": pd.Series(MOMENTS.to_period("M").to_timestamp()).astype("category"),
    "datetime64[ns]": pd.Series(MOMENTS.as_unit("ns")),
    "datetime64[s]": pd.Series(MOMENTS.as_unit("s")),
    "datetime64[ns, zone]": pd.Series(MOMENTS.tz_localize("Europe/Zurich")),
    "timedelta64[ns]": pd.Series(pd.to_timedelta(NUMBERS, "min")),
    "period[D]": pd.Series(MOMENTS.to_period("D")),
    "period[Q]": pd.Series(pd.PeriodIndex(MOMENTS.to_period("Q"))),
    "interval": pd.Series(pd.IntervalIndex(pd.cut(NUMBERS, 8))),
    "Sparse[int64]": pd.Series(pd.arrays.SparseArray(NUMBERS)),
    "int64[pyarrow]": pd.Series(NUMBERS, dtype="int64[pyarrow]"),
    "decimal[pyarrow]": pd.Series(
        [decimal.Decimal(int(k)) for k in NUMBERS], dtype=pd.ArrowDtype(pa.decimal128(9, 2))
    ),
    "dictionary[pyarrow]": pd.Series(
        WORDS, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    **{name: pd.Series(values, dtype=object) for name, values in OBJECTS.items()},
}
PANDAS_REFUSED = {
    "complex128": (pd.Series(NUMBERS + 1j), "Complex data not supported"),
    "object of dict": (pd.Series([{"a": 1}] * ROWS), "must be a string or a number"),
    "object of list": (pd.Series([[1, 2]] * ROWS), "must be a string or a number"),
    "list[pyarrow]": (
        pd.Series([[1]] * ROWS, dtype=pd.ArrowDtype(pa.list_(pa.int64()))), "several values a row",
    ),
}  # fmt: skip

POLARS = {
    **{
        name: pl.Series(NUMBERS, dtype=getattr(pl, name))
        for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
                     "Float32", "Float64")
    },
    **{
        name: pl.Series(NUMBERS.tolist(), dtype=getattr(pl, name))
        for name in ("Int128", "UInt128", "Float16") if hasattr(pl, name)
    },
    "Decimal": pl.Series([str(k) for k in NUMBERS]).cast(pl.Decimal(10, 2)),
    "Boolean": pl.Series(NUMBERS >= ROWS // 2),
    "String": pl.Series(WORDS),
    "Categorical": pl.Series(WORDS, dtype=pl.Categorical),
    "Enum": pl.Series(WORDS, dtype=pl.Enum(sorted(set(WORDS)))),
    "Binary of text": pl.Series([w.encode() for w in WORDS]),
    "Date": pl.Series([DAY + datetime.timedelta(int(k)) for k in NUMBERS]),
    **{f"Datetime {unit}": pl.Series(NUMBERS.astype("M8[D]")).cast(pl.Datetime(unit))
       for unit in UNITS[1:]},
    "Datetime with a zone": pl.Series(NUMBERS.astype("M8[D]")).cast(pl.Datetime("us", "UTC")),
    "Duration": pl.Series(NUMBERS).cast(pl.Duration("ms")),
    "Time": pl.Series(OBJECTS["object of time"]),
    "Null": pl.Series([None] * ROWS),
    "Object": pl.Series(WORDS, dtype=pl.Object),
}  # fmt: skip
POLARS_REFUSED = {
    "List": (pl.Series([[1]] * ROWS), "several values a row"),
    "Array": (pl.Series([[1, 2]] * ROWS, dtype=pl.Array(pl.Int64, 2)), "several values a row"),
    "Struct": (pl.Series([{"a": 1}] * ROWS), "several values a row"),
    "Binary": (pl.Series([b"\xff"] * ROWS), "not text in UTF-8"),
}

FRAMES = {
    "Arrow": (ARROW, pa.table),
    "pandas": (PANDAS, pd.DataFrame),
    "Polars": (POLARS, pl.DataFrame),
}
REFUSED = {
    "Arrow": (ARROW_REFUSED, pa.table),
    "pandas": (PANDAS_REFUSED, pd.DataFrame),
    "Polars": (POLARS_REFUSED, pl.DataFrame),
}


def encoded(table, encoder=None):
    """Return the encoder of a table and its matrix, and check that every value could be read."""
    counts = Counts()
    encoder = encoder or Encoder.fit(table, table.column_names, counts=counts)
    matrix = encoder.transform(table, counts, np.float64)
    assert not counts
    return encoder, matrix


@pytest.mark.parametrize("kind", FRAMES)
def test_every_type_is_read_and_used(kind):
    columns, frame = FRAMES[kind]
    table, named = open_table(frame(columns))
    assert named
    encoder, matrix = encoded(table)
    assert set(encoder.columns) == set(columns) - {"null", "Null"}
    assert set(encoder.dropped.values()) <= {"all values are missing"}
    assert not encoder.notes
    for name, places in encoder.places.items():
        assert (matrix[:, places] != matrix[0, places]).any(), name


@pytest.mark.parametrize("kind", REFUSED)
def test_all_others_are_refused_in_one_sentence(kind):
    columns, frame = REFUSED[kind]
    for name, (values, sentence) in columns.items():
        column = {name: values}
        table, _ = open_table(frame({**column, "x": NUMBERS}))
        with pytest.raises(
            ColumnTypeError,
            match=rf"column '{re.escape(name)}'.*{sentence}.*(or leave|two columns)",
        ):
            check_column(table, name)
        with pytest.raises(TableError, match=rf"column '{re.escape(name)}'"):
            TabularClassifier(settings=SMALL, n_threads=1).fit(
                frame({**column, "x": NUMBERS}), TARGET
            )
        assert sentence in Encoder.fit(table, [name, "x"]).dropped[name]


@pytest.mark.parametrize("kind", FRAMES)
def test_fit_and_predict(kind):
    columns, frame = FRAMES[kind]
    X = frame(columns)
    model = TabularClassifier(settings=SMALL, n_threads=1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", TableWarning)
        model.fit(X, TARGET, eval_set=(X, TARGET))
        p = model.predict_proba(X)
    nulls = [name for name in columns if name in ("null", "Null")]
    assert len(said) == len(nulls)
    assert model.score(X, TARGET) > 0.95
    # The same through the doors of the other frames.
    table = open_table(X)[0]
    np.testing.assert_array_equal(model.predict_proba(table), p)
    np.testing.assert_array_equal(model.predict_proba(pl.from_arrow(table)), p)


def tables_on_disk(folder, kind):
    """Write what a file can hold of a frame, and return the files."""
    columns, frame = FRAMES[kind]
    columns = {name: values for name, values in columns.items() if not name.startswith("object")}
    files = []
    if kind == "pandas":
        held = {n: v for n, v in columns.items() if n not in (
            "category of intervals", "interval", "longdouble", "Sparse[int64]")}  # fmt: skip
        files.append(folder / "pandas.parquet")
        pd.DataFrame({**held, "y": TARGET}).to_parquet(files[0])
    elif kind == "Polars":
        held = {n: v for n, v in columns.items() if n not in ("Object", "Int128", "UInt128")}
        frame = pl.DataFrame({**held, "y": TARGET})
        files += [folder / "polars.parquet", folder / "polars.arrow"]
        frame.write_parquet(files[0])
        frame.write_ipc(files[1])
    else:
        table = pa.table({**columns, "y": TARGET})
        files.append(folder / "arrow.arrow")
        with pa.ipc.new_file(files[0], table.schema) as writer:
            writer.write_table(table)
        files.append(folder / "arrow.parquet")
        # Parquet holds no runs, and the values of a dictionary without the dictionary.
        odd = ("run_end", "bool8", "of string_view", "of int64", "of float64", "of date32")
        flat = [n for n in columns if not any(part in n for part in odd)]
        pq.write_table(table.select([*flat, "y"]), files[1])
    return files


@pytest.mark.parametrize("kind", FRAMES)
def test_files_whole_and_in_blocks(kind, tmp_path):
    memory = encoded(open_table(FRAMES[kind][1](FRAMES[kind][0]))[0])[0]
    for file in tables_on_disk(tmp_path, kind):
        whole = read_table(file)
        encoder, matrix = encoded(open_table(whole.drop_columns(["y"]))[0])
        for name, column in encoder.columns.items():
            assert column == memory.columns[name], name
        blocks = [encoder.transform(b, dtype=np.float64) for b in stream_table(file, rows=50)]
        np.testing.assert_array_equal(np.vstack(blocks), matrix)
        request = Request("y", ONE, validation=0.2)
        fitted = fit_table(whole, request)
        assert fitted.scores["accuracy"][0] > 0.8
        streamed = fit_stream(file, request, 10**7)
        assert set(streamed.model.encoder.columns) == set(encoder.columns)
        assert streamed.scores["accuracy"][0] > 0.8


def test_the_command_line(tmp_path, capsys):
    """All types at once: train whole and within a memory, and predict on two formats."""
    count = Counter()
    for kind in FRAMES:
        file, *others = tables_on_disk(tmp_path, kind)
        for memory in ([], ["--memory", "10MB"]):
            steepest("train", file, "--target", "y", "--epochs", 12, "--layers", 16, "--threads", 1,
                     "-q", "-o", tmp_path / "m", *memory)  # fmt: skip
            steepest("predict", tmp_path / "m", file, "-o", tmp_path / "p.parquet")
            found = pq.read_table(tmp_path / "p.parquet").column("prediction").to_numpy()
            assert np.mean(found == TARGET) > 0.9
            count[kind] += 1
        if kind == "Polars":
            steepest("predict", tmp_path / "m", others[0], "-o", tmp_path / "q.parquet")
            assert pq.read_table(tmp_path / "q.parquet") == pq.read_table(tmp_path / "p.parquet")
    assert count == dict.fromkeys(FRAMES, 2)
    assert "not what the column holds" not in capsys.readouterr().err


def steepest(*words):
    app(list(map(str, words)), standalone_mode=False)
