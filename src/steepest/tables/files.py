"""Tables in and out of files, all through Arrow.

The suffix names the format, in any case; `steepest.tables.formats` has the formats, one a file.
"-" is the standard input, a folder of Parquet files is one table, and a .zip archive with one table
in it is that table (`steepest.tables.places`).

`read_table` reads a whole table, `stream_table` yields it in blocks. The columns of a CSV file come
as text in both: what they hold is found out once, from all the rows that an `Encoder` or a `Task`
is fitted to. `TableWriter` writes blocks to a file that appears whole or not at all.
`steepest.tables.limits` has the memory that reading may take.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa

from ..errors import TableError
from ..system.files import Part, check_replaceable
from ..validate import folder, instance, positive_count
from .formats import FORMATS, format_of
from .formats._format import BLOCK_BYTES, Format, Writer, line_of
from .formats.text import MISSING, Text
from .limits import room, too_large
from .options import TableOptions
from .places import files_of
from .ranges import Look, share_of

__all__ = [
    "MISSING",
    "SUFFIXES",
    "TableWriter",
    "contents_of",
    "look_at_share",
    "read_table",
    "stream_share",
    "stream_table",
]

SUFFIXES = tuple(FORMATS)
"""The suffixes of the files that can be read and written."""

Path_ = str | os.PathLike[str]


def read_table(path: Path_, options: TableOptions | None = None) -> pa.Table:
    """Read a whole table.

    Parameters
    ----------
    path : str or path-like
        The file; its suffix names the format. A folder of Parquet files, or "-", the standard
        input.
    options : TableOptions, optional
        Delimiter, encoding and header of a file of text.

    Returns
    -------
    pyarrow.Table
        At least one row and one column, no two columns of one name.

    Raises
    ------
    TableError
        If the file can't be read, or holds no table; the message says where and what to do.
    """
    _check(path, options, "read_table")
    with files_of(path) as files:
        parts: list[pa.Table] = []
        for place, name in files:
            file, form = _open(place, name, options)
            with _explain(name, file, form):
                table = form.read(file)
                _check_rows(name, table.num_rows)
            parts.append(_alike(table, parts[0].schema, name) if parts else table)
            if len(files) > 1 and sum(part.nbytes for part in parts) > room():
                raise too_large(path)
        return pa.concat_tables(parts) if len(parts) > 1 else parts[0]


def stream_table(
    path: Path_,
    schema: Mapping[str, pa.DataType] | None = None,
    rows: int = 65536,
    options: TableOptions | None = None,
) -> Iterator[pa.Table]:
    """Read a table in blocks, holding one at a time.

    Parameters
    ----------
    path, options
        As of `read_table`.
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
    _check(path, options, "stream_table")
    positive_count("stream_table", "rows", rows)
    if schema is not None:
        instance("stream_table", "schema", schema, Mapping, "{'age': pyarrow.int64()}")
    stack = contextlib.ExitStack()
    try:
        opened = [
            (name, *_open(place, name, options))
            for place, name in stack.enter_context(files_of(path))
        ]
    except BaseException:
        stack.close()
        raise
    return _blocks(stack, opened, schema or {}, rows)


def contents_of(path: Path_) -> str:
    """Return a line that tells a table from others: the sizes of its files."""
    with files_of(path) as files:
        sizes = [_open(place, name, None)[0].stat().st_size for place, name in files]
    shown = ", ".join(f"{size:,}" for size in sizes[:8]) + ", …" * (len(sizes) > 8)
    return f"{len(sizes)} file{'s' * (len(sizes) != 1)} of {shown} bytes, {sum(sizes):,} in all"


def look_at_share(
    path: Path_, share: tuple[int, int], options: TableOptions | None = None
) -> Look | None:
    """Look at one of several ranges of bytes of a CSV file; None where there is no need or no use.

    Parameters
    ----------
    path, share, options
        As of `stream_share`, which wants to know what all looks have found.
    """
    with files_of(path) as files:
        place, name = files[0]
        file, form = _open(place, name, options)
        if not isinstance(form, Text) or share[1] == 1:
            return None
        with _explain(name, file, form):
            return form.look(file, share)


def stream_share(
    path: Path_,
    share: tuple[int, int],
    options: TableOptions | None = None,
    rows: int = 65536,
    looks: Sequence[Look | None] = (),
) -> Iterator[tuple[int, pa.Table]]:
    """Read one of several shares of a table in blocks: together they are all of it, each row once.

    Of Parquet files a share is some of the row groups, of CSV files a range of bytes, and nothing
    else is read. Other files, those with fewer row groups than there are shares, and CSV files
    that are compressed, not in UTF-8, or have quotes within values, are read whole, and a share is
    a part of each block.

    Parameters
    ----------
    path, options, rows
        As of `stream_table`.
    share : (int, int)
        Which one, from 0, of how many.
    looks : sequence of Look or None
        What `look_at_share` says of each share, for CSV files.

    Returns
    -------
    iterator of (int, pyarrow.Table)
        Blocks, and how many rows of the table come before each.
    """
    own, shares = share
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(files_of(path))
        opened = [(name, *_open(place, name, options)) for place, name in files]
        parts = _parts_of(opened) if shares > 1 else []
        if len(parts) >= shares:  # the columns of the first file are those of all
            first = next(iter(_blocks_of(*opened[0], {}, 1))).schema
            for start, part in _shared_out(parts, own, shares):
                for table in _blocks_of_part(part, rows):
                    yield start, _alike(table, first, part[0])
                    start += table.num_rows
            return
        _, file, form = opened[0]
        found = [look for look in looks if look is not None]
        if isinstance(form, Text) and len(found) == shares > 1:
            size = file.stat().st_size
            span = share_of(found, own, size, form.options.header)
            if span is not None:
                yield from _blocks_of_span(opened[0], span, rows)
                return
    start = 0
    for block in stream_table(path, rows=rows, options=options):
        n = block.num_rows
        first_row, end = n * own // shares, n * (own + 1) // shares
        if end > first_row:
            yield start + first_row, block.slice(first_row, end - first_row)
        start += n


def _parts_of(opened: list[tuple[str, Path, Format]]) -> list[tuple[str, Path, Format, int, int]]:
    """Return what can be read by itself: of which file, which part, of how many rows."""
    found = []
    for name, file, form in opened:
        with _explain(name, file, form):
            parts = form.parts(file)
            if not parts:
                return []
            found += [(name, file, form, k, n) for k, n in enumerate(parts)]
    return found


def _blocks_of_part(part: tuple[str, Path, Format, int, int], rows: int) -> Iterator[pa.Table]:
    name, file, form, number, _ = part
    with _explain(name, file, form):
        yield from _gathered(form.stream(file, {}, rows, [number]), rows)


def _blocks_of_span(
    opened: tuple[str, Path, Format], span: tuple[int, int, int], rows: int
) -> Iterator[tuple[int, pa.Table]]:
    """Yield the blocks between two bytes, and how many rows come before each."""
    (name, file, form), (begin, end, start) = opened, span
    assert isinstance(form, Text)
    if begin == end:
        return
    with _explain(name, file, form):
        for table in _gathered(form.stream_span(file, {}, (begin, end)), rows):
            for first in range(0, table.num_rows, rows):
                block = table.slice(first, rows)
                yield start, block
                start += block.num_rows


def _shared_out(parts: list[Any], own: int, shares: int) -> Iterator[tuple[int, Any]]:
    """Yield the parts of a share, neighbours, and how many rows come before each."""
    total, start = sum(part[-1] for part in parts), 0
    for part in parts:
        middle = start + part[-1] / 2
        if int(middle * shares / max(1, total)) == own:
            yield start, part
        start += part[-1]


def _check(path: Any, options: Any, where: str) -> None:
    folder(where, "path", path)
    if options is not None:
        instance(where, "options", options, TableOptions, "TableOptions(decimal=',')")


def _blocks(
    stack: contextlib.ExitStack,
    opened: list[tuple[str, Path, Format]],
    schema: Mapping[str, pa.DataType],
    rows: int,
) -> Iterator[pa.Table]:
    first: pa.Schema | None = None
    with stack:
        for name, file, form in opened:
            for block in _blocks_of(name, file, form, schema, rows):
                first = block.schema if first is None else first
                yield _alike(block, first, name)


def _blocks_of(
    name: str, file: Path, form: Format, schema: Mapping[str, pa.DataType], rows: int
) -> Iterator[pa.Table]:
    seen = 0
    with _explain(name, file, form):
        for table in _gathered(form.stream(file, schema, rows), rows):
            yield from (table.slice(start, rows) for start in range(0, table.num_rows, rows))
            seen += table.num_rows
        _check_rows(name, seen)


def _alike(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Return a part of a table with the columns and types of the first part."""
    if table.schema.equals(schema):
        return table
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise TableError(
            f"{name} does not fit the files before it: {line_of(error)}; give all of them the same "
            "columns and types"
        ) from error


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
        if path is not None:
            folder("TableWriter", "path", path)
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


def _open(file: Path, name: str, options: TableOptions | None) -> tuple[Path, Format]:
    try:
        found = file.stat()
    except FileNotFoundError:
        raise TableError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:
        raise TableError(f"{name} can't be read: {line_of(error)}") from error
    if stat.S_ISDIR(found.st_mode):
        raise TableError(f"{name} is a folder without .parquet files; give the name of a file")
    if not stat.S_ISREG(found.st_mode):
        raise TableError(f"{name} is no plain file; save what it yields first, or pipe it to '-'")
    if not os.access(file, os.R_OK):
        raise TableError(f"{name} can't be read: permission denied")
    form = format_of(file)
    if not found.st_size:
        raise TableError(f"{name} is empty; expected a line of column names, then rows")
    if isinstance(form, Text) and options is not None:
        form = replace(form, options=options)
    return file, form


@contextlib.contextmanager
def _explain(name: str, file: Path, form: Format) -> Iterator[None]:
    try:
        yield
    except (TableError, BrokenPipeError):
        raise
    except form.unreadable as error:
        raise TableError(f"{name} {form.fault(file, error)}") from error


def _check_rows(name: str, rows: int) -> None:
    if not rows:
        raise TableError(f"{name} has column names but no rows")
