"""Tables in and out of files, all through Arrow.

The suffix names the format, in any case; `steepest.tables.formats` has the formats, one a file.

`read_table` reads a whole file and infers the type of a CSV column from all of its rows.
`stream_table` yields a file in blocks; CSV columns come as text there, because a type that is
inferred block by block could change on the way. Whoever uses a block casts it, as `Encoder` and
`Task` do. `TableWriter` writes blocks to a file that appears whole or not at all.
`steepest.tables.limits` has the memory that reading may take.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa

from ..errors import TableError
from ..system.files import Part, check_replaceable
from .formats import FORMATS, format_of
from .formats._format import BLOCK_BYTES, Format, Writer, line_of
from .formats.text import MISSING

__all__ = ["MISSING", "SUFFIXES", "TableWriter", "read_table", "stream_table"]

SUFFIXES = tuple(FORMATS)
"""The suffixes of the files that can be read and written."""

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
    file: Path, form: Format, schema: Mapping[str, pa.DataType], rows: int
) -> Iterator[pa.Table]:
    with _explain(file, form):
        seen = 0
        for table in _gathered(form.stream(file, schema, rows), rows):
            for start in range(0, table.num_rows, rows):
                yield table.slice(start, rows)
            seen += table.num_rows
        _check_rows(file, seen)


def _gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Put small batches together: up to so many rows, and up to `BLOCK_BYTES`."""
    held: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        if held and (count + batch.num_rows > rows or size + batch.nbytes > BLOCK_BYTES):
            yield pa.Table.from_batches(held)
            held, count, size = [], 0, 0
        held.append(batch)
        count, size = count + batch.num_rows, size + batch.nbytes
    if held:
        yield pa.Table.from_batches(held)


class TableWriter:
    """Write a table block by block.

    Used in a ``with`` statement. The rows go to a temporary file in the same folder, which takes
    its final name when the block ends well and is removed when it ends in an error, so that a
    reader never meets half a table. If nothing was written, no file appears. Only a plain file is
    replaced, and no link is followed.

    Parameters
    ----------
    path : str, path-like or None
        The file, of a suffix that `read_table` knows; None writes CSV to the standard output.
    """

    def __init__(self, path: Path_ | None) -> None:
        self.rows = 0
        self._file = None if path is None else Path(path)
        self._form = FORMATS[".csv"] if self._file is None else format_of(self._file)
        self._schema: Any = None
        self._part: Part | None = None
        self._writer: Writer | None = None
        if self._file is not None:
            if self._file.is_dir():
                raise TableError(f"{self._file} is a folder; give the name of a file to write")
            if not self._file.parent.is_dir():
                raise TableError(f"{self._file.parent} does not exist; make the folder first")
            with self._explain():
                check_replaceable(self._file)

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table; later blocks are cast to the types of the first."""
        if self._writer is None:
            self._start(table.schema)
            assert self._writer is not None
        elif table.schema != self._schema:
            try:
                table = table.select(self._schema.names).cast(self._schema)
            except (pa.ArrowException, KeyError, ValueError) as error:
                raise TableError(f"a block does not fit the first one: {line_of(error)}") from error
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
                    if self._part is not None:
                        self._part.finish(sync=False)
        finally:
            if self._part is not None:
                self._part.discard()

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        name = "standard output" if self._file is None else str(self._file)
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise TableError(f"can't write {name}: {error.strerror or line_of(error)}") from error
        except pa.ArrowException as error:
            raise TableError(f"{name} can't hold this table: {line_of(error)}") from error

    def _start(self, schema: pa.Schema) -> None:
        self._schema = schema
        with self._explain():
            if self._file is None:
                sys.stdout.flush()
                sink: IO[bytes] = sys.stdout.buffer
            else:
                self._part = Part(self._file)
                sink = self._part.file
            self._writer = self._form.writer(sink, schema)


def _open(path: Path_) -> tuple[Path, Format]:
    file = Path(path)
    try:
        found = file.stat()
    except FileNotFoundError:
        raise TableError(f"{file} does not exist") from None
    except (OSError, ValueError) as error:
        raise TableError(f"{file} can't be read: {line_of(error)}") from error
    if stat.S_ISDIR(found.st_mode):
        raise TableError(f"{file} is a folder; give the name of a file")
    if not stat.S_ISREG(found.st_mode):
        raise TableError(f"{file} is no plain file; save what it yields first")
    if not os.access(file, os.R_OK):
        raise TableError(f"{file} can't be read: permission denied")
    form = format_of(file)
    if not found.st_size:
        raise TableError(f"{file} is empty; expected a line of column names, then rows")
    return file, form


@contextlib.contextmanager
def _explain(file: Path, form: Format) -> Iterator[None]:
    try:
        yield
    except (TableError, BrokenPipeError):
        raise
    except form.unreadable as error:
        raise TableError(f"{file} {form.fault(file, error)}") from error


def _check_rows(file: Path, rows: int) -> None:
    if not rows:
        raise TableError(f"{file} has column names but no rows")
