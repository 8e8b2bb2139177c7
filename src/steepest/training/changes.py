"""What has changed in the arrays of a checkpoint since an earlier one, in pieces of 64 bytes.

A piece is a row of a table or so. Of an array ``theta`` that is written in this way stand

    theta@places (k,)      int32, which pieces of its bytes have changed, rising
    theta@pieces (k, 64)   uint8, what they are now; the last one of an array is filled up with 0

The earlier file is read for this a megabyte at a time, so nothing is kept in memory, and whatever
changes an array is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..arrays import Array
from ..system.files import open_plain

__all__ = ["BEST", "Base", "changed_since", "with_changes"]

BEST = "best."
"""What stands before the names of the arrays of the best epoch."""

PIECE = 64
LEAST = 1 << 20
"""Bytes of arrays below which all of them are written."""

_BLOCK = 1 << 20
_WORDS = PIECE // 8
_PLACES, _PIECES = "@places", "@pieces"


@dataclass(frozen=True)
class Base:
    """A checkpoint that has all arrays whole.

    Attributes
    ----------
    file : Path
    step : int
    checksum : str
    starts : dict of str to int
        Where in the file the bytes of each array begin.
    like : dict of str to (str, tuple of int)
        Dtype and shape of each array.
    """

    file: Path
    step: int
    checksum: str
    starts: dict[str, int]
    like: dict[str, tuple[str, tuple[int, ...]]]

    def name_of(self, name: str, array: Array) -> str | None:
        """Return which of its arrays another one is written as a change of, if any."""
        for own in (name, name.removeprefix(BEST)):  # the best network is one on the way to θ
            if self.like.get(own) == (str(array.dtype), array.shape):
                return own
        return None


def changed_since(base: Base, arrays: Mapping[str, Array]) -> dict[str, Array] | None:
    """Return what is to be written of these arrays.

    None if that is more than half of their bytes, if there are few of them, or if the base can't be
    read: all of them are to be written then.
    """
    total = sum(array.nbytes for array in arrays.values())
    found: dict[str, Array] = {}
    left = total // 2
    if total < LEAST:
        return None
    try:
        with open_plain(base.file) as file:
            for name, array in arrays.items():
                own = base.name_of(name, array)
                if own is None:
                    found[name] = array
                    left -= array.nbytes
                else:
                    places, pieces = _changes(file, base.starts[own], array, left)
                    found[name + _PLACES], found[name + _PIECES] = places, pieces
                    left -= places.nbytes + pieces.nbytes
                if left < 0:
                    return None
    except OSError:
        return None
    return found


def _changes(file: BinaryIO, start: int, array: Array, most: int) -> tuple[Array, Array]:
    """Return which pieces of an array differ from the bytes in a file, and what they are.

    It stops where they are more than ``most`` bytes.

    Raises
    ------
    OSError
        If the file ends too early.
    """
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    places, pieces = [np.empty(0, np.int32)], [np.empty((0, PIECE), np.uint8)]
    file.seek(start)
    for begin in range(0, flat.size, _BLOCK):
        now = flat[begin : begin + _BLOCK]
        then = np.frombuffer(file.read(now.size), np.uint8)
        if then.size < now.size:
            raise OSError("it ends too early")
        now, then = _in_pieces(now), _in_pieces(then)
        differ = np.flatnonzero((now != then).view(np.uint64))  # eight Booleans are one number
        places.append((differ + begin // PIECE).astype(np.int32))
        pieces.append(now[differ].view(np.uint8))
        most -= differ.size * PIECE
        if most < 0:
            break
    return np.concatenate(places), np.concatenate(pieces)


def _in_pieces(data: Array) -> Array:
    """Return bytes as a matrix of words, a piece a row."""
    rest = -data.size % PIECE
    whole = np.concatenate([data, np.zeros(rest, np.uint8)]) if rest else data
    return whole.view(np.uint64).reshape(-1, _WORDS)


def with_changes(base: Mapping[str, Array], written: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays of a checkpoint, from those of its base and from what is written of them.

    Raises
    ------
    ValueError
        If the changes are none of these arrays.
    """
    found = {}
    for name, array in written.items():
        if name.endswith(_PLACES):
            own = name.removesuffix(_PLACES)
            like = base.get(own, base.get(own.removeprefix(BEST)))
            if like is None:
                raise ValueError(f"there is no {own} to be changed")
            found[own] = _changed(like, array, written[own + _PIECES])
        elif not name.endswith(_PIECES):
            found[name] = array
    return found


def _changed(array: Array, places: Array, pieces: Array) -> Array:
    many = -(-array.nbytes // PIECE)
    if places.dtype != np.int32 or pieces.dtype != np.uint8 or places.ndim != 1:
        raise ValueError("changes are of another type")
    if pieces.shape != (places.size, PIECE):
        raise ValueError("there are not as many pieces as places")
    rising = bool((places[1:] > places[:-1]).all())
    if not rising or (places.size and not 0 <= places[0] <= places[-1] < many):
        raise ValueError("places are not in order")
    data = np.zeros((many, PIECE), np.uint8)
    data.reshape(-1)[: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    data[places] = pieces
    return data.reshape(-1)[: array.nbytes].view(array.dtype).reshape(array.shape)
