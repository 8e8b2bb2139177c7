"""Numbers that ranks add up again and again, such as a gradient, in memory made for it.

Ranks of one machine have their vectors in memory that all of them see. Once all have come, rank r
adds up part r of all vectors, in their order, and writes the sum into each: no number is sent, and
no more copied than must be. Elsewhere vectors are sent by `Ranks.sum`. The bits are the same.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..arrays import Array, aligned
from ..system.memory import memory_of_file

__all__ = ["Meeting", "SentVector", "SharedVector", "Vector", "vector_of"]

_PLACE = Path("/dev/shm")  # files in memory, on Linux
_LEAST = 1 << 11  # bytes from which sharing is quicker than sending
_AT_ONCE = 1 << 15  # numbers that are added up at once, so that they stay in a core's own cache


class Meeting(Protocol):
    """What a vector needs of its `Ranks`."""

    rank: int
    size: int

    def sum(self, vector: Array, room: Array | None = None) -> None:
        """Add up vectors that are sent."""

    def meet(self) -> None:
        """Wait until all have come."""

    def gather(self, value: Any) -> list[Any]:
        """Return what every rank gives."""

    def padded(self, size: int) -> int:
        """Return the smallest multiple of the number of ranks that is not below ``size``."""


class Vector(Protocol):
    """Numbers of each rank, ``array``, that can be added up."""

    array: Array

    def sum(self) -> None:
        """Replace the numbers of every rank by their sums over the ranks, in their order."""


class SentVector:
    """A vector that is sent.

    Parameters
    ----------
    ranks : Ranks
    size : int
    dtype : dtype
    """

    def __init__(self, ranks: Meeting, size: int, dtype: Any) -> None:
        self._ranks, self._padded = ranks, aligned(ranks.padded(size), dtype)
        self._room = np.empty_like(self._padded)
        self.array = self._padded[:size]

    def sum(self) -> None:
        """Add up: see `Vector`."""
        self._ranks.sum(self._padded, self._room)


class SharedVector:
    """A vector that the other ranks see, one row of a matrix.

    Parameters
    ----------
    ranks : Ranks
    rows : ndarray, (ranks, size)
        The vectors of all, in memory that all of them see.
    """

    def __init__(self, ranks: Meeting, rows: Array) -> None:
        self._ranks, self.array = ranks, rows[ranks.rank]
        n, (count, size) = ranks.rank, rows.shape
        part = rows[:, size * n // count : size * (n + 1) // count]
        self._parts = [part[:, k : k + _AT_ONCE] for k in range(0, part.shape[1], _AT_ONCE)]

    def sum(self) -> None:
        """Add up: see `Vector`."""
        self._ranks.meet()
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found later
            for first, *others in self._parts:
                for other in others:
                    np.add(first, other, out=first)
                for other in others:
                    other[:] = first
        self._ranks.meet()


def vector_of(ranks: Meeting, size: int, dtype: Any) -> Vector:
    """Return memory for ``size`` numbers of each rank, 0 at first; all ranks make it together."""
    nbytes = size * np.dtype(dtype).itemsize
    stride = -(-nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = _shared_memory(ranks, stride) if ranks.size > 1 and nbytes >= _LEAST else None
    if memory is None:
        return SentVector(ranks, size, dtype)
    rows = np.frombuffer(memory, dtype).reshape(ranks.size, -1)[:, :size]
    return SharedVector(ranks, rows)


def _shared_memory(ranks: Meeting, each: int) -> mmap.mmap | None:
    """Return so many bytes for each rank, which all of them see; None if some do not.

    It lies in a file that has no name any more when this returns, so it ends with its processes.
    """
    path, memory = None, None
    try:
        if ranks.rank == 0 and _PLACE.is_dir():
            handle, path = tempfile.mkstemp(prefix="steepest-", dir=_PLACE)
            os.ftruncate(handle, ranks.size * each)
            os.close(handle)
    except OSError:
        path = None
    try:
        place = ranks.gather(path)[0]
        if place is not None:
            memory = memory_of_file(place, ranks.size * each, ranks.rank * each, each)
        return memory if all(ranks.gather(memory is not None)) else None
    finally:
        if path is not None:
            Path(path).unlink()
