"""The bytes of a model folder, written whole or not at all.

A save writes a new folder beside the old one, has the disk confirm every file of it, and exchanges
the two in one step (``renameat2`` of Linux). Where there is no such step, the old folder is first
renamed to ``.NAME.steepest-old``, and readers look there while its own name is free. So whenever a
save is killed, a reader finds the old model or the new one, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ModelError
from ..records import MOST_BYTES
from ..system.files import (
    PartFolder,
    hold_folder,
    is_plain,
    read_plain,
    remove_folder,
    sync_folder,
)
from ..system.handles import exchange, is_mine, rename

__all__ = [
    "CARD",
    "ENCODER",
    "FORMAT",
    "NETWORK_FORMAT",
    "RECORD",
    "STATE",
    "THETA",
    "check_place",
    "digest",
    "find_folder",
    "mark",
    "read_file",
    "read_whole",
    "replace",
    "write_folder",
]

FORMAT = "steepest model"
NETWORK_FORMAT = "steepest network"  # of networks alone, before models could do without an encoder
RECORD, THETA, ENCODER = "model.json", "theta.safetensors", "encoder.safetensors"
STATE = "state.safetensors"
CARD = "README.md"

Found = TypeVar("Found")

_FILES = (RECORD, THETA, STATE, ENCODER, CARD)


def check_place(path: str | os.PathLike[str]) -> Path:
    """Return where a model will be written.

    Raises
    ------
    ModelError
        If it can't be written there, or something other than a model is there.
    """
    try:
        place = Path(path)
        if place.name in ("", ".."):
            place = Path(os.path.realpath(place))
        place = Path(os.path.realpath(place.parent), place.name)
        if not place.parent.is_dir():
            raise ModelError(f"{place.parent} does not exist; make the folder first")
        if not os.access(place.parent, os.W_OK):
            raise ModelError(f"{place.parent} can't be written to: permission denied")
        if stat.S_ISLNK(place.lstat().st_mode):
            raise ModelError(f"{place} is a link, which is not followed; give another name")
        if place.samefile(Path.cwd()):  # it would be gone for whoever is in it
            raise ModelError(f"{place} is the folder that we are in; give another name")
        if not _is_replaceable(place):
            raise ModelError(f"{place} exists and is not a model folder; give another name")
    except FileNotFoundError:
        return place
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"can't write {os.fspath(path)!r}: {reason}") from error
    return place


def _is_replaceable(place: Path) -> bool:
    """Whether this is an empty folder, or one that holds a model and nothing else."""
    if not place.is_dir():
        return False
    found = list(place.iterdir())
    return not found or (_is_model(place) and all(map(is_plain, found)))


def _is_model(place: Path) -> bool:
    """Whether this is a folder with the record of a model, and with no file that no model has."""
    try:
        names = {path.name for path in place.iterdir()}
        if place.is_symlink() or RECORD not in names or not names <= set(_FILES):
            return False
        head = read_plain(place / RECORD, MOST_BYTES)[:200]
        return any(f'"format": "{name}"'.encode() in head for name in (FORMAT, NETWORK_FORMAT))
    except OSError:
        return False


def write_folder(place: Path, contents: Mapping[str, bytes]) -> None:
    """Put a folder with these files in this place, in the stead of one that is there.

    Raises
    ------
    OSError
        The place is then as it was.
    """
    _settle(place)
    with PartFolder(place.parent, _FILES) as part:
        for name, content in contents.items():
            part.write(name, content)
        part.finish()
        if not os.path.lexists(place):
            rename(part.path, place)
        elif not exchange(part.path, place):
            _exchange_by_two_steps(part.path, place)
        sync_folder(place.parent)


def replace(path: str | os.PathLike[str], contents: Mapping[str, bytes]) -> None:
    """Write a folder whole or not at all, in the stead of a model that is there.

    Raises
    ------
    ModelError
        If there is something else in that place, or it can't be written.
    """
    place = check_place(path)
    try:
        write_folder(place, contents)
    except OSError as error:
        raise ModelError(f"can't write {place}: {error.strerror or error}") from error


def read_whole(path: str | os.PathLike[str], read: Callable[[Path], Found]) -> Found:
    """Return what ``read`` makes of a folder, again if a save has replaced it meanwhile.

    Raises
    ------
    ModelError
        If it can't be read.
    """
    place = Path(path)
    try:
        place = place.absolute()
        while True:
            before = mark(place)
            try:
                return read(find_folder(place))
            except ModelError:
                if mark(place) == before:  # else a save has just replaced the folder
                    raise
    except OSError as error:
        raise ModelError(f"{place} can't be read: {error.strerror or error}") from error


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
    try:
        return read_plain(path, most)
    except FileNotFoundError:
        raise ModelError(f"{place} is not a complete model: {name} is missing") from None
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or error}") from error


def digest(content: bytes) -> dict[str, Any]:
    """Return what the record says of another file of the folder."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _aside(place: Path) -> Path:
    return place.parent / f".{place.name}.steepest-old"


def _exchange_by_two_steps(part: Path, place: Path) -> None:
    aside = _aside(place)
    with hold_folder(place):  # so that no other save takes it for what a killed one has left
        rename(place, aside)
        try:
            rename(part, place)
        except BaseException:
            rename(aside, place)
            raise
        sync_folder(place.parent)
        with contextlib.suppress(OSError):
            remove_folder(aside, _FILES)


def _settle(place: Path) -> None:
    """Finish what a killed save by two steps has left."""
    aside = _aside(place)
    if not os.path.lexists(aside):
        return
    with contextlib.suppress(OSError), hold_folder(aside) as free:
        emptied = not any(aside.iterdir())  # by a save that was killed before it removed the folder
        if not free or not is_mine(aside.lstat()) or not (emptied or _is_model(aside)):
            return
        if emptied or os.path.lexists(place):
            remove_folder(aside, _FILES)
        else:
            rename(aside, place)
