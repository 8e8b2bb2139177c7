"""Files and folders that are open, where systems differ in what they let one do with them.

On Linux and macOS whoever has opened a folder works within it, whatever becomes of its name, and
locks it until it is closed. Windows opens no folders, and neither renames nor removes a file that
is open; there names take the place of handles, and nothing is locked.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

__all__ = [
    "CREATE",
    "OPEN_SAFELY",
    "Folder",
    "FolderByName",
    "Handle",
    "exchange",
    "is_mine",
    "is_ours",
    "move_and_close",
    "remove_and_close",
    "rename",
    "this_user",
]

OPEN_SAFELY = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
"""What `os.open` is asked for beside reading or writing: no link followed, no FIFO waited for."""

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_SAFELY
"""With what `os.open` makes a new file, and no other."""

_WINDOWS = sys.platform == "win32"
_OTHERS = 0 if _WINDOWS else stat.S_IWGRP | stat.S_IWOTH  # of the mode, where that tells
_CLOSE_FIRST = _WINDOWS  # elsewhere a lock holds until the name is right
_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if _WINDOWS else ()  # seconds
_AT_CWD, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE


def this_user() -> int:
    """Return the number of the user whom this process acts for; 0, root's, where there is none."""
    if sys.platform == "win32":
        return 0
    else:
        return os.geteuid()


def is_mine(found: os.stat_result) -> bool:
    """Whether what ``found`` describes belongs to this user."""
    return found.st_uid == this_user()


def is_ours(found: os.stat_result) -> bool:
    """Whether nobody but this user and root can write what ``found`` describes."""
    return found.st_uid in (this_user(), 0) and not found.st_mode & _OTHERS


def rename(source: Path, place: Path) -> None:
    """Give a file or folder another name, which another file, or an empty folder, may have.

    Windows refuses while somebody reads what moves or goes, so it is asked a few times.

    Raises
    ------
    OSError
        If it can't be done.
    """
    for pause in _PAUSES:
        try:
            source.replace(place)
            return
        except PermissionError:
            time.sleep(pause)
    source.replace(place)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; return False where the system or the disk can't.

    Raises
    ------
    OSError
        If it can't be done for another reason.
    """
    call = _renameat2()
    if call is None:
        return False
    if call(_AT_CWD, os.fsencode(first), _AT_CWD, os.fsencode(second), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(second))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        found: Callable[..., int] | None = getattr(library, "renameat2", None)
        return found
    else:
        return None


def move_and_close(source: Path, place: Path, file: IO[bytes]) -> None:
    """Give the open ``file``, whose name is ``source``, the name ``place``, and close it."""
    if _CLOSE_FIRST:
        file.close()
    rename(source, place)
    file.close()


def remove_and_close(path: Path, handle: int) -> None:
    """Remove an open file, and close it."""
    if _CLOSE_FIRST:
        os.close(handle)
        path.unlink()
        return
    try:
        path.unlink()
    finally:
        os.close(handle)


class Handle:
    """A file or folder that is open.

    Parameters
    ----------
    number : int
        As `os.open` gives it.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def stat(self) -> os.stat_result:
        """Return what the system says of it."""
        return os.fstat(self._number)

    def set_mode(self, mode: int) -> None:
        """Say who may do what with it; nothing where modes don't say that."""
        if sys.platform != "win32":
            os.fchmod(self._number, mode)

    def lock(self) -> None:
        """Lock it until it is closed.

        Raises
        ------
        BlockingIOError
            If somebody else holds it.
        OSError
            If the disk or the system has no such locks.
        """
        if sys.platform == "win32":
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        else:
            import fcntl

            fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderByName:
    """A folder that is known by its name alone. A context manager.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If there is no such folder, or it is a link.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""

    def stat(self) -> os.stat_result:
        return self._path.lstat()

    def set_mode(self, mode: int) -> None:
        """Do nothing: where folders can't be opened, modes don't say who may do what."""

    def lock(self) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(self._path))

    def sync(self) -> None:
        """Have the names in it reach the disk; nothing where only the system does that."""

    def names(self) -> list[str]:
        """Return the names of what is in it."""
        return [path.name for path in self._path.iterdir()]

    def lstat(self, name: str) -> os.stat_result:
        """Return what the system says of something in it."""
        return (self._path / name).lstat()

    def create(self, name: str) -> int:
        """Open a new file in it; return its handle."""
        return os.open(self._path / name, CREATE, 0o666)

    def unlink(self, name: str) -> None:
        """Remove a file in it."""
        (self._path / name).unlink()


if sys.platform == "win32":
    Folder = FolderByName
else:

    class Folder(Handle, FolderByName):
        """A folder that is open, whatever becomes of its name. A context manager.

        Parameters
        ----------
        path : Path

        Raises
        ------
        OSError
            If there is no such folder, or it is a link.
        """

        def __init__(self, path: Path) -> None:
            super().__init__(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))

        def close(self) -> None:
            os.close(self._number)

        def sync(self) -> None:
            os.fsync(self._number)

        def names(self) -> list[str]:
            return os.listdir(self._number)  # noqa: PTH208  (of the folder that is open)

        def lstat(self, name: str) -> os.stat_result:
            return os.lstat(name, dir_fd=self._number)

        def create(self, name: str) -> int:
            return os.open(name, CREATE, 0o666, dir_fd=self._number)

        def unlink(self, name: str) -> None:
            os.unlink(name, dir_fd=self._number)
