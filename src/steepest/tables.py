"""Tables in and out of files, all through Arrow.

The suffix names the format, in any case:

    .csv .tsv, each also with .gz     text in UTF-8
    .parquet                          Parquet
    .arrow .feather .ipc              Arrow IPC, file or stream

`read_table` reads a whole file and infers the type of a CSV column from all of its rows.
`stream_table` yields a file in blocks; CSV columns come as text there, because a type that is
inferred block by block could change on the way. Whoever uses a block casts it, as `Encoder` and
`Task` do. `TableWriter` writes blocks to a file that appears whole or not at all.
"""

import contextlib
import csv
import gzip
import io
import itertools
import os
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ._memory import physical_memory
from .casting import plain
from .errors import TableError

__all__ = ["MISSING", "SUFFIXES", "TableWriter", "read_table", "stream_table"]

_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "Null", "null", "<NA>", "#N/A")
MISSING = tuple(space + word for word in (*_WORDS, "?", "") for space in ("", " "))
"""What stands for a missing value in a CSV file."""

BLOCK_BYTES = 1 << 24
"""Text is parsed in blocks of so many bytes; a row must fit in one."""
BLOCK_CELLS = 1 << 24
"""A streamed block holds at most about so many values, however many columns there are."""

# What Arrow, gzip and the decoder raise for a file that is not what its name says.
_UNREADABLE = (
    pa.ArrowException, OSError, EOFError, ValueError, MemoryError, zlib.error, csv.Error,
)  # fmt: skip

Path_ = str | os.PathLike[str]


def read_table(path: Path_) -> pa.Table:
    """Read a whole table.

    Parameters
    ----------
    path : str or path-like
        The file; its suffix names the format.

    Returns
    -------
    pyarrow.Table
        At least one row and one column, no two columns of one name.

    Raises
    ------
    TableError
        If the file can't be read, or holds no table; the message says where and what to do.
    """
    file, form = _open(path)
    with _explain(file, form):
        table = form.read(file)
        _check_names(file, table.column_names)
        _check_rows(file, table.num_rows)
        return table


def stream_table(
    path: Path_, schema: Mapping[str, pa.DataType] | None = None, rows: int = 65536
) -> Iterator[pa.Table]:
    """Read a table in blocks, holding one at a time.

    Parameters
    ----------
    path : str or path-like
        The file; its suffix names the format.
    schema : mapping of str to pyarrow.DataType, optional
        Columns of a CSV file to be read as a given type, where a value that does not fit is an
        error. All others come as text. Other formats know their types and ignore this.
    rows : int
        The most rows in a block; a very wide table comes in smaller blocks.

    Returns
    -------
    iterator of pyarrow.Table
        The blocks in order, each of at least one row, all of one schema.

    Raises
    ------
    TableError
        At once if there is no such file; while reading if the file is broken.
    """
    file, form = _open(path)
    return _blocks(file, form, schema or {}, rows)


def _blocks(
    file: Path, form: "_Format", schema: Mapping[str, pa.DataType], rows: int
) -> Iterator[pa.Table]:
    with _explain(file, form):
        seen = 0
        for batch in form.stream(file, schema, rows):
            if not seen:
                _check_names(file, batch.schema.names)
            table = pa.Table.from_batches([batch])
            for start in range(0, table.num_rows, rows):
                yield table.slice(start, rows)
            seen += table.num_rows
        _check_rows(file, seen)


class TableWriter:
    """Write a table block by block.

    Used in a ``with`` statement. The rows go to a temporary file in the same folder, which takes
    its final name when the block ends well and is removed when it ends in an error, so that a
    reader never meets half a table. If nothing was written, no file appears.

    Parameters
    ----------
    path : str, path-like or None
        The file, of a suffix that `read_table` knows; None writes CSV to the standard output.
    """

    def __init__(self, path: Path_ | None) -> None:
        self.rows = 0
        self._file = None if path is None else Path(os.path.realpath(path))
        self._form = _Text(",") if self._file is None else _format(self._file)
        self._schema: Any = None
        self._part: Path | None = None
        self._sink: IO[bytes] | None = None
        self._writer: _Writer | None = None
        if self._file is not None:
            if self._file.is_dir():
                raise TableError(f"{self._file} is a folder; give the name of a file to write")
            if not self._file.parent.is_dir():
                raise TableError(f"{self._file.parent} does not exist; make the folder first")

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table; later blocks are cast to the types of the first."""
        if self._writer is None:
            self._start(table.schema)
            assert self._writer is not None
        elif table.schema != self._schema:
            try:
                table = table.select(self._schema.names).cast(self._schema)
            except (pa.ArrowException, KeyError, ValueError) as error:
                raise TableError(f"a block does not fit the first one: {_line(error)}") from error
        with self._explain():
            self._writer.write_table(table)
        self.rows += table.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._writer is not None:
                with self._explain():
                    self._writer.close()
                    self._close_sink()
                    if self._part is not None and self._file is not None:
                        self._part.replace(self._file)
                        self._part = None
        finally:
            with contextlib.suppress(OSError):  # what it still holds is not wanted
                self._close_sink()
            if self._part is not None:
                self._part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        name = "standard output" if self._file is None else str(self._file)
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise TableError(f"can't write {name}: {error.strerror or _line(error)}") from error
        except pa.ArrowException as error:
            raise TableError(f"{name} can't hold this table: {_line(error)}") from error

    def _start(self, schema: pa.Schema) -> None:
        self._schema = schema
        with self._explain():
            if self._file is None:
                sys.stdout.flush()
                sink: IO[bytes] = sys.stdout.buffer
            else:
                part = self._file.with_name(f".{self._file.name}.{os.getpid()}.part")
                sink = self._sink = part.open("wb")
                self._part = part
            self._writer = self._form.writer(sink, schema)

    def _close_sink(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None


# Formats: each reads, streams and writes.


class _Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


class _Format(Protocol):
    def read(self, file: Path) -> pa.Table: ...
    def stream(
        self, file: Path, schema: Mapping[str, pa.DataType], rows: int
    ) -> Iterator[pa.RecordBatch]: ...
    def writer(self, sink: IO[bytes], schema: pa.Schema) -> _Writer: ...
    def fault(self, file: Path, error: Exception) -> str: ...


@dataclass(frozen=True)
class _Text:
    """CSV and its kin; `gz` if the bytes are compressed."""

    delimiter: str
    gz: bool = False

    def read(self, file: Path) -> pa.Table:
        _, delimiter = self._header(file)
        with self._bytes(file) as source:
            table = pacsv.read_csv(source, **_options(delimiter))
        # Text that is not UTF-8 is inferred as bytes.
        if any(pa.types.is_binary(kind) for kind in table.schema.types):
            raise ValueError("not UTF-8")
        return table

    def stream(
        self, file: Path, schema: Mapping[str, pa.DataType], rows: int
    ) -> Iterator[pa.RecordBatch]:
        names, delimiter = self._header(file)
        types = {name: schema.get(name, pa.string()) for name in names}
        with self._bytes(file) as source:
            yield from pacsv.open_csv(source, **_options(delimiter, types))

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> _Writer:
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
            return f"is not a whole gzip file ({_line(broken)}); compress it again"
        except csv.Error as broken:
            return f"can't be parsed: {_line(broken)}"
        return f"can't be parsed: {_line(error)}"

    def _header(self, file: Path) -> tuple[list[str], str]:
        """Return the column names and the delimiter, which may be ; or a tab in a .csv file."""
        with self._lines(file) as lines:
            head = next((line for line in lines if line.strip("\r\n")), "")
            if not head:
                raise TableError(f"{file} is empty; expected a line of column names, then rows")
            others = [mark for mark in (";", "\t") if mark in head]
            delimiter = others[0] if self.delimiter not in head and others else self.delimiter
            names = next(csv.reader(itertools.chain([head], lines), delimiter=delimiter))
        _check_names(file, names)
        return names, delimiter

    @contextlib.contextmanager
    def _bytes(self, file: Path) -> Iterator[Any]:
        with pa.input_stream(str(file), compression="gzip" if self.gz else None) as source:
            yield source

    def _raw(self, file: Path) -> IO[bytes]:
        raw = gzip.open(file, "rb") if self.gz else file.open("rb")  # noqa: SIM115
        return cast("IO[bytes]", raw)

    @contextlib.contextmanager
    def _lines(self, file: Path) -> Iterator[IO[str]]:
        with self._raw(file) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as lines:
            yield lines


class _Parquet:
    def read(self, file: Path) -> pa.Table:
        with pq.ParquetFile(file) as source:
            rows, width = source.metadata.num_rows, source.metadata.num_columns
            if rows * width > physical_memory():
                raise ValueError(f"{rows:,} rows of {width:,} columns do not fit into memory")
            return _sound(source.read())

    def stream(
        self, file: Path, schema: Mapping[str, pa.DataType], rows: int
    ) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(file) as source:
            width = max(1, len(source.schema_arrow))
            batches = source.iter_batches(max(1, min(rows, BLOCK_CELLS // width)))
            yield from map(_sound, batches)

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> _Writer:
        writer: _Writer = pq.ParquetWriter(sink, schema)
        return writer

    def fault(self, file: Path, error: Exception) -> str:
        return f"is not a whole Parquet file: {_line(error)}"


class _Ipc:
    MAGIC = b"ARROW1"

    def read(self, file: Path) -> pa.Table:
        with pa.OSFile(str(file)) as source, self._reader(source) as reader:
            return _sound(reader.read_all())

    def stream(
        self, file: Path, schema: Mapping[str, pa.DataType], rows: int
    ) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(file)) as source, self._reader(source) as reader:
            if isinstance(reader, pa.RecordBatchStreamReader):
                yield from map(_sound, reader)
            else:
                for k in range(reader.num_record_batches):
                    yield _sound(reader.get_batch(k))

    def _reader(self, source: Any) -> Any:
        is_file = source.read(len(self.MAGIC)) == self.MAGIC
        source.seek(0)
        return pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> _Writer:
        writer: _Writer = pa.ipc.new_file(sink, schema)
        return writer

    def fault(self, file: Path, error: Exception) -> str:
        return f"is not a whole Arrow IPC file: {_line(error)}"


_FORMATS: dict[str, _Format] = {
    ".csv": _Text(","),
    ".csv.gz": _Text(",", gz=True),
    ".tsv": _Text("\t"),
    ".tsv.gz": _Text("\t", gz=True),
    ".parquet": _Parquet(),
    ".arrow": _Ipc(),
    ".feather": _Ipc(),
    ".ipc": _Ipc(),
}
SUFFIXES = tuple(_FORMATS)
"""The suffixes of the files that can be read and written."""


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


# Helpers.


def _open(path: Path_) -> tuple[Path, _Format]:
    file = Path(path)
    if not file.exists():
        raise TableError(f"{file} does not exist")
    if file.is_dir():
        raise TableError(f"{file} is a folder; give the name of a file")
    if not os.access(file, os.R_OK):
        raise TableError(f"{file} can't be read: permission denied")
    form = _format(file)
    if not file.stat().st_size:
        raise TableError(f"{file} is empty; expected a line of column names, then rows")
    return file, form


def _format(file: Path) -> _Format:
    ends = [part.lower() for part in file.suffixes[-2:]]
    for suffix in ("".join(ends), "".join(ends[-1:])):
        if suffix in _FORMATS:
            return _FORMATS[suffix]
    shown = f"unknown suffix {file.suffix!r}" if file.suffix else "no suffix"
    raise TableError(f"{file} has {shown}; known are {' '.join(SUFFIXES)}")


@contextlib.contextmanager
def _explain(file: Path, form: _Format) -> Iterator[None]:
    try:
        yield
    except (TableError, BrokenPipeError):
        raise
    except _UNREADABLE as error:
        raise TableError(f"{file} {form.fault(file, error)}") from error


def _options(delimiter: str, types: dict[str, pa.DataType] | None = None) -> dict[str, Any]:
    return {
        "read_options": pacsv.ReadOptions(block_size=BLOCK_BYTES),
        "parse_options": pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": pacsv.ConvertOptions(
            column_types=types, null_values=list(MISSING), strings_can_be_null=True
        ),
    }


def _sound(data: Any) -> Any:
    """Return a table or a batch after a look at what Arrow trusts: offsets, indices and texts."""
    data.validate(full=True)
    return data


def _check_names(file: Path, names: Iterable[str]) -> None:
    counts = Counter(names)
    twice = [repr(name) for name, count in counts.items() if count > 1]
    if twice:
        shown = ", ".join(twice[:10]) + (", …" if len(twice) > 10 else "")
        raise TableError(f"{file} has more than one column called {shown}; rename them")
    if not counts:
        raise TableError(f"{file} has no columns")


def _check_rows(file: Path, rows: int) -> None:
    if not rows:
        raise TableError(f"{file} has column names but no rows")


def _undecodable(raw: IO[bytes]) -> str | None:
    offset = 0
    for number, line in enumerate(raw, start=1):
        if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "is in UTF-16; convert it to UTF-8"
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = line[error.start]
            place = f"line {number}, byte {offset + error.start}"
            return f"is not UTF-8: {place} is 0x{byte:02x}; convert it to UTF-8"
        offset += len(line)
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


def _line(error: BaseException) -> str:
    """Return the first line of a message, at most 200 characters."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
