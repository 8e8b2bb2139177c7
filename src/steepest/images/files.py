"""Pictures in files: a folder with a folder of pictures for each class, or pictures alone.

Pillow reads them, and only what stands in `SUFFIXES`. All become bytes: colours as red, green and
blue, or one channel if no picture has colours. Transparent pixels are put on white, 16 bits are
rounded to 8, and a picture is turned as its camera says.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ImageError
from ..system.memory import physical_memory

__all__ = [
    "SUFFIXES",
    "Pictures",
    "class_folders",
    "part_folders",
    "pictures_in",
    "read_files",
    "read_folder",
    "read_parts",
]

FORMATS = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".pgm": "PPM",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
SUFFIXES = tuple(FORMATS)
"""The suffixes of the pictures that can be read."""

_PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""What folders are called that hold images to train on, to choose the epoch by, and to test on."""

_MOST_PIXELS = 1 << 26
"""Of one picture: a small file may unpack to anything."""
_SHARE = 0.25  # of this machine's memory, for all of them
_GREY = ("1", "L")
_DEEP = ("I", "I;16", "I;16B", "I;16L")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")

Path_ = str | os.PathLike[str]


@dataclass
class Pictures:
    """Pictures that were read.

    Attributes
    ----------
    images : ndarray, (n, height, width, channels), uint8
    names : list of str
        The files, within the folder.
    labels : ndarray of str, (n,)
        The folders that they are in; empty texts, if they are in none.
    skipped : list of str
        What could not be read, with the reason.
    """

    images: Array
    names: list[str]
    labels: Array
    skipped: list[str] = field(default_factory=list)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures that lie in a folder, in the order of their names."""
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return [f for f in found if f.suffix.lower() in FORMATS and f.name[0] != "." and f.is_file()]


def class_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder that hold pictures."""
    found = sorted(folder.iterdir(), key=lambda inner: inner.name)
    return [f for f in found if f.name[0] != "." and f.is_dir() and pictures_in(f)]


def part_folders(folder: Path) -> dict[str, Path]:
    """Return the folders for "train", "validation" and "test" in a folder that has such parts.

    Each has a folder of pictures for each class. Without one for training there are no parts.
    """
    found = {
        _part_named(inner.name): inner
        for inner in sorted(folder.iterdir())
        if _part_named(inner.name) and inner.is_dir() and class_folders(inner)
    }
    return found if "train" in found else {}


def _part_named(name: str) -> str:
    """Return which part a folder of this name is for, or an empty text."""
    return next((part for part, words in _PARTS.items() if name.lower() in words), "")


def read_parts(
    folder: Path_, *, size: tuple[int, int] | None = None, skip: bool = False
) -> dict[str, Pictures]:
    """Read a folder of classes as "train"; or one that has folders train, and test or validation.

    Parameters and errors are those of `read_folder`. The pictures of all parts are of one size.
    """
    place = Path(folder)
    parts = part_folders(place) if place.is_dir() else {}
    read = {"train": read_folder(parts.pop("train", place), size=size, skip=skip)}
    shape = read["train"].images.shape[1:]
    for part, inner in parts.items():
        read[part] = read_files(inner, shape, scaled=size is not None, skip=skip)
        unknown = sorted(set(read[part].labels.tolist()) - set(read["train"].labels.tolist()))
        if unknown:
            raise ImageError(
                f"{inner}: pictures of {unknown[0] or 'no class'!r}, of which there are none to "
                "train on; the folders in all parts must have the same names"
            )
    return read


def read_folder(
    folder: Path_, *, size: tuple[int, int] | None = None, skip: bool = False
) -> Pictures:
    """Read a folder that has a folder of pictures for each class.

    Parameters
    ----------
    folder : str or path
    size : (int, int), optional
        Height and width that every picture is scaled to. Without it all must be of one size.
    skip : bool
        Whether to leave out pictures that can't be read, and count them.

    Raises
    ------
    ImageError
        If there are not two classes, a picture can't be read, or not all are of one size.
    """
    place = Path(folder)
    if not place.is_dir():
        raise ImageError(f"{place} is no folder; expected one with a folder of pictures a class")
    inner = class_folders(place)
    if inner and all(_part_named(each.name) for each in inner):
        raise ImageError(
            f"{place}: the folders {' and '.join(each.name for each in inner)} must have a folder "
            "of pictures for each class, and they have pictures alone"
        )
    if len(inner) < 2:
        found = f"only {inner[0].name!r}" if inner else "none"
        raise ImageError(
            f"{place}: expected a folder of pictures for each of two classes or more, found "
            f"{found}; names of pictures end in {', '.join(SUFFIXES)}"
        )
    files = [(file, each.name) for each in inner for file in pictures_in(each)]
    read = _read(place, files, size, None, skip)
    if len(set(read.labels.tolist())) < 2:
        raise ImageError(f"{place}: no two classes are left, {len(read.skipped)} pictures skipped")
    return read


def read_files(
    place: Path_, shape: tuple[int, ...], *, scaled: bool = False, skip: bool = False
) -> Pictures:
    """Read pictures for a model that takes images of ``shape``.

    Parameters
    ----------
    place : str or path
        One picture, a folder of them, or one with a folder a class.
    shape : (int, int, int)
        Height, width and channels.
    scaled : bool
        Whether to scale those of other sizes, as those for training were.
    skip : bool
        As of `read_folder`.

    Raises
    ------
    ImageError
        If there is none, or one can't be read or is of another size.
    """
    path = Path(place)
    if not path.exists():
        raise ImageError(f"{path} does not exist; expected a picture or a folder of pictures")
    if path.is_dir():
        files = [(file, "") for file in pictures_in(path)]
        files += [(file, each.name) for each in class_folders(path) for file in pictures_in(each)]
    else:
        files = [(path, "")]
    if not files and path.is_dir() and part_folders(path):
        parts = ", ".join(str(inner) for inner in part_folders(path).values())
        raise ImageError(f"{path} holds pictures in parts; give one of them: {parts}")
    if not files:
        raise ImageError(f"{path} holds no pictures, whose names end in {', '.join(SUFFIXES)}")
    root = path if path.is_dir() else path.parent
    height, width, channels = shape
    return _read(root, files, (height, width) if scaled else None, (height, width, channels), skip)


def _read(
    root: Path,
    files: Sequence[tuple[Path, str]],
    size: tuple[int, int] | None,
    shape: tuple[int, int, int] | None,
    skip: bool,
) -> Pictures:
    """Read pictures into one array, whose memory is asked for once."""
    skipped: list[str] = []
    if shape is None:
        modes = [mode for _, mode in _heads(root, files, skip)]
        channels = 1 if set(modes) <= {*_GREY, *_DEEP} else 3
    else:
        channels = shape[2]
        if channels not in (1, 3):
            raise ImageError(f"the model takes images of {channels} channels, pictures have 1 or 3")
    images = np.empty((0, 0, 0, channels), np.uint8)
    names: list[str] = []
    labels: list[str] = []
    for file, label in files:
        name = file.relative_to(root).as_posix()
        try:
            image = _pixels(file, name, channels, size)
        except ImageError as error:
            if not skip:
                raise
            skipped.append(str(error))
            continue
        if not names:
            images = _room(root, len(files), image.shape if shape is None else shape)
        if image.shape != images.shape[1:]:
            raise _unequal(name, image.shape, images.shape[1:], names[0] if names else "the model")
        images[len(names)] = image
        names.append(name)
        labels.append(label)
    if not names:
        raise ImageError(f"{root}: none of {len(files)} pictures can be read; first, {skipped[0]}")
    return Pictures(images[: len(names)], names, np.array(labels), skipped)


def _heads(root: Path, files: Sequence[tuple[Path, str]], skip: bool) -> Iterator[tuple[Path, str]]:
    """Yield the mode of each picture, of which only the beginning is read."""
    for file, _ in files:
        try:
            with _opened(file, file.relative_to(root).as_posix()) as picture:
                mode = picture.mode
                if mode == "P":
                    mode = "RGB"
                yield file, mode
        except ImageError:
            if not skip:
                raise


def _room(root: Path, count: int, shape: tuple[int, ...]) -> Array:
    """Return memory for so many images."""
    nbytes = count * int(np.prod(shape))
    if nbytes > _SHARE * physical_memory():
        raise ImageError(
            f"{root}: {count:,} pictures of {shape[1]}×{shape[0]} pixels take {nbytes / 1e9:.3g} "
            "GB, more than a quarter of this machine's memory; scale them down"
        )
    return np.empty((count, *shape), np.uint8)


def _unequal(name: str, found: tuple[int, ...], wanted: tuple[int, ...], other: str) -> ImageError:
    return ImageError(
        f"{name} has {found[1]}×{found[0]} pixels, {other} {wanted[1]}×{wanted[0]}; pictures must "
        "be of one size: scale them, or have them scaled when a model is trained (size; --size)"
    )


def _pixels(file: Path, name: str, channels: int, size: tuple[int, int] | None) -> Array:
    """Return the pixels of a picture, (height, width, channels), uint8."""
    with _opened(file, name) as picture, _explained(name):
        from PIL import Image, ImageOps

        turned = ImageOps.exif_transpose(picture)
        plain = _plain(turned, channels)
        if size is not None and plain.size != size[::-1]:
            plain = plain.resize(size[::-1], Image.Resampling.BOX, reducing_gap=None)
        return np.asarray(plain, np.uint8).reshape(plain.height, plain.width, channels)


def _plain(picture: Any, channels: int) -> Any:
    """Return a picture in grey or in red, green and blue, 8 bits each, without transparency."""
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if picture.mode in _DEEP:
        deep = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray(np.clip(deep // 257, 0, 255).astype(np.uint8))
    if picture.mode in _ALPHA or "transparency" in picture.info:
        whole = picture.convert("RGBA")
        white = Image.new("RGBA", whole.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, whole)
    return picture if picture.mode == mode else picture.convert(mode)


class _explained:  # noqa: N801 – read as a word
    """Raise an `ImageError` for whatever a decoder raises."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._filters = warnings.catch_warnings()
        self._filters.__enter__()
        warnings.simplefilter("ignore")  # of odd metadata

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._filters.__exit__(kind, error, trace)
        if isinstance(error, Exception) and not isinstance(error, ImageError | MemoryError):
            raise _damaged(self._name, error) from error


def _damaged(name: str, error: Exception) -> ImageError:
    cause = " ".join(str(error).split()) or type(error).__name__
    return ImageError(
        f"{name} can't be read as a picture: {cause}; mend or remove it, or have such pictures "
        "skipped (skip=True; --skip)"
    )


def _opened(file: Path, name: str) -> Any:
    """Return a picture whose head was read, and which is not too large."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImageError(
            "pictures are read by Pillow, which is not installed: pip install 'steepest[images]'"
        ) from error
    with _explained(name):
        try:
            picture = Image.open(file, formats=sorted(set(FORMATS.values())))
        except Image.DecompressionBombError as error:
            raise _bomb(name) from error
    if picture.width * picture.height > _MOST_PIXELS:
        picture.close()
        raise _bomb(name)
    if picture.mode == "F":
        picture.close()
        raise ImageError(f"{name} has real numbers for pixels; write it with 8 or 16 bits")
    return picture


def _bomb(name: str) -> ImageError:
    return ImageError(
        f"{name} unpacks to more than {_MOST_PIXELS:,} pixels, the most that one picture may have; "
        "scale it down, or have such pictures skipped (skip=True; --skip)"
    )
