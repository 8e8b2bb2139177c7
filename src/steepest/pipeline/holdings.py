"""What a path holds: a table, images, or a model. It is decided here, for all commands."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..errors import InputError
from ..images.files import SUFFIXES as PICTURES
from ..images.files import class_folders, part_folders, pictures_in
from ..saved.folder import RECORD
from ..tables.files import SUFFIXES as TABLES
from ..tables.places import holds_data

__all__ = ["holds"]

_SHOWN = 5


def holds(path: Path) -> str:
    """Return what is there: "model", "table", "classes", "pictures" or "arrays".

    A folder with a record of a model is a model; one with tables alone is one table in parts; one
    with folders of pictures is classes of images, also if it has these in folders train and test
    or validation; and pictures alone are "pictures". A file is
    "arrays" (.npz), "pictures", or else a table, the standard input too.

    Raises
    ------
    InputError
        If it is a folder of anything else; the message lists what was found.
    """
    if not path.is_dir():
        suffix = path.suffix.lower()
        return "arrays" if suffix == ".npz" else "pictures" if suffix in PICTURES else "table"
    if (path / RECORD).exists():
        return "model"
    files = [f for f in path.iterdir() if f.is_file() and holds_data(f)]
    if class_folders(path) or part_folders(path):
        return "classes"
    if pictures_in(path):
        return "pictures"
    if files and all(f.name.lower().endswith(TABLES) for f in files):
        return "table"
    raise InputError(
        f"{path} holds neither a model ({RECORD}), nor tables alone, nor folders of pictures; "
        f"found: {_found(path)}"
    )


def _found(path: Path) -> str:
    """Return what there is in a folder, by kind."""
    counts = Counter(
        "folders without pictures" if f.is_dir() else f"files {f.suffix or 'without a suffix'}"
        for f in path.iterdir()
    )
    return ", ".join(f"{n} {kind}" for kind, n in counts.most_common(_SHOWN)) or "nothing"
