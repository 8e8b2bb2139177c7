"""Where a table lies: in a file, a zip archive, a folder of Parquet files, or on its way in."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import TableError
from ..system.files import PartFolder
from .formats import FORMATS
from .formats._format import line_of
from .limits import unpack

__all__ = ["STANDARD_INPUT", "files_of", "holds_data"]

STANDARD_INPUT = "-"
_CHUNK = 1 << 20
_BEGINNINGS = (
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".arrow"),
    (b"\xff\xff\xff\xff", ".arrow"),
    (b"PK\x03\x04", ".zip"),
    (b"\x1f\x8b", ".csv.gz"),
)
"""How a table on the standard input begins; any other is CSV."""


@contextlib.contextmanager
def files_of(path: str | os.PathLike[str]) -> Iterator[list[tuple[Path, str]]]:
    """Give the files that a table is in, and what to call each of them; copies go afterwards.

    Raises
    ------
    TableError
        If an archive holds no table or several, or can't be unpacked.
    """
    place = Path(path)
    with contextlib.ExitStack() as stack:
        name = str(path)
        if name == STANDARD_INPUT:
            place, name = _received(stack), "standard input"
        if parts := _parquet_files(place):
            yield [(part, str(part)) for part in parts]
            return
        if place.suffix.lower() == ".zip" and place.is_file():
            place, name = _unpacked(stack, place, name)
        yield [(place, name)]


def holds_data(file: Path) -> bool:
    """Whether a file is for readers, by its name: not one that a system or Spark keeps beside."""
    return not file.name.startswith((".", "_"))


def _parquet_files(folder: Path) -> list[Path]:
    try:
        files = list(folder.iterdir()) if folder.is_dir() else []
    except (OSError, ValueError):  # no name of a file, or not ours to read: who opens it says so
        return []
    return sorted(
        f for f in files if f.suffix.lower() == ".parquet" and holds_data(f) and f.is_file()
    )


def _folder(stack: contextlib.ExitStack) -> Path:
    """Return a new folder among the temporary files, open to this user alone."""
    names = [f"table{suffix}" for suffix in (*FORMATS, ".zip")]
    return stack.enter_context(PartFolder(Path(tempfile.gettempdir()), names)).path


def _received(stack: contextlib.ExitStack) -> Path:
    """Put what comes on the standard input in a file: some formats are read from their end."""
    source = sys.stdin.buffer
    head = source.read(8)
    suffix = next((end for start, end in _BEGINNINGS if head.startswith(start)), ".csv")
    try:
        file = _folder(stack) / f"table{suffix}"
        with file.open("wb") as sink:
            sink.write(head)
            shutil.copyfileobj(source, sink, _CHUNK)
    except OSError as error:
        raise TableError(
            f"the standard input can't be copied to a temporary file: {line_of(error)}; "
            "set TMPDIR to a folder with more room"
        ) from error
    return file


def _unpacked(stack: contextlib.ExitStack, place: Path, name: str) -> tuple[Path, str]:
    """Unpack the one table of an archive."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(place))
        tables = [i for i in archive.infolist() if not i.is_dir() and _is_table(i.filename)]
        if len(tables) != 1:
            found = ", ".join(i.filename for i in tables[:5]) or "none"
            raise TableError(
                f"{name} must hold one table, of one of the suffixes {' '.join(FORMATS)}; it holds "
                f"{len(tables)}: {found}; unpack it, and give the name of one"
            )
        inside = Path(tables[0].filename).name
        suffix = max((s for s in FORMATS if inside.lower().endswith(s)), key=len)
        file = _folder(stack) / f"table{suffix}"
        with archive.open(tables[0]) as source, file.open("wb") as sink:
            unpack(source, sink, name, file.parent)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise TableError(f"{name} can't be unpacked: {line_of(error)}") from error
    return file, f"{inside} in {name}"


def _is_table(name: str) -> bool:
    file = Path(name)
    return not file.name.startswith(".") and file.name.lower().endswith(tuple(FORMATS))
