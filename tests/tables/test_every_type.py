"""Every type of Arrow, pandas and Polars through every door: read and used, or refused by name.

`tests/every_type.py` has them, and prints what becomes of each.
"""

import re
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from every_type import DOORS, FRAMES, NUMBERS, ONE, REFUSED, SMALL, TARGET, lines
from steepest import TabularClassifier
from steepest.cli import app
from steepest.errors import ColumnTypeError, TableError, TableWarning
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.pipeline.stream import fit_stream
from steepest.tables.door import check_column, open_table
from steepest.tables.encoder import Counts, Encoder
from steepest.tables.files import read_table, stream_table


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


def test_what_becomes_of_each_type_is_told_with_counts():
    told = list(
        lines(["string_view", "list", "null", "interval", "category of text", "Enum", "List"])
    )
    table = {line.split("  ")[1]: line.split()[-6:] for line in told if line.startswith("  ")}
    assert table["string_view"] == table["Enum"] == ["used"] * 6
    assert set(table["category of text"]) == {"used"}
    assert told[-len(DOORS)] == "Polars, fit: 1 used, 1 refused"
    assert (
        sum(
            line.startswith("  refused: column 'list' is of type list<item: int64>")
            for line in told
        )
        == 1
    )
    assert not any("WRONG" in line for line in told)
