"""A format of tables is one file in a folder: it is found, read, streamed and written."""

import gzip
import json
import sys

import pyarrow as pa
import pytest

from steepest.errors import TableError
from steepest.tables import formats
from steepest.tables.files import TableWriter, read_table, stream_table
from steepest.tables.options import TableOptions

JSON_LINES = """
import json
import pyarrow as pa
from steepest.tables.formats._format import UNREADABLE, line_of


class JsonLines:
    name, unreadable = "JSON lines", (*UNREADABLE, json.JSONDecodeError)

    def read(self, file):
        return pa.Table.from_pylist([json.loads(line) for line in file.read_text().splitlines()])

    def stream(self, file, schema, rows):
        yield from self.read(file).to_batches(rows)

    def writer(self, sink, schema):
        return LinesWriter(sink)

    def fault(self, file, error):
        return f"has a line that is not JSON: {line_of(error)}"


class LinesWriter:
    def __init__(self, sink):
        self.sink = sink

    def write_table(self, table):
        self.sink.writelines(json.dumps(row).encode() + b"\\n" for row in table.to_pylist())

    def close(self):
        pass


FORMATS = {".jsonl": JsonLines()}
"""


@pytest.fixture
def with_json_lines(tmp_path, monkeypatch):
    (tmp_path / "json_lines.py").write_text(JSON_LINES)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    monkeypatch.setattr(formats, "FORMATS", formats.find_formats())
    yield
    sys.modules.pop("steepest.tables.formats.json_lines")


def test_one_more_file_is_one_more_format(with_json_lines, tmp_path):
    table = pa.table({"n": [1, 2, 3], "t": ["a", None, "c"]})
    path = tmp_path / "t.JSONL"
    with TableWriter(path) as writer:
        writer.write(table)
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 2, 3]
    assert read_table(path).equals(table)
    assert pa.concat_tables(stream_table(path, rows=2)).equals(table)
    path.write_text("{")
    with pytest.raises(TableError, match="has a line that is not JSON"):
        read_table(path)
    with pytest.raises(TableError, match=r"unknown suffix '.xyz'; known are .*\.jsonl"):
        formats.format_of(tmp_path / "t.xyz")


def test_without_the_file_there_is_no_such_format(tmp_path):
    with pytest.raises(TableError, match=r"unknown suffix '.jsonl'; known are .*\.csv\.gz"):
        formats.format_of(tmp_path / "t.jsonl")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_arrow_reads_text_without_calling_python(suffix, encoding, tmp_path, monkeypatch):
    """Its threads may read on while Python ends: a call of Python is where older ones hang."""
    opened, given = pa.input_stream, []

    def input_stream(source, **settings):
        given.append(source)
        return opened(source, **settings)

    monkeypatch.setattr(pa, "input_stream", input_stream)
    file = tmp_path / f"table{suffix}"
    write = gzip.open if suffix.endswith("gz") else open
    with write(file, "wt", encoding=encoding) as sink:
        sink.write("name,n\nJosé,1\n")
    options = TableOptions(encoding=encoding)
    assert read_table(file, options=options)["name"].to_pylist() == ["José"]
    assert next(iter(stream_table(file, options=options)))["name"].to_pylist() == ["José"]
    assert [type(source) for source in given] == [str, str]  # a path, and no object of Python
