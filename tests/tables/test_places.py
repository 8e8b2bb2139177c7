"""Tables in archives, in folders and on the standard input."""

import io
import sys
import tempfile
import zipfile
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest.errors import TableError
from steepest.tables import places
from steepest.tables.files import TableWriter, read_table, stream_table

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Keep copies apart, and see that none stays."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert not list(place.iterdir())


def write(path, table=TABLE):
    with TableWriter(path) as writer:
        writer.write(table)
    return path


def zipped(path, **contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def both(path):
    """Return a table that reads the same whole and in blocks."""
    whole = read_table(path)
    assert pa.concat_tables(stream_table(path, rows=2)).equals(whole)
    return whole


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".arrow"])
def test_a_zipped_table(tmp_path, suffix):
    file = write(tmp_path / f"t{suffix}")
    with zipfile.ZipFile(tmp_path / "t.ZIP", "w") as archive:
        archive.write(file, f"inside/t{suffix}")
        archive.writestr("README.md", "not a table")
    assert both(tmp_path / "t.ZIP").equals(read_table(file))


def test_archives_that_can_not_be_used(tmp_path):
    for contents, message in (
        ({}, "holds 0: none"),
        ({"a__csv": "a\n1\n", "b__csv": "a\n1\n"}, r"holds 2: a\.csv, b\.csv; unpack it"),
        ({"a__csv": "a,b\n1\n"}, r"a\.csv in .*t\.zip line 2: expected 2 columns"),
        ({"a__csv": ""}, "is empty"),
    ):
        path = zipped(tmp_path / "t.zip", **contents)
        for read in (read_table, lambda path: list(stream_table(path))):
            with pytest.raises(TableError, match=message):
                read(path)
    (tmp_path / "t.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(TableError, match="can't be unpacked"):
        read_table(tmp_path / "t.zip")


def test_an_archive_that_unpacks_to_more_than_the_disk_holds(tmp_path, monkeypatch):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", "a\n" + "1\n" * 2_000_000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(
        TableError, match="needs more than half of the free space of the disk once it is unpacked"
    ):
        read_table(path)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".arrow"])
def test_the_standard_input(tmp_path, monkeypatch, suffix):
    file = write(tmp_path / f"t{suffix}")
    for read in (read_table, lambda path: pa.concat_tables(stream_table(path))):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(file.read_bytes())))
        assert read("-").equals(read_table(file))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    with pytest.raises(TableError, match="standard input is empty"):
        read_table("-")


def test_a_folder_of_parquet_files(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    with pytest.raises(TableError, match=r"is a folder without \.parquet files"):
        read_table(folder)
    pq.write_table(TABLE, folder / "1.parquet")
    pq.write_table(TABLE.select(["b", "a"]).slice(1), folder / "2.parquet")
    for beside in ("_SUCCESS", "_old.parquet", "._1.parquet"):  # Spark's, or a system's
        (folder / beside).write_text("")
    assert both(folder).to_pydict() == {"a": [1, 2, 3, 2, 3], "b": ["x", "y", None, "y", None]}
    pq.write_table(TABLE.select(["a"]), folder / "3.parquet")
    for read in (read_table, lambda path: list(stream_table(path))):
        with pytest.raises(TableError, match=r"3\.parquet does not fit the files before it"):
            read(folder)


def test_a_stream_that_is_left_early_leaves_nothing(tmp_path):
    blocks = stream_table(zipped(tmp_path / "t.zip", t__csv="a\n1\n2\n"), rows=1)
    next(blocks)
    blocks.close()
