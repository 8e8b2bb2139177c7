"""CSV and its kin: text with a delimiter, compressed with gzip or not."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ...errors import TableError
from ...printing import harmless
from ...system.files import PartFolder
from ..layouts import printable
from ..limits import bounded, unpack
from ..options import NOTHING_SAID, TableOptions
from ..parsing import MISSING as WORDS
from ..ranges import Look, look_at
from ._format import BLOCK_BYTES, BLOCK_CELLS, UNREADABLE, Format, Writer, check_names, line_of

__all__ = ["FORMATS", "MISSING", "Text"]

MISSING = tuple(space + word for word in WORDS for space in ("", " "))
"""What stands for a missing value in a CSV file."""
ROWS = 50
"""The first lines of a text, from which the delimiter is found out."""
_RECODED = "table.utf8"
_ASCII = ("utf-8", "utf-8-sig", "ascii")
"""Encodings that Arrow reads as they are, and whose delimiters and quotes are single bytes."""
STREAM_BYTES = 1 << 20
"""Streamed text is parsed in blocks of so many bytes, as long as its rows allow: Arrow reads 32
blocks ahead."""


@dataclass(frozen=True)
class Text:
    """CSV and its kin; `gz` if the bytes are compressed. Every column comes as text."""

    unreadable: ClassVar[tuple[type[Exception], ...]] = (*UNREADABLE, zlib.error, csv.Error)

    name: str
    delimiter: str
    gz: bool = False
    options: TableOptions = NOTHING_SAID

    def read(self, file: Path) -> pa.Table:
        names, delimiter = self._header(file)
        types = dict.fromkeys(names, pa.string())
        with self._bytes(file) as source:
            reader = pacsv.open_csv(source, **self._options(names, delimiter, BLOCK_BYTES, types))
            return pa.Table.from_batches(bounded(reader, file), reader.schema)

    def parts(self, file: Path) -> list[int]:
        return []

    def stream(
        self,
        file: Path,
        schema: Mapping[str, pa.DataType],
        rows: int,
        parts: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        yield from self.stream_span(file, schema)

    def look(self, file: Path, share: tuple[int, int]) -> Look | None:
        """Look at one of several ranges of a file; None if its bytes can't be cut."""
        if self.gz or codecs.lookup(self.options.encoding).name not in _ASCII:
            return None
        return look_at(file, share, self._header(file)[1])

    def stream_span(
        self,
        file: Path,
        schema: Mapping[str, pa.DataType],
        span: tuple[int, int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read a file in batches, or the records from one byte to before another."""
        names, delimiter = self._header(file)
        types = {name: schema.get(name, pa.string()) for name in names}
        done = 0
        for size in (STREAM_BYTES, BLOCK_BYTES):
            options = self._options(names, delimiter, size, types, headed=not (span and span[0]))
            try:
                for batch in self._batches(file, options, done, span):
                    done += batch.num_rows
                    yield batch
                return
            except pa.ArrowInvalid as error:  # a row that is longer than a block
                if size == BLOCK_BYTES or "straddl" not in str(error):
                    raise

    def _batches(
        self, file: Path, options: dict[str, Any], skip: int, span: tuple[int, int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches that come after so many rows."""
        with self._bytes(file, span) as source:
            for batch in bounded(pacsv.open_csv(source, **options), file):
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
                found = _undecodable(raw, self.options.encoding)
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
        """Return the column names and the delimiter, which is found out unless it is given."""
        with self._lines(file) as lines:
            head = list(itertools.islice((line for line in lines if line.strip("\r\n")), ROWS))
            if not head:
                raise TableError(f"{file} is empty; expected a line of column names, then rows")
            delimiter = self.options.delimiter or _delimiter(head, self.delimiter)
            names = next(csv.reader(itertools.chain(head, lines), delimiter=delimiter))
        if not self.options.header:
            names = [f"x{j}" for j in range(len(names))]
        check_names(file, names)
        return names, delimiter

    def _options(
        self,
        names: list[str],
        delimiter: str,
        block: int,
        types: dict[str, pa.DataType],
        *,
        headed: bool = True,
    ) -> dict[str, Any]:
        return {
            "read_options": pacsv.ReadOptions(
                block_size=block,
                column_names=None if headed and self.options.header else names,
            ),
            "parse_options": pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            "convert_options": pacsv.ConvertOptions(
                column_types=types, null_values=list(MISSING), strings_can_be_null=True
            ),
        }

    @contextlib.contextmanager
    def _bytes(self, file: Path, span: tuple[int, int] | None = None) -> Iterator[Any]:
        # Arrow reads ahead in threads of its own. After an error they may still be at it while
        # Python ends; if they had to call it, for a file or an encoding, pyarrow < 24 would hang.
        with contextlib.ExitStack() as stack:
            gz = self.gz
            if codecs.lookup(self.options.encoding).name != "utf-8":
                folder = PartFolder(Path(tempfile.gettempdir()), [_RECODED])
                file, gz = self._recoded(file, stack.enter_context(folder).path), False
            if span is not None:
                whole = stack.enter_context(pa.OSFile(str(file)))
                yield stack.enter_context(whole.get_stream(span[0], span[1] - span[0]))
                return
            yield stack.enter_context(
                pa.input_stream(str(file), compression="gzip" if gz else None)
            )

    def _recoded(self, file: Path, folder: Path) -> Path:
        """Write the text to a folder in UTF-8."""
        made = folder / _RECODED
        with self._raw(file) as raw, made.open("wb") as sink:
            recoder = codecs.EncodedFile(raw, "utf-8", self.options.encoding)
            unpack(cast("IO[bytes]", recoder), sink, file, folder)
        return made

    def _raw(self, file: Path) -> IO[bytes]:
        raw = gzip.open(file, "rb") if self.gz else file.open("rb")  # noqa: SIM115
        return cast("IO[bytes]", raw)

    @contextlib.contextmanager
    def _lines(self, file: Path) -> Iterator[Iterator[str]]:
        encoding = self.options.encoding
        encoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        with self._raw(file) as raw, io.TextIOWrapper(raw, encoding, newline="") as text:
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
            self._write([printable(column) for column in table.slice(start, step).columns])

    def _write(self, columns: list[Any]) -> None:
        quoted = [self._quote(column) for column in columns]
        # A lone missing value would be a blank line, which readers skip.
        missing = '""' if len(columns) == 1 else ""
        filled = [pc.fill_null(column, missing) for column in quoted]
        rows = pc.binary_join_element_wise(*filled, self._delimiter)
        text = "\n".join(rows.to_pylist()) + "\n"
        if self._sink.isatty():  # somebody looks at it
            text = harmless(text, lines=True)
        self._sink.write(text.encode())

    def _quote(self, column: Any) -> Any:
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


def _delimiter(head: list[str], usual: str) -> str:
    """Return the mark that cuts each of the first lines into the same number of parts, the most.

    Marks within quotes don't count; among equals the usual one is taken. If none cuts all lines
    alike, the header decides.
    """
    marks = (usual, *(mark for mark in (",", ";", "\t", "|") if mark != usual))
    widths: dict[str, list[int]] = {}
    for mark in marks:
        try:
            widths[mark] = [len(row) for row in csv.reader(head, delimiter=mark) if row]
        except csv.Error:
            widths[mark] = [1]
    alike = {}
    for mark, rows in widths.items():
        if len(head) == ROWS:  # the last one may go on beyond these lines
            rows = rows[: max(1, len(rows) - 1)]
        alike[mark] = rows[0] if len(set(rows)) == 1 else 1
    best = max(marks, key=alike.__getitem__)
    if alike[best] > 1:
        return best
    return next((mark for mark in marks if widths[mark][0] > 1), usual)


def _lines_of(source: Any) -> Iterator[Any]:
    """Yield the lines of a file, none longer than a block."""
    number = 0
    while line := source.readline(BLOCK_BYTES):
        number += 1
        if len(line) == BLOCK_BYTES:
            raise csv.Error(f"line {number} is longer than {BLOCK_BYTES:,} characters")
        yield line


def _undecodable(raw: IO[bytes], encoding: str) -> str | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    line, offset = 1, 0
    for block in itertools.chain(iter(lambda: raw.read(STREAM_BYTES), b""), [b""]):
        if is_utf8 and not offset and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "is in UTF-16; convert it to UTF-8, or say so (--encoding utf-16)"
        half = len(decoder.getstate()[0])  # of a character that the block before began
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            at = error.start - half
            place = f"line {line + block[: max(0, at)].count(10)}, byte {offset + at}"
            byte = error.object[error.start]
            name = "UTF-8" if is_utf8 else encoding
            return (
                f"is not {name}: {place} is 0x{byte:02x}; convert it to UTF-8, or say which "
                "encoding it has (--encoding latin-1)"
            )
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
