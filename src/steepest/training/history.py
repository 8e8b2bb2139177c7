"""The history of a training: one row an epoch, as a table; and the epochs that have no row yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EpochLosses", "History"]

Array = NDArray[Any]


class History:
    """Losses and metrics, one row an epoch.

    Columns: ``epoch`` (from 1), ``step`` (steps so far), ``loss`` (the objective's average over
    the epoch, as training went), ``lr`` (of the epoch's last step), ``seconds`` (since the fit
    began), and with a validation set ``validation_loss`` and one column a metric.

    Examples
    --------
    >>> history = History()
    >>> history.append(epoch=1, step=10, loss=0.5)
    >>> history["loss"]
    array([0.5])
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def append(self, **row: float) -> None:
        """Add a row."""
        self.rows.append(row)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __getitem__(self, column: str) -> Array:
        if column not in self.columns:
            raise KeyError(f"no column {column!r}; there are {', '.join(self.columns)}")
        return np.array([row.get(column, np.nan) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def to_dict(self) -> dict[str, list[float]]:
        """Return the columns as lists, ready for ``pandas.DataFrame`` or ``pyarrow.table``."""
        return {column: self[column].tolist() for column in self.columns}

    def __str__(self) -> str:
        columns = self.columns
        cells = [columns] + [
            [f"{row.get(c, np.nan):.6g}" if c in row else "" for c in columns] for row in self.rows
        ]
        widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in cells
        )


class EpochLosses:
    """Losses of the pieces of epochs that are not closed yet.

    Parameters
    ----------
    sizes : array-like (m,)
        How many examples each piece of an epoch sees: each step, or each block.

    Attributes
    ----------
    count : int
        How many pieces there are.
    """

    def __init__(self, sizes: Any) -> None:
        self.sizes = np.asarray(sizes, np.float64)
        self._table = np.empty((2, self.sizes.size))  # losses and learning rates
        self._begin, self.count = 0, 0  # the columns in use

    @property
    def losses(self) -> Array:
        """One a piece (count,)."""
        return self._table[0, self._begin : self._begin + self.count]

    @property
    def rates(self) -> Array:
        """The learning rate of each piece's last step (count,)."""
        return self._table[1, self._begin : self._begin + self.count]

    def add(self, losses: Any, rates: Any) -> None:
        """Add pieces."""
        if self._begin + self.count + len(losses) > self._table.shape[1]:
            self._make_room(self.count + len(losses))
        begin, self.count = self.count, self.count + len(losses)
        self.losses[begin:], self.rates[begin:] = losses, rates

    def _make_room(self, columns: int) -> None:
        """Move what counts to the front, of a longer table if need be."""
        kept = self._table[:, self._begin : self._begin + self.count]
        if columns > self._table.shape[1]:
            self._table = np.empty((2, 2 * columns))
        self._table[:, : self.count] = kept
        self._begin = 0

    def first_epoch(self) -> tuple[float, float]:
        """Return the loss of the first open epoch, as far as it went, and its last learning rate.

        The loss is the average over the examples: Σ sizes · losses / Σ sizes.
        """
        pieces = min(self.count, self.sizes.size)
        sizes = self.sizes[:pieces]
        return float(self.losses[:pieces] @ sizes / sizes.sum()), float(self.rates[pieces - 1])

    def close(self) -> None:
        """Drop the pieces of the first open epoch."""
        pieces = min(self.count, self.sizes.size)
        self._begin += pieces
        self.count -= pieces
