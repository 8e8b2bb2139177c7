"""Rows of a table that is larger than memory: a few kept at random, the others shuffled on disk."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import TableError
from ..kernels.random import key_of, unit
from ..ranks.together import Ranks

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sample", "Scratch", "draws", "no_room"]


def draws(start: int, rows: int, seed: int) -> NDArray[np.float64]:
    """Return a number uniform on [0, 1) for each of the rows ``start``, ``start`` + 1, …

    A row's number depends on the seed and on which row it is, not on how a table is cut in blocks.
    """
    key = np.uint64(key_of(seed, 1) % (1 << 64))
    numbers: NDArray[np.float64] = np.asarray(
        unit(np.arange(start + 1, start + rows + 1, dtype=np.uint64), key)
    )
    return numbers


class Sample:
    """Of all rows that it is shown, those with the lowest draws.

    Parameters
    ----------
    size : int
        The most rows that are kept.

    It is a sketch: samples of parts of a table `merge` to that of the whole table. A share of all
    rows that is found in n rows drawn at random is off by more than √(ln(200)/2n) with a
    probability of 1 % at most, at all places of a column at once (Dvoretzky, Kiefer & Wolfowitz
    1956, with the constant of Massart 1990): by 0.5 points of a hundred for n = 100,000.

    Attributes
    ----------
    bound : float
        All rows with draws below this are kept, and no others.
    """

    def __init__(self, size: int) -> None:
        self.size, self.bound, self.seen = size, np.inf, 0
        self._parts: list[tuple[pa.Table, Array, Array]] = []
        self._rows = 0

    def add(self, table: pa.Table, draw: Array, place: Array) -> None:
        """Show it rows, their draws, and which rows of the table they are."""
        import pyarrow as pa

        self.seen += len(draw)
        keep = draw < self.bound
        if keep.any():
            self._parts.append((table.filter(pa.array(keep)), draw[keep], place[keep]))
            self._rows += int(keep.sum())
        if self._rows > 2 * self.size:
            self._trim()

    def merge(self, other: Sample) -> None:
        """Take in the sample of other rows."""
        self.size = min(self.size, other.size)
        self.bound = min(self.bound, other.bound)
        self.seen += other.seen
        self._parts += other._parts
        self._rows += other._rows
        self._trim()

    def agree(self, ranks: Ranks) -> None:
        """Drop what the sample of the rows of all ranks won't have, so that nobody sends it."""
        self.size = min(ranks.gather(self.size))
        high = min(ranks.gather(self.bound))
        draw = np.concatenate([np.zeros(0), *(draw for _, draw, _ in self._parts)])

        def count(bound: float) -> int:
            return sum(ranks.gather(int((draw < bound).sum())))

        if count(high) > self.size:
            low, above = 0.0, min(high, 1.0)
            middle = 0.5 * (low + above)
            while (found := count(middle)) != self.size and low < middle < above:
                low, above = (middle, above) if found < self.size else (low, middle)
                middle = 0.5 * (low + above)
            high = min(high, *ranks.gather(float(draw[draw >= middle].min(initial=np.inf))))
        self.bound = high
        self._trim()

    def bare(self) -> Sample:
        """Return a sample with the same bound and none of the rows."""
        found = Sample(self.size)
        found.bound, found.seen = self.bound, self.seen
        return found

    def settle(self) -> None:
        """Have `bound` hold: no more rows will come."""
        if self._rows > self.size:
            self._trim()

    def table(self) -> pa.Table | None:
        """Return the rows in their order; None if there are none."""
        self.settle()
        if not self._rows:
            return None
        import pyarrow as pa

        rows = pa.concat_tables([table for table, _, _ in self._parts])
        place = np.concatenate([part for _, _, part in self._parts])
        return rows if (np.diff(place) > 0).all() else rows.take(pa.array(np.argsort(place)))

    def _trim(self) -> None:
        import pyarrow as pa

        if not self._parts:
            return
        draw, place = (np.concatenate([part[k] for part in self._parts]) for k in (1, 2))
        if self._rows > self.size:
            self.bound = min(self.bound, float(np.partition(draw, self.size)[self.size]))
        keep = draw < self.bound
        rows = pa.concat_tables([table for table, _, _ in self._parts]).filter(pa.array(keep))
        self._parts = [(rows.combine_chunks(), draw[keep], place[keep])]
        self._rows = int(keep.sum())


class Scratch:
    """A matrix and its targets on disk, each row in a block drawn at random.

    Any order of the rows of the table, sorted or not, is gone then: a block is a random sample of
    the table, and so are batches drawn from it. A context manager. The two files have no names:
    nobody else can read them, and the system takes them back however the process ends.

    Parameters
    ----------
    blocks : int
    width : int
        Columns of the matrix.
    dtype, target_dtype : dtype
    seed : int
    """

    def __init__(self, blocks: int, width: int, dtype: Any, target_dtype: Any, seed: int) -> None:
        self.width, self.dtype = width, np.dtype(dtype)
        self._target_dtype, self._seed = np.dtype(target_dtype), seed
        self.rows = np.zeros(blocks, np.int64)
        self._digest = hashlib.blake2b(digest_size=16)
        # Where the rows of each block lie in the files: the first, and how many.
        self._parts: list[list[tuple[int, int]]] = [[] for _ in range(blocks)]
        self._added = 0
        self._files = contextlib.ExitStack()

    def __enter__(self) -> Scratch:
        try:
            self._X = self._files.enter_context(tempfile.TemporaryFile())
            self._y = self._files.enter_context(tempfile.TemporaryFile())
        except OSError as error:
            self._files.close()
            raise no_room(error) from error
        return self

    def __exit__(self, *exception: Any) -> None:
        self._files.close()

    @property
    def fingerprint(self) -> str:
        """A short name of all that was added."""
        return self._digest.hexdigest()

    def add(self, X: Array, y: Array, draw: Array) -> None:
        """Put rows where their draws send them."""
        # Other digits of the draws than those that split the rows.
        blocks = len(self.rows)
        block = (draw * 2.0**32 % 1.0 * blocks).astype(np.int64)
        order = np.argsort(block, kind="stable")
        X = np.ascontiguousarray(X[order], self.dtype)
        y = np.ascontiguousarray(y[order], self._target_dtype)
        counts = np.bincount(block, minlength=blocks)
        stops = np.cumsum(counts)
        for k in np.flatnonzero(counts):
            first, stop = int(stops[k] - counts[k]), int(stops[k])
            self._digest.update(X[first:stop].data)
            self._digest.update(y[first:stop].data)
            self._parts[k].append((self._added + first, stop - first))
        try:
            for file, array in ((self._X, X), (self._y, y)):
                file.write(array.data)
                file.flush()
        except OSError as error:
            raise no_room(error) from error
        self._added += len(y)
        self.rows += counts

    def block(self, k: int) -> tuple[Array, Array]:
        """Read a block."""
        X = np.empty((self.rows[k], self.width), self.dtype)
        y = np.empty(self.rows[k], self._target_dtype)
        self._read(self._X, X, k)
        self._read(self._y, y, k)
        return X, y

    def _read(self, file: IO[bytes], into: Array, k: int) -> None:
        size, done = into[:1].nbytes, 0
        for first, rows in self._parts[k]:
            file.seek(first * size)
            file.readinto(into[done : done + rows].data)  # type: ignore[attr-defined]
            done += rows


def no_room(error: OSError) -> TableError:
    """Return the error that says that a table can't lie in the folder for temporary files."""
    return TableError(
        f"can't write a temporary file: {error.strerror or error}; $TMPDIR may name a folder on a "
        "larger disk"
    )
