"""CSV and its kin, in UTF-8: text with a delimiter, compressed with gzip or not."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ...errors import TableError
from ..limits import Bounded
from ..parsing import plain
from ._format import BLOCK_BYTES, BLOCK_CELLS, UNREADABLE, Format, Writer, check_names, line_of

__all__ = ["FORMATS", "MISSING", "Text"]

_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "Null", "null", "<NA>", "#N/A")
MISSING = tuple(space + word for word in (*_WORDS, "?", "") for space in ("", " "))
"""What stands for a missing value in a CSV file."""
STREAM_BYTES = 1 << 20
"""Streamed text is parsed in blocks of so many bytes, as long as its rows allow: Arrow reads 32
blocks ahead."""


@dataclass(frozen=True)
class Text:
    """CSV and its kin; `gz` if the bytes are compressed."""

    typed: ClassVar[bool] = False
    unreadable: ClassVar[tuple[type[Exception], ...]] = (*UNREADABLE, zlib.error, csv.Error)

    name: str
    delimiter: str
    gz: bool = False

    def read(self, file: Path) -> pa.Table:
        _, delimiter = self._header(file)
        with self._bytes(file) as source:
            table = pacsv.read_csv(source, **_options(delimiter, BLOCK_BYTES))
        # Text that is not UTF-8 is inferred as bytes.
        if any(pa.types.is_binary(kind) for kind in table.schema.types):
            raise ValueError("not UTF-8")
        return table

    def infer(self, table: pa.Table) -> pa.Table:
        """Return a table with the types that reading it as text infers.

        Raises
        ------
        OSError
            If there is no room for it on disk. The text has no name there, and is gone with us.
        """
        with tempfile.TemporaryFile() as file:
            writer = _TextWriter(file, table.schema, self.delimiter, gz=False)
            writer.write_table(table)
            writer.close()
            file.seek(0)
            return pacsv.read_csv(file, **_options(self.delimiter, BLOCK_BYTES))

    def stream(
        self, file: Path, schema: Mapping[str, pa.DataType], rows: int
    ) -> Iterator[pa.RecordBatch]:
        names, delimiter = self._header(file)
        types = {name: schema.get(name, pa.string()) for name in names}
        done = 0
        for size in (STREAM_BYTES, BLOCK_BYTES):
            try:
                for batch in self._batches(file, _options(delimiter, size, types), done):
                    done += batch.num_rows
                    yield batch
                return
            except pa.ArrowInvalid as error:  # a row that is longer than a block
                if size == BLOCK_BYTES or "straddl" not in str(error):
                    raise

    def _batches(self, file: Path, options: dict[str, Any], skip: int) -> Iterator[pa.RecordBatch]:
        """Yield the batches that come after so many rows."""
        with self._bytes(file) as source:
            for batch in pacsv.open_csv(source, **options):
                old = min(skip, batch.num_rows)
                skip -= old
                if old < batch.num_rows:
                    yield batch.slice(old)

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> Writer:
        return _TextWriter(sink, schema, self.delimiter, self.gz)

    def fault(self, file: Path, error: Exception) -> str:
        """Say what is wrong, by a slow second reading that counts bytes, lines and columns."""
        try:
            with self._raw(file) as raw:
                found = _undecodable(raw)
            if found:
                return found
            _, delimiter = self._header(file)
            with self._lines(file) as lines:
                found = _ragged(csv.reader(lines, delimiter=delimiter))
            if found:
                return found
        except (OSError, EOFError, zlib.error) as broken:
            return f"is not a whole gzip file ({line_of(broken)}); compress it again"
        except csv.Error as broken:
            return f"can't be parsed: {line_of(broken)}"
        return f"can't be parsed: {line_of(error)}"

    def _header(self, file: Path) -> tuple[list[str], str]:
        """Return the column names and the delimiter, which may be ; or a tab in a .csv file."""
        with self._lines(file) as lines:
            head = next((line for line in lines if line.strip("\r\n")), "")
            if not head:
                raise TableError(f"{file} is empty; expected a line of column names, then rows")
            others = [mark for mark in (";", "\t") if mark in head]
            delimiter = others[0] if self.delimiter not in head and others else self.delimiter
            names = next(csv.reader(itertools.chain([head], lines), delimiter=delimiter))
        check_names(file, names)
        return names, delimiter

    @contextlib.contextmanager
    def _bytes(self, file: Path) -> Iterator[Any]:
        with (
            Bounded(file) as raw,
            pa.input_stream(raw, compression="gzip" if self.gz else None) as source,
        ):
            yield source

    def _raw(self, file: Path) -> IO[bytes]:
        raw = gzip.open(file, "rb") if self.gz else file.open("rb")  # noqa: SIM115
        return cast("IO[bytes]", raw)

    @contextlib.contextmanager
    def _lines(self, file: Path) -> Iterator[Iterator[str]]:
        with self._raw(file) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
            yield _lines_of(text)


class _TextWriter:
    """CSV with quotes only where they are needed: around , " and line ends, and empty text."""

    def __init__(self, sink: IO[bytes], schema: pa.Schema, delimiter: str, gz: bool) -> None:
        for field in schema:
            if pa.types.is_nested(field.type):
                raise pa.ArrowInvalid(f"column {field.name!r} is of type {field.type}")
        self._gz = gzip.GzipFile(fileobj=sink, mode="wb", mtime=0) if gz else None
        self._sink: Any = self._gz or sink
        self._delimiter = delimiter
        self._special = f'[{delimiter}"\r\n]'
        self._write([pa.array([name]) for name in schema.names])

    def write_table(self, table: pa.Table) -> None:
        step = max(1, BLOCK_CELLS // max(1, 16 * table.num_columns))
        for start in range(0, table.num_rows, step):
            self._write([plain(column) for column in table.slice(start, step).columns])

    def _write(self, columns: list[Any]) -> None:
        quoted = [self._quote(column) for column in columns]
        # A lone missing value would be a blank line, which readers skip.
        missing = '""' if len(columns) == 1 else ""
        filled = [pc.fill_null(column, missing) for column in quoted]
        rows = pc.binary_join_element_wise(*filled, self._delimiter)
        self._sink.write(("\n".join(rows.to_pylist()) + "\n").encode())

    def _quote(self, column: Any) -> Any:
        if not pa.types.is_string(column.type):
            return column.cast(pa.string())
        marked = pc.or_(pc.match_substring_regex(column, self._special), pc.equal(column, ""))
        if not pc.any(marked).as_py():
            return column
        doubled = pc.replace_substring(column, '"', '""')
        return pc.if_else(marked, pc.binary_join_element_wise('"', doubled, '"', ""), column)

    def close(self) -> None:
        if self._gz is not None:
            self._gz.close()
        else:
            self._sink.flush()


def _options(
    delimiter: str, block: int, types: dict[str, pa.DataType] | None = None
) -> dict[str, Any]:
    return {
        "read_options": pacsv.ReadOptions(block_size=block),
        "parse_options": pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": pacsv.ConvertOptions(
            column_types=types, null_values=list(MISSING), strings_can_be_null=True
        ),
    }


def _lines_of(source: Any) -> Iterator[Any]:
    """Yield the lines of a file, none longer than a block."""
    number = 0
    while line := source.readline(BLOCK_BYTES):
        number += 1
        if len(line) == BLOCK_BYTES:
            raise csv.Error(f"line {number} is longer than {BLOCK_BYTES:,} characters")
        yield line


def _undecodable(raw: IO[bytes]) -> str | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, offset = 1, 0
    for block in itertools.chain(iter(lambda: raw.read(STREAM_BYTES), b""), [b""]):
        if not offset and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "is in UTF-16; convert it to UTF-8"
        half = len(decoder.getstate()[0])  # of a character that the block before began
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            at = error.start - half
            place = f"line {line + block[: max(0, at)].count(10)}, byte {offset + at}"
            byte = error.object[error.start]
            return f"is not UTF-8: {place} is 0x{byte:02x}; convert it to UTF-8"
        line, offset = line + block.count(10), offset + len(block)
    return None


def _ragged(reader: Any) -> str | None:
    width, start = 0, 1
    for row in reader:
        if row and not width:
            width = len(row)
        elif row and len(row) != width:
            return (
                f"line {start}: expected {width} columns, as in the header, got {len(row)}; "
                "look for a stray delimiter or quote"
            )
        start = reader.line_num + 1
    return None


FORMATS: dict[str, Format] = {
    ".csv": Text("CSV", ","),
    ".csv.gz": Text("CSV", ",", gz=True),
    ".tsv": Text("TSV", "\t"),
    ".tsv.gz": Text("TSV", "\t", gz=True),
}
