"""Files in, files out, and what is said of files that are broken."""

import datetime
import gzip
import io
import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import TableError
from steepest.tables.files import MISSING, SUFFIXES, TableWriter, read_table, stream_table
from steepest.tables.formats.labelled import FORMATS as LABELLED
from steepest.tables.options import TableOptions

TABLE = pa.table(
    {
        "a b 😀": [1, None, 3],
        "x": [0.1, 1e300, None],
        "text": ['say "hi", you', "two\nlines", "plain"],
        "truth": [True, None, False],
        "day": [datetime.date(2024, 2, 29), None, datetime.date(1969, 7, 20)],
        "time": pa.array([datetime.datetime(2024, 2, 29, 12, 30)] * 3, pa.timestamp("s")),
    }
)
AS_TEXT = pa.table(
    {
        **{name: TABLE[name].cast(pa.string()) for name in TABLE.column_names},
        "x": ["0.1", "1e+300", None],
    }
)

WRITTEN = [suffix for suffix in SUFFIXES if suffix not in LABELLED]


def write(path, table, blocks=1):
    with TableWriter(path) as writer:
        for start in range(0, table.num_rows, -(-table.num_rows // blocks)):
            writer.write(table.slice(start, -(-table.num_rows // blocks)))
    return path


def make(path, content):
    content = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)
    return path


def streamed(path, **options):
    return pa.concat_tables(stream_table(path, **options))


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("blocks", [1, 3])
def test_written_table_reads_back(tmp_path, suffix, blocks):
    path = write(tmp_path / f"t.x{suffix}", TABLE, blocks)
    table = AS_TEXT if "sv" in suffix else TABLE
    assert read_table(path).to_pydict() == table.to_pydict()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", WRITTEN)
def test_streaming_in_blocks_equals_the_whole(tmp_path, suffix):
    table = pa.table({"n": range(1000), "t": [str(i % 7) for i in range(1000)]})
    path = write(tmp_path / f"t{suffix}", table, 3)
    blocks = list(stream_table(path, rows=64))
    assert max(block.num_rows for block in blocks) <= 64
    whole = pa.concat_tables(blocks)
    if "sv" in suffix:
        assert whole.schema.types == [pa.string()] * 2
        whole = whole.cast(table.schema)
    assert whole.equals(table)


def test_stream_reads_ipc_stream(tmp_path):
    path = tmp_path / "t.arrow"
    with path.open("wb") as sink, pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    assert read_table(path).equals(TABLE)
    assert streamed(path).equals(TABLE)


def test_streamed_csv_takes_a_schema(tmp_path):
    path = make(tmp_path / "t.csv", "a,b\n1,2\n")
    assert streamed(path, schema={"a": pa.float64()}).to_pydict() == {"a": [1.0], "b": ["2"]}
    path = make(tmp_path / "t.csv", "a,b\n1,2\nx,2\n")
    with pytest.raises(TableError, match="'x'"):
        streamed(path, schema={"a": pa.float64()})


def test_text_comes_as_it_is_written(tmp_path):
    rows = 3_000_000  # more than one block
    path = make(tmp_path / "t.csv", "a,b,c\n" + "007,2,\n" * rows + "x,2.50,3\n")
    table = read_table(path)
    assert table.schema.types == [pa.string()] * 3
    assert table.num_rows == rows + 1
    assert table.slice(rows - 1).to_pydict() == {
        "a": ["007", "x"], "b": ["2", "2.50"], "c": [None, "3"],
    }  # fmt: skip


@pytest.mark.parametrize("word", MISSING)
def test_missing_words(tmp_path, word):
    path = make(tmp_path / "t.csv", f"a,b\n{word},{word}\n1,x\n")
    assert read_table(path).to_pydict() == {"a": [None, "1"], "b": [None, "x"]}
    assert streamed(path).to_pydict() == {"a": [None, "1"], "b": [None, "x"]}


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_name(tmp_path):
    table = read_table(make(tmp_path / "t.CSV", "\ufeffa,b\n99999999999999999999,2020-01-01\n"))
    assert table.to_pydict() == {"a": ["99999999999999999999"], "b": ["2020-01-01"]}


def test_other_delimiters(tmp_path):
    for mark in (";", "\t"):
        path = make(tmp_path / "t.csv", f"a{mark}b\n1{mark}2\n")
        assert read_table(path).to_pydict() == {"a": ["1"], "b": ["2"]}
        assert streamed(path).to_pydict() == {"a": ["1"], "b": ["2"]}


def test_ten_thousand_columns(tmp_path):
    table = pa.table({f"c{i}": np.arange(20.0) + i for i in range(10_000)})
    path = write(tmp_path / "wide.csv", table)
    assert read_table(path).shape == (20, 10_000)
    assert streamed(path).shape == (20, 10_000)


BROKEN = {
    "gone.csv": (None, "does not exist"),
    "t.xlsx": (b"x", r"unknown suffix '.xlsx'; known are .arrow .csv .csv.gz"),
    "nothing": (b"x", "no suffix"),
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n", "is empty"),
    "empty.csv.gz": (b"", "is empty"),
    "head.csv": (b"a,b\n", "has column names but no rows"),
    "twice.csv": (b"a,b,a\n1,2,3\n", "more than one column called 'a'"),
    "short.csv": (b'a,b\n"1\n1",2\n\n3\n', "line 5: expected 2 columns, as in the header, got 1"),
    "long.csv": (b"a,b\n1,2,3\n", "line 2: expected 2 columns, as in the header, got 3"),
    "quote.csv": (b'a,b\n1,2\n"3,4\n5,6\n', "line 3: expected 2 columns"),
    "latin.csv": (b"a,b\n1,1\nx\xff,1\n", "line 3, byte 9 is 0xff; convert it to UTF-8"),
    "latin_head.tsv": (b"\xe9\tb\n1\t1\n", "line 1, byte 0 is 0xe9; convert it to UTF-8"),
    "wide.csv": ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    "not.parquet": (b"PAR1xxxxxxxx", "is not a whole Parquet file"),
    "not.arrow": (b"ARROW1xxxxxxx", "can't be read as an Arrow IPC file"),
    "not.feather": (b"xxxxxxxxxxxxxxxxxx", "can't be read as an Arrow IPC file"),
}


@pytest.mark.parametrize("read", [read_table, streamed])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(tmp_path, read, name):
    content, message = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=message) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_table, streamed])
@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet", ".arrow"])
def test_truncated_files(tmp_path, read, suffix):
    rng = np.random.default_rng(0)
    path = write(tmp_path / f"t{suffix}", pa.table({"a": rng.normal(size=50_000)}))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(TableError, match=r"is not a whole|can.t be read as"):
        read(path)


def test_folder_and_permission(tmp_path):
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path)
    path = make(tmp_path / "t.csv", "a\n1\n")
    path.chmod(0)
    if not os.access(path, os.R_OK):  # root reads everything
        with pytest.raises(TableError, match="permission denied"):
            read_table(path)


def test_names_of_no_files(tmp_path):
    for name in ("x" * 5000 + ".csv", "x\0.csv"):
        with pytest.raises(TableError, match="can't be read"):
            read_table(name)
    os.mkfifo(tmp_path / "t.csv")  # opening it would wait for ever
    with pytest.raises(TableError, match="no plain file"):
        read_table(tmp_path / "t.csv")


def test_parquet_without_rows(tmp_path):
    path = write(tmp_path / "t.parquet", pa.table({"a": [1]}).slice(0, 1))
    with TableWriter(path) as writer:
        writer.write(pa.table({"a": pa.array([], pa.int64())}))
    with pytest.raises(TableError, match="no rows"):
        read_table(path)


def test_writer_leaves_nothing_after_an_error(tmp_path):
    path = write(tmp_path / "t.csv", pa.table({"a": [1]}))

    def fail():
        with TableWriter(path) as writer:
            writer.write(TABLE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert read_table(path).to_pydict() == {"a": ["1"]}
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_writer_refuses(tmp_path):
    with pytest.raises(TableError, match="unknown suffix"):
        TableWriter(tmp_path / "t.xlsx")
    with pytest.raises(TableError, match="make the folder first"):
        TableWriter(tmp_path / "no" / "t.csv")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(TableError, match="is a folder"):
        TableWriter(tmp_path / "d.csv")
    with pytest.raises(TableError, match="can't hold"):
        write(tmp_path / "t.csv", pa.table({"a": [[1, 2]]}))
    assert [file.name for file in tmp_path.iterdir()] == ["d.csv"]
    with TableWriter(tmp_path / "t.csv") as writer:
        writer.write(pa.table({"a": [1]}))
        with pytest.raises(TableError, match="does not fit the first"):
            writer.write(pa.table({"a": ["x"]}))
        with pytest.raises(TableError, match="does not fit the first"):
            writer.write(pa.table({"b": [1]}))
    assert read_table(tmp_path / "t.csv").to_pydict() == {"a": ["1"]}


def test_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    def fill(method):
        with TableWriter(tmp_path / "t.csv") as writer:
            writer.write(TABLE)
            monkeypatch.setattr(writer._writer, method, full)
            writer.write(TABLE)

    for method in ("write_table", "close"):
        with pytest.raises(TableError, match=r"can't write .*t.csv: No space left"):
            fill(method)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_writer_replaces_nothing_but_plain_files(tmp_path, kind):
    victim, path = tmp_path / "victim.csv", tmp_path / "t.csv"
    victim.write_text("years")
    path.symlink_to(victim) if kind == "link" else os.mkfifo(path)
    with pytest.raises(TableError, match=r"t.csv is (a link|a folder|not a plain file)"):
        TableWriter(path)
    assert victim.read_text() == "years"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["t.csv", "victim.csv"]


def test_writer_casts_later_blocks_and_counts_rows(tmp_path):
    with TableWriter(tmp_path / "t.csv") as writer:
        writer.write(pa.table({"a": [1.5], "b": ["x"]}))
        writer.write(pa.table({"b": ["y"], "a": [2]}))
    assert writer.rows == 2
    assert read_table(tmp_path / "t.csv").to_pydict() == {"a": ["1.5", "2"], "b": ["x", "y"]}


def test_standard_output(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw))
    with TableWriter(None) as writer:
        writer.write(pa.table({"a,b": pa.array(["x", None]).dictionary_encode(), "c": [1, 2]}))
    assert raw.getvalue() == b'"a,b",c\nx,1\n,2\n'


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), min_size=1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(texts.filter(lambda text: text.strip() and text not in MISSING), min_size=1))
def test_any_text_survives_csv(tmp_path_factory, values):
    path = write(tmp_path_factory.mktemp("t") / "t.csv.gz", pa.table({"a": values, "b": values}))
    assert streamed(path).to_pydict() == {"a": values, "b": values}


@pytest.mark.parametrize("read", [read_table, streamed])
@pytest.mark.parametrize(
    ("content", "names"),
    [
        ('"Price, EUR";b\n1,5;2\n', ["Price, EUR", "b"]),
        ("Price, EUR;b\n1;2\n", ["Price, EUR", "b"]),
        ('"Price, EUR"\tb\n1\t2\n', ["Price, EUR", "b"]),
        ("a|b\n1|2\n", ["a", "b"]),
        ("a;x,b;c\n1,5;2;3\n2,5;3;4\n", ["a", "x,b", "c"]),
        ('a,"b;c;d"\n1,2\n', ["a", "b;c;d"]),
        ('"a\nb",c\n1,2\n', ["a\nb", "c"]),
        ('a,b\n1,"x\n' + "y\n" * 80 + '"\n', ["a", "b"]),
    ],
)
def test_the_delimiter_is_what_cuts_all_lines_alike(tmp_path, read, content, names):
    assert read(make(tmp_path / "t.csv", content)).column_names == names


@pytest.mark.parametrize("read", [read_table, streamed])
def test_what_a_user_says_of_a_file(tmp_path, read):
    path = make(tmp_path / "t.csv", "é;1,5\nß;2\n".encode("latin-1"))
    options = TableOptions(encoding="latin-1", header=False)
    assert read(path, options=options).to_pydict() == {"x0": ["é", "ß"], "x1": ["1,5", "2"]}
    options = TableOptions(encoding="latin-1", header=False, delimiter=",")
    with pytest.raises(TableError, match="line 2: expected 2 columns"):
        read(path, options=options)
    path = make(tmp_path / "t.csv.gz", "a,é\n1,ß\n".encode("utf-16"))
    assert read(path, options=TableOptions(encoding="utf-16")).to_pydict() == {
        "a": ["1"],
        "é": ["ß"],
    }
    with pytest.raises(TableError, match="--encoding utf-16"):
        read(path)
    path = make(tmp_path / "t.csv", b"a\n\xe9\n")
    with pytest.raises(TableError, match=r"is not ascii: line 2, byte 2 is 0xe9.*--encoding"):
        read(path, options=TableOptions(encoding="ascii"))
