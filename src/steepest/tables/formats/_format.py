"""What a format is, and what all of them need.

Files come from strangers: every one is read through `steepest.tables.limits`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa

from ...errors import TableError
from ..limits import check_texts

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_CELLS",
    "UNREADABLE",
    "Format",
    "Writer",
    "check_names",
    "checked",
    "line_of",
]

BLOCK_BYTES = 1 << 24
"""Text is parsed in blocks of so many bytes; a row must fit in one."""
BLOCK_CELLS = 1 << 24
"""A streamed block holds at most about so many values, however many columns there are."""
MOST_COLUMNS = 100_000
"""The most columns of a table: Arrow takes some 10 kB for each, however few rows there are."""
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, MemoryError)
"""What Arrow raises for a file that is not what its name says."""


class Writer(Protocol):
    """Takes tables of one schema."""

    def write_table(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


class Format(Protocol):
    """How a kind of file is read, streamed and written."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def unreadable(self) -> tuple[type[Exception], ...]:
        """What is raised by reading a file that is damaged, or of another format."""

    def read(self, file: Path) -> pa.Table:
        """Read a whole file."""

    def stream(
        self,
        file: Path,
        schema: Mapping[str, pa.DataType],
        rows: int,
        parts: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read a file in batches of at most about ``rows`` rows.

        ``schema`` has the types of columns that are not to come as text; ``parts`` the numbers of
        those of its `parts` that are to be read, by default all.
        """

    def parts(self, file: Path) -> list[int]:
        """Return the rows of the parts that can be read by themselves; none if a file has none."""

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> Writer:
        """Return what writes tables of this schema."""

    def fault(self, file: Path, error: Exception) -> str:
        """Say what is wrong with a file that could not be read; the file's name goes before."""


def checked(data: Any, file: Path) -> Any:
    """Return a table or a batch after a look at what Arrow trusts: offsets, indices and texts."""
    data.validate(full=True)
    check_texts(data, file)
    return data


def check_names(file: Path, names: Iterable[str]) -> None:
    """Raise a `TableError` if there are no columns, too many, or two of one name."""
    counts = Counter(names)
    twice = [repr(name) for name, count in counts.items() if count > 1]
    if twice:
        shown = ", ".join(twice[:10]) + (", …" if len(twice) > 10 else "")
        raise TableError(f"{file} has more than one column called {shown}; rename them")
    if not counts:
        raise TableError(f"{file} has no columns")
    if len(counts) > MOST_COLUMNS:
        raise TableError(
            f"{file} has {len(counts):,} columns; a table has at most {MOST_COLUMNS:,}"
        )


def line_of(error: BaseException) -> str:
    """Return the first line of a message, at most 200 characters."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
