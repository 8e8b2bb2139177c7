"""The formats of tables, one a file: how each is read, streamed and written.

A module of this folder has the formats that it knows in ``FORMATS``, by suffix, and is found by
that: a further one needs no other edit.
"""

from __future__ import annotations

from pathlib import Path

from ...collect import modules
from ...errors import TableError
from ._format import Format

__all__ = ["FORMATS", "find_formats", "format_of"]


def find_formats() -> dict[str, Format]:
    """Return the formats of all modules of this folder, by suffix."""
    found: dict[str, Format] = {}
    for module in modules(__name__):
        found |= module.FORMATS
    return dict(sorted(found.items()))


FORMATS = find_formats()
"""By suffix."""


def format_of(file: Path) -> Format:
    """Return the format that the suffix of a file names, in any case.

    Raises
    ------
    TableError
        If there is no such format.
    """
    ends = [part.lower() for part in file.suffixes[-2:]]
    for suffix in ("".join(ends), "".join(ends[-1:])):
        if suffix in FORMATS:
            return FORMATS[suffix]
    shown = f"unknown suffix {file.suffix!r}" if file.suffix else "no suffix"
    raise TableError(f"{file} has {shown}; known are {' '.join(FORMATS)}")
