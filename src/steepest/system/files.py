"""Files that are there whole or not at all, also when the machine stops."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["PART", "sync_folder", "write_durably"]

PART = ".part"
"""The suffix of a file that is being written."""


def write_durably(place: Path, content: bytes) -> None:
    """Write a file, or leave what was there before.

    The bytes go to a file beside it, which takes its name when they have reached the disk. A
    process that is killed leaves at most that file, whose name begins with a dot and ends in
    `PART`.

    Raises
    ------
    OSError
        If it can't be written. Nothing is left behind then.
    """
    part = place.with_name(f".{place.name}{PART}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
        sync_folder(place.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
