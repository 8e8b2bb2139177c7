"""The bytes of a model folder, written whole or not at all.

A save writes a new folder beside the old one, has the disk confirm every file of it, and exchanges
the two in one step (``renameat2`` of Linux). Where there is no such step, the old folder is first
renamed to ``.NAME.old``, and readers look there while its own name is free. So whenever a save is
killed, a reader finds the old model or the new one, whole.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import hashlib
import os
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError

__all__ = [
    "CARD",
    "ENCODER",
    "FORMAT",
    "RECORD",
    "THETA",
    "check_place",
    "digest",
    "find_folder",
    "mark",
    "read_file",
    "write_folder",
]

FORMAT = "steepest model"
RECORD, THETA, ENCODER = "model.json", "theta.safetensors", "encoder.safetensors"
CARD = "README.md"

_STALE = 3600  # seconds after which an unfinished folder is taken to be left by a killed process
_AT_CWD, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE


def check_place(path: str | os.PathLike[str]) -> Path:
    """Return where a model will be written.

    Raises
    ------
    ModelError
        If it can't be written there, or something other than a model is there.
    """
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise ModelError(f"{place.parent} does not exist; make the folder first")
    if not os.access(place.parent, os.W_OK):
        raise ModelError(f"{place.parent} can't be written to: permission denied")
    if place.exists() and not _is_replaceable(place):
        raise ModelError(f"{place} exists and is not a model folder; give another name")
    return place


def _is_replaceable(place: Path) -> bool:
    """Whether this is an empty folder, or one that holds a model and nothing else."""
    if not place.is_dir():
        return False
    names = {entry.name for entry in place.iterdir()}
    if not names:
        return True
    if RECORD not in names or not names <= {RECORD, THETA, ENCODER, CARD}:
        return False
    with (place / RECORD).open("rb") as file:
        return f'"format": "{FORMAT}"'.encode() in file.read(200)


def write_folder(place: Path, contents: Mapping[str, bytes]) -> None:
    """Put a folder with these files in this place, in the stead of one that is there.

    Raises
    ------
    OSError
        The place is then as it was.
    """
    _clean(place)
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.part")
    part.mkdir()
    try:
        for name, content in contents.items():
            with (part / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(part)
        if not place.exists():
            part.rename(place)
        elif not _exchange(part, place):
            _exchange_by_two_steps(part, place)
        _sync(place.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)  # after an exchange this is the old model


def find_folder(path: str | os.PathLike[str]) -> Path:
    """Return where the model of this name is: there, or aside if a save was cut short."""
    place = Path(path)
    aside = _aside(place)
    # Between two looks the save may have gone on.
    return place if place.exists() or not aside.exists() or place.exists() else aside


def mark(place: Path) -> Any:
    """Return what tells a folder from the one that a save puts in its place."""
    aside = _aside(place)
    # Between finding the folder and looking at it, a save may have put it away.
    while place.exists() or aside.exists() or place.exists():
        folder = find_folder(place)
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return folder, found.st_dev, found.st_ino, found.st_mtime_ns  # it may only have moved
    return None


def read_file(place: Path, name: str, most: int) -> bytes:
    """Return the content of a file of the folder.

    Raises
    ------
    ModelError
        If it is not there, not a plain file of this folder (a link leads elsewhere), longer than
        ``most`` bytes, or can't be read.
    """
    path = place / name
    flags = os.O_RDONLY | sum(getattr(os, f, 0) for f in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        raise ModelError(f"{place} is no whole model: {name} is missing") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ModelError(f"{path} is a link; expected a file of the folder") from error
        raise ModelError(f"{path} can't be read: {error.strerror or error}") from error
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise ModelError(f"{path} is not a plain file")
    with os.fdopen(handle, "rb") as file:
        if found.st_size > most:
            raise ModelError(
                f"{path} is damaged: it has {found.st_size:,} bytes, expected at most {most:,}"
            )
        try:
            return file.read(most)
        except OSError as error:
            raise ModelError(f"{path} can't be read: {error.strerror or error}") from error


def digest(content: bytes) -> dict[str, Any]:
    """Return what the record says of another file of the folder."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _aside(place: Path) -> Path:
    return place.parent / f".{place.name}.old"


def _exchange_by_two_steps(part: Path, place: Path) -> None:
    aside = _aside(place)
    place.rename(aside)
    try:
        part.rename(place)
    except BaseException:
        aside.rename(place)
        raise
    _sync(place.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _clean(place: Path) -> None:
    """Finish or remove what killed saves have left."""
    aside = _aside(place)
    if aside.exists():
        if place.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(place)
    for part in place.parent.glob(f".{place.name.translate(_NO_GLOB)}.????????.part"):
        try:
            if time.time() - part.stat().st_mtime > _STALE:
                shutil.rmtree(part, ignore_errors=True)
        except FileNotFoundError:  # its own process has done with it
            continue


_NO_GLOB = str.maketrans({mark: f"[{mark}]" for mark in "*?["})


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; return False where the system or the disk can't."""
    rename = _renameat2()
    if rename is None:
        return False
    if rename(_AT_CWD, os.fsencode(first), _AT_CWD, os.fsencode(second), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(second))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return found


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
