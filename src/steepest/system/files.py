"""Files and folders that appear whole or not at all, among names that others may have prepared.

Whoever writes, writes here. What is being written is new, open to this user alone, and has a name
beside its place that nobody can guess, ``.steepest-TOKEN.part``; it takes its place in one step. No
link is followed, nothing but a plain file is opened, and what is no plain file is not replaced.

A writer holds a lock on its part, which ends with the process. So what a killed process has left is
known: it has such a name, belongs to this user, and nobody holds it. The next writer in the folder
removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from .handles import (
    CREATE,
    OPEN_SAFELY,
    Folder,
    FolderByName,
    Handle,
    is_mine,
    is_ours,
    move_and_close,
    remove_and_close,
)

__all__ = [
    "Part",
    "PartFolder",
    "check_replaceable",
    "hold_folder",
    "is_plain",
    "open_plain",
    "read_plain",
    "remove_folder",
    "remove_parts",
    "sync_folder",
    "write_durably",
]

_PART = re.compile(r"\.steepest-[0-9a-f]{32}\.part")
_STALE = 3600  # seconds after which nobody holds what can not be locked


def is_plain(path: Path) -> bool:
    """Whether this is a file: no folder, no link, and nothing that opening would wait for."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def read_plain(path: Path, most: float, *, ours: bool = False) -> bytes:
    """Return the content of a plain file.

    Parameters
    ----------
    most : float
        The most bytes that it may have.
    ours : bool
        Whether to refuse a file that others can write (`is_ours`).

    Raises
    ------
    OSError
        If it is not there, not a plain file, longer than ``most`` bytes, or can't be read.
    """
    with open_plain(path) as file:
        found = os.fstat(file.fileno())
        if ours and not is_ours(found):
            raise PermissionError(errno.EPERM, "others than this user can write it", str(path))
        if found.st_size > most:
            raise OSError(
                errno.EFBIG,
                f"it has {found.st_size:,} bytes, expected at most {most:,.0f}",
                str(path),
            )
        return file.read(found.st_size)


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading.

    Raises
    ------
    OSError
        If it is not there, not a plain file, or can't be opened.
    """
    _check_plain(path, path.lstat())
    file = os.fdopen(os.open(path, os.O_RDONLY | OPEN_SAFELY), "rb")
    try:
        _check_plain(path, os.fstat(file.fileno()))  # it may be another one by now
    except OSError:
        file.close()
        raise
    return file


def check_replaceable(place: Path, *sources: Path | None) -> None:
    """Check that a file can have this name: in a folder, where nothing has it, or a plain file.

    Parameters
    ----------
    place : Path
    *sources : Path, optional
        Files that are read, which it must not take the place of.

    Raises
    ------
    OSError
        If there is no such folder, or something else has the name.
    """
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(place.parent))
    with contextlib.suppress(FileNotFoundError):
        found = place.lstat()
        _check_plain(place, found)
        for source in sources:
            if source is not None and _is_at(source, found):
                raise OSError(errno.EINVAL, "it is also read; choose another name to write to",
                              str(place))  # fmt: skip


def write_durably(place: Path, content: bytes, *, sync: bool = True, private: bool = False) -> None:
    """Write a file, or leave what was there before.

    Parameters
    ----------
    place : Path
    content : bytes
    sync : bool
        Wait until it has reached the disk, so that it is whole also when the machine stops.
    private : bool
        Let this user alone read and write it, whatever the umask.

    Raises
    ------
    OSError
        If it can't be written, or something other than a plain file has the name. Nothing is left
        behind then.
    """
    with Part(place) as part:
        part.file.write(content)
        part.finish(sync=sync, private=private)


class Part:
    """A file that is being written.

    A context manager: what has not been finished is removed.

    Parameters
    ----------
    place : Path
        The name that it takes in the end.

    Attributes
    ----------
    file : binary file
        Write here.

    Raises
    ------
    OSError
        If it can't be made, or something other than a plain file has the name.
    """

    def __init__(self, place: Path) -> None:
        check_replaceable(place)
        remove_parts(place.parent)
        self._place = place
        while True:
            self._path = _new_name(place.parent)
            number = os.open(self._path, CREATE, 0o666)
            self.file = os.fdopen(number, "wb")
            self._handle = Handle(number)
            self._mode = stat.S_IMODE(self._handle.stat().st_mode)
            if _take(self._path, self._handle, 0o600):
                return
            self.discard()

    def finish(self, *, sync: bool, private: bool = False) -> None:
        """Give it its name, after it has reached the disk if it is to ``sync``."""
        self.file.flush()
        if sync:
            os.fsync(self.file.fileno())
        if not private:
            self._handle.set_mode(self._mode)
        check_replaceable(self._place)
        move_and_close(self._path, self._place, self.file)
        if sync:
            sync_folder(self._place.parent)

    def discard(self) -> None:
        """Close it, and remove it if it has not taken its place."""
        with contextlib.suppress(OSError):  # what it still holds is not wanted
            self.file.close()
        with contextlib.suppress(OSError):  # after `finish` it is not there
            self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.discard()


class PartFolder:
    """A folder of plain files that is being written.

    A context manager: what has its name in the end, it or what it was exchanged for, is removed.

    Parameters
    ----------
    parent : Path
        The folder it is made in.
    names : sequence of str
        Of the files that it may hold; by the first it is known.

    Attributes
    ----------
    path : Path

    Raises
    ------
    OSError
        If it can't be made.
    """

    def __init__(self, parent: Path, names: Sequence[str]) -> None:
        remove_parts(parent, names)
        self._names = names
        while True:
            self.path = _new_name(parent)
            self.path.mkdir()
            self._folder = Folder(self.path)
            self._mode = stat.S_IMODE(self._folder.stat().st_mode)
            if _take(self.path, self._folder, 0o700):
                return
            self.__exit__()

    def write(self, name: str, content: bytes) -> None:
        """Write a file, and have it reach the disk."""
        with os.fdopen(self._folder.create(name), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> None:
        """Have the names in it reach the disk, and let others read it."""
        self._folder.sync()
        self._folder.set_mode(self._mode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            remove_folder(self.path, self._names)
        self._folder.close()


def remove_parts(folder: Path, names: Sequence[str] = ()) -> None:
    """Remove the parts that killed processes have left in a folder.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        Parts that are folders go only if they hold plain files of these names and nothing else.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        parts = [folder / entry.name for entry in entries if _PART.fullmatch(entry.name)]
        for part in parts:
            with contextlib.suppress(OSError):  # others may be removing it too
                _remove_part(part, names)


def _remove_part(part: Path, names: Sequence[str]) -> None:
    found = part.lstat()
    if not is_mine(found):
        return
    if stat.S_ISDIR(found.st_mode):
        with Folder(part) as folder:
            if _lock(folder):
                remove_folder(part, names)
    elif stat.S_ISREG(found.st_mode):
        number = os.open(part, os.O_RDWR | OPEN_SAFELY)
        if _lock(Handle(number)):
            remove_and_close(part, number)
        else:
            os.close(number)


def remove_folder(place: Path, names: Sequence[str]) -> bool:
    """Remove a folder that holds plain files of these names and nothing else.

    The first of the names goes last: by it the folder is known, if this is cut short.

    Returns
    -------
    bool
        Whether it did. A folder that holds anything else keeps all of it.

    Raises
    ------
    OSError
        If there is no such folder, or it can't be removed.
    """
    with Folder(place) as folder:
        inside = folder.names()
        modes = [folder.lstat(name).st_mode for name in inside]
        if not set(inside) <= set(names) or not all(map(stat.S_ISREG, modes)):
            return False
        for name in sorted(inside, key=names.index, reverse=True):
            folder.unlink(name)
    place.rmdir()
    return True


@contextlib.contextmanager
def hold_folder(place: Path) -> Iterator[bool]:
    """Lock a folder; yield whether nobody else holds it.

    Raises
    ------
    OSError
        If there is no such folder, or it is a link.
    """
    with Folder(place) as folder:
        yield _lock(folder)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    with Folder(Path(os.path.realpath(folder))) as handle:
        handle.sync()


def _new_name(folder: Path) -> Path:
    return folder / f".steepest-{os.urandom(16).hex()}.part"


def _take(path: Path, handle: Handle | FolderByName, mode: int) -> bool:
    """Lock what was just made for its writer alone; return False if it was taken for a remainder.

    For a moment it was there without a lock.
    """
    handle.set_mode(mode)
    try:
        return _lock(handle, otherwise=True) and os.path.samestat(path.lstat(), handle.stat())
    except FileNotFoundError:
        return False


def _lock(handle: Handle | FolderByName, *, otherwise: bool | None = None) -> bool:
    """Lock an open file or folder until it is closed; return False if somebody else holds it.

    Not every disk or system has such locks. Without one, the answer is ``otherwise``; by default
    whether it is older than an hour.
    """
    try:
        handle.lock()
        return True
    except BlockingIOError:
        return False
    except OSError:
        if otherwise is not None:
            return otherwise
        return time.time() - handle.stat().st_mtime > _STALE


def _is_at(source: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(source.stat(), found)
    except OSError:  # who reads it will say so
        return False


def _check_plain(path: Path, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    name = path.name or path
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, f"{name} is a link; expected a plain file", str(path))
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, f"{name} is a folder; expected a file", str(path))
    raise OSError(errno.EINVAL, f"{name} is not a plain file", str(path))
