"""The history of a training: one row an epoch, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]


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

    def __getitem__(self, column: str) -> NDArray[Any]:
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
