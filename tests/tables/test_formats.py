"""A format of tables is one file in a folder: it is found, read, streamed and written."""

import json
import sys

import pyarrow as pa
import pytest

from steepest.errors import TableError
from steepest.tables import formats
from steepest.tables.files import TableWriter, read_table, stream_table

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
