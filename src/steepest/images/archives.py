"""Images in a file of NumPy's, .npz: X and y, or those for training and for the test."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..errors import ImageError
from ..system.memory import physical_memory
from .arrays import as_images

__all__ = ["Archive", "read_archive"]

_SHARE = 0.25  # of this machine's memory
_TRAIN = (("x", "y"), ("x_train", "y_train"))
_TEST = ("x_test", "y_test")


class Archive(NamedTuple):
    """Images and their labels; those for the test are None if the file has none."""

    X: Array
    y: Array
    X_test: Array | None
    y_test: Array | None


def read_archive(path: Path) -> Archive:
    """Read images and labels from arrays called X and y, or x_train, y_train, x_test and y_test.

    Raises
    ------
    ImageError
        If it is no such file, is too large, or has no such arrays.
    InputError
        If they are no images.
    """
    try:
        arrays = _load(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ImageError(f"{path} can't be read as an .npz file: {error}") from error
    for x, y in _TRAIN:
        if x in arrays and y in arrays:
            X, labels = _checked(path, arrays, x, y)
            test = _checked(path, arrays, *_TEST) if set(_TEST) <= set(arrays) else (None, None)
            return Archive(X, labels, *test)
    found = ", ".join(sorted(arrays)) or "none"
    raise ImageError(
        f"{path}: expected arrays X and y, or x_train and y_train (and x_test and y_test); it has "
        f"{found}"
    )


def _load(path: Path) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        nbytes = sum(member.file_size for member in archive.infolist())
    if nbytes > _SHARE * physical_memory():
        raise ImageError(
            f"{path} unpacks to {nbytes / 1e9:.3g} GB, more than a quarter of this machine's memory"
        )
    with np.load(path, allow_pickle=False) as file:
        return {name.lower(): file[name] for name in file.files}


def _checked(path: Path, arrays: Mapping[str, Any], x: str, y: str) -> tuple[Array, Array]:
    X, labels = as_images(arrays[x], f"{path}, {x}"), arrays[y]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != X.shape[:1]:
        raise ImageError(f"{path}: {len(X)} images, but {y} is of shape {labels.shape}")
    return X, labels
