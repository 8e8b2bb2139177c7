"""The history of a training: one row an epoch, as a table; and the epochs that have no row yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..arrays import Array
from ..errors import HistoryKeyError, InputError
from ..plotting import curves, figures
from ..printing import Cells, Printed, counted, shortened, shown
from ..validate import sequence

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["EpochLosses", "History"]


_SHOWN = 24  # rows that are printed
_LOSSES = ("loss", "validation_loss")


class History(Printed, Sequence[dict[str, float]]):
    """Losses and metrics: a sequence of rows, one an epoch, with columns by name.

    Columns: ``epoch`` (from 1), ``step`` (steps so far), ``loss`` (the objective's average over
    the epoch, as training went), ``lr`` (of the epoch's last step), ``seconds`` (since the fit
    began), and with a validation set ``validation_loss`` and one column a metric.

    Attributes
    ----------
    rows : list of dict
        The rows themselves.

    Examples
    --------
    >>> history = History()
    >>> history.append(epoch=1, step=10, loss=0.5)
    >>> history.append(epoch=2, step=20, loss=0.25)
    >>> history["loss"]
    array([0.5 , 0.25])
    >>> history[-1]
    {'epoch': 2, 'step': 20, 'loss': 0.25}
    >>> history
    History(2 epochs, loss 0.5 to 0.25)
    """

    def __init__(self, rows: Sequence[dict[str, float]] = ()) -> None:
        sequence("History", "rows", rows)
        maps = all(isinstance(row, Mapping) for row in rows)
        if not maps or not all(isinstance(name, str) for row in rows for name in row):
            raise InputError(
                f"History: rows must be mappings, like {{'epoch': 1, 'loss': 0.5}}, "
                f"got {shown(rows)}"
            )
        self.rows: list[dict[str, float]] = list(rows)

    def append(self, **row: float) -> None:
        """Add a row."""
        self.rows.append(row)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    @overload
    def __getitem__(self, key: str) -> Array: ...
    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, key: slice) -> History: ...
    def __getitem__(self, key: str | int | slice) -> Array | dict[str, float] | History:
        """Return a column by its name, a row by its number, or some rows as a history."""
        if isinstance(key, slice):
            return History(self.rows[key])
        if not isinstance(key, str):
            try:
                return self.rows[key]
            except (IndexError, TypeError) as error:
                raise HistoryKeyError(
                    f"History: expected the name of a column, or the number of one of "
                    f"{len(self.rows)} rows, got {shown(key)}"
                ) from error
        if key not in self.columns:
            raise HistoryKeyError(f"no column {key!r}; there are {', '.join(self.columns)}")
        return np.array([row.get(key, np.nan) for row in self.rows])

    def __contains__(self, key: object) -> bool:
        """Say whether there is a column of this name, or a row like this."""
        return key in self.columns if isinstance(key, str) else key in self.rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def to_dict(self) -> dict[str, list[float]]:
        """Return the columns as lists, ready for ``pyarrow.table``."""
        return {column: self[column].tolist() for column in self.columns}

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a data frame of pandas, which must be installed.

        Raises
        ------
        InputError
            If it is not.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise _lacks("pandas") from error
        return pd.DataFrame(self.to_dict())

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a data frame of Polars, which must be installed.

        Raises
        ------
        InputError
            If it is not.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise _lacks("polars") from error
        return pl.DataFrame(self.to_dict())

    def _printed(self) -> list[str | Cells]:
        """Return the rows as a table; of many, the first and the last ones."""
        columns = self.columns
        lines = [[f"{row[c]:.6g}" if c in row else "" for c in columns] for row in self.rows]
        return [Cells([columns, *shortened(lines, _SHOWN)])]

    def _repr_html_(self) -> str:
        """Return the losses as curves, and the rows as a table."""
        from ..pages.curves import drawing

        losses = {name: self[name].tolist() for name in _LOSSES if name in self.columns}
        drawn = drawing(losses, "epoch") if len(self) > 1 else ""
        return drawn + super()._repr_html_() if len(self) else repr(self)

    def plot(self) -> Figure:
        """Draw losses, metrics and the learning rate over the epochs.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; ``savefig`` writes it.

        Raises
        ------
        InputError
            If Matplotlib is not installed, or there is no epoch.
        """
        if not len(self):
            raise InputError("History.plot: there is no epoch to draw")
        figure_class = figures("History.plot")
        names = [name for name in self.columns if name not in ("epoch", "step", "seconds")]
        losses = {name: self[name].tolist() for name in _LOSSES if name in names}
        others = [(name, {name: self[name].tolist()}) for name in names if name not in _LOSSES]
        return curves(figure_class, self["epoch"].tolist(), [("loss", losses), *others])

    def __repr__(self) -> str:
        """Say how many epochs there are, and from where to where the losses went."""
        text = counted(len(self), "epoch")
        for name in ("loss", "validation_loss"):
            values = [row[name] for row in self.rows if name in row]
            if values:
                text += f", {name} {values[0]:.4g} to {values[-1]:.4g}"
        return f"History({text})"


def _lacks(package: str) -> InputError:
    return InputError(
        f"History.to_{package}: {package} is not installed; pip install {package}, or take "
        "to_dict()"
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
