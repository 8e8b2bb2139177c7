"""Every type of Arrow, pandas and Polars through every door, with counts.

    python tests/every_type.py

Each type is a column of its own, beside one of numbers, that goes through `fit` and `predict` of
an estimator, `steepest train`, `steepest train --memory`, `steepest predict` and ONNX Runtime. A
type is *used* if the model has it among its inputs, and *refused* if an error names the column and
says why.
"""

import contextlib
import datetime
import decimal
import io
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from steepest import Model, ModelError, TabularClassifier, export_onnx
from steepest.cli import app
from steepest.errors import ColumnTypeError, TableError
from steepest.tables.door import open_table

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
    **{  # since pyarrow 19
        f"decimal{bits}": decimals(getattr(pa, f"decimal{bits}")(digits, scale))
        for bits, digits, scale in ((32, 6, 2), (64, 12, 0))
        if hasattr(pa, f"decimal{bits}")
    },
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

DOORS = ("fit", "predict", "train", "--memory", "steepest predict", "ONNX")
"""Where a type is tried."""


def tried(kind, name, values, folder):
    """Return what becomes of a type at each door, and the sentence that refuses it, if one does."""
    frame = FRAMES[kind][1]({name: values, "x": NUMBERS})
    found, sentence = {}, ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = TabularClassifier(settings=SMALL, n_threads=1).fit(frame, TARGET)
            found["fit"] = used(model.model_, name)
            found["predict"] = "used" if model.score(frame, TARGET) > 0.8 else "WRONG"
        found["ONNX"] = by_onnx(model.model_, open_table(frame)[0], folder / "m.onnx")
    except (ColumnTypeError, ModelError) as error:
        sentence = str(error)
        found = {**dict.fromkeys(("fit", "predict", "ONNX"), "refused"), **found}
    try:
        file = written(frame, kind, folder)
    except Exception:  # whatever pandas, Polars and Arrow raise for what their files can't hold
        return {
            **found,
            **dict.fromkeys(("train", "--memory", "steepest predict"), "no file"),
        }, sentence
    try:
        by_command_line(name, file, folder, found)
    except TableError as error:  # Arrow can't read what Polars wrote
        found.update(dict.fromkeys(("train", "--memory", "steepest predict"), "refused"))
        sentence = str(error).replace(str(folder), "")
    return found, sentence


def by_command_line(name, file, folder, found):
    """Train whole and within a memory, and predict."""
    for door, more in (("train", ()), ("--memory", ("--memory", "10MB"))):
        steepest("train", file, "--target", "y", "--epochs", 12, "--layers", 16, "--threads", 1,
                 "-q", "-o", folder / "m", *more)  # fmt: skip
        model = Model.load(folder / "m")
        found[door] = used(model, name)
    steepest("predict", folder / "m", file, "-o", folder / "p.arrow")
    with pa.ipc.open_file(folder / "p.arrow") as reader:
        right = np.mean(reader.read_all().column("prediction").to_numpy() == TARGET)
    found["steepest predict"] = found["--memory"] if right > 0.8 else "WRONG"


def used(model, name):
    """Say what a model made of a column."""
    if name in model.encoder.columns:
        return "used"
    return "nothing in it" if "all values are" in model.encoder.dropped[name] else "refused"


def by_onnx(model, table, file):
    """Export a model; say whether ONNX Runtime says what it says."""
    from ort import columns, run

    export_onnx(model, file)
    found = run(file, **columns(model.encoder, table))["probabilities"]
    alike = np.abs(found - model.predict_proba(table)).max() < 1e-5
    return "used" if alike else "WRONG"


def written(frame, kind, folder):
    """Write a frame and the targets to a file, as its own library does."""
    if kind == "Arrow":
        table, file = frame.append_column("y", pa.array(TARGET)), folder / "t.arrow"
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    elif kind == "pandas":
        file = folder / "t.parquet"
        frame.assign(y=TARGET).to_parquet(file)
    else:
        file = folder / "t.arrow"
        frame.with_columns(pl.Series("y", TARGET)).write_ipc(file)
    return file


def steepest(*words):
    """Run a command, in this process."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        app(list(map(str, words)), standalone_mode=False)


def lines(names=None):
    """Yield the lines of the table: of all types, or of those named; then the counts."""
    width = max(len(name) for columns, _ in FRAMES.values() for name in columns) + 2
    yield f"{'':{width}}" + "".join(f"{door:<18}" for door in DOORS)
    counts = Counter()
    for kind in FRAMES:
        yield kind
        sentences = []
        for name, values in {**FRAMES[kind][0], **REFUSED[kind][0]}.items():
            if names is not None and name not in names:
                continue
            values = values[0] if isinstance(values, tuple) else values
            with tempfile.TemporaryDirectory() as folder:
                found, sentence = tried(kind, name, values, Path(folder))
            counts.update((kind, door, found[door]) for door in DOORS)
            yield f"  {name:{width - 2}}" + "".join(f"{found[door]:<18}" for door in DOORS)
            if sentence:
                sentences.append(f"  refused: {sentence}")
        yield from sentences
    for kind in FRAMES:
        for door in DOORS:
            what = ", ".join(
                f"{n} {word}" for (k, d, word), n in counts.items() if (k, d) == (kind, door)
            )
            yield f"{kind}, {door}: {what}"


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent / "interchange"))
    for line in lines():
        print(line, flush=True)
