"""Rows of a table that is larger than memory: a few kept at random, the others shuffled on disk."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..kernels.random import key_of, unit

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sample", "Scratch", "draws"]

Array = NDArray[Any]


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

    Attributes
    ----------
    bound : float
        All rows with draws below this are kept, and no others.
    """

    def __init__(self, size: int) -> None:
        self.size, self.bound, self.seen = size, np.inf, 0
        self._parts: list[tuple[pa.Table, Array]] = []
        self._rows = 0

    def add(self, table: pa.Table, draw: Array) -> None:
        """Show it rows."""
        import pyarrow as pa

        self.seen += len(draw)
        keep = draw < self.bound
        if keep.any():
            self._parts.append((table.filter(pa.array(keep)), draw[keep]))
            self._rows += int(keep.sum())
        if self._rows > 2 * self.size:
            self._trim()

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

        return pa.concat_tables([table for table, _ in self._parts])

    def _trim(self) -> None:
        import pyarrow as pa

        draw = np.concatenate([part for _, part in self._parts])
        self.bound = float(np.partition(draw, self.size)[self.size])
        keep = draw < self.bound
        rows = pa.concat_tables([table for table, _ in self._parts]).filter(pa.array(keep))
        self._parts, self._rows = [(rows.combine_chunks(), draw[keep])], int(keep.sum())


class Scratch:
    """A matrix and its targets on disk, each row in a block drawn at random.

    Any order of the rows of the table, sorted or not, is gone then: a block is a random sample of
    the table, and so are batches drawn from it. A context manager: the files go with it.

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
        self._folder: Path | None = None

    def __enter__(self) -> Scratch:
        self._folder = Path(tempfile.mkdtemp(prefix="steepest-"))
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

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
        X, y = X[order].astype(self.dtype), y[order].astype(self._target_dtype)
        counts = np.bincount(block, minlength=blocks)
        stops = np.cumsum(counts)
        try:
            for k in np.flatnonzero(counts):
                part = slice(stops[k] - counts[k], stops[k])
                for name, array in ((f"{k}.X", X[part]), (f"{k}.y", y[part])):
                    self._digest.update(array.data)
                    with self._path(name).open("ab") as file:
                        file.write(array.data)
        except OSError as error:
            raise TableError(
                f"can't write to {self._folder}: {error.strerror or error}; $TMPDIR may name a "
                "folder on a larger disk"
            ) from error
        self.rows += counts

    def block(self, k: int) -> tuple[Array, Array]:
        """Read a block."""
        X = np.fromfile(self._path(f"{k}.X"), self.dtype).reshape(-1, self.width)
        return X, np.fromfile(self._path(f"{k}.y"), self._target_dtype)

    def _path(self, name: str) -> Path:
        assert self._folder is not None, "use it in a with statement"
        return self._folder / name
