"""A row of a table as an encoder's numbers, in microseconds: no Arrow, no arrays of one number.

What a column's `one` does not take goes by the way of all tables (`Encoder.transform`), which takes
some hundred microseconds a value, and is kept: values like it come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, TableError
from ..printing import counted, shown
from .columns import Column, Counts, Source
from .door import check_column, open_table
from .encoder import Encoder

__all__ = ["RowReader"]

_KEPT = 1024
"""Values of a column, at most, whose numbers are kept."""


class RowReader:
    """Writes raw rows, one at a time, into the input of a network.

    Parameters
    ----------
    encoder : Encoder
    x : ndarray, (width,)
        Where each row is written.
    names : sequence of str
        What the values of a row without names are called, in their order.
    """

    def __init__(self, encoder: Encoder, x: NDArray[Any], names: Sequence[str]) -> None:
        self._names, self._x = list(names), x
        self._read = [
            _Value(name, column, encoder.missing) for name, column in encoder.columns.items()
        ]
        self._columns = list(encoder.columns)
        self._order = [self._names.index(n) if n in self._names else -1 for n in self._columns]
        self._places = np.array([p for places in encoder.places.values() for p in places])
        starts, last = np.zeros(encoder.width, x.dtype), encoder.width - encoder.rising
        starts[last - len(encoder.codes) : last] = np.cumsum([0, *encoder.codes])[:-1]
        self._starts = starts[self._places]

    def __call__(self, row: Any) -> None:
        """Write a row.

        Parameters
        ----------
        row : mapping of str to value, or sequence of values
            With the columns in use, among any others; or a value for each of the names.

        Raises
        ------
        TableError
            If a column lacks, or a value is of no type that a column can hold.
        InputError
            If it is no row, or has not as many values as there are names.
        """
        found: list[float] = []
        for read, value in zip(self._read, self._values(row), strict=True):
            found += read(value)
        self._x[self._places] = self._starts + found

    def _values(self, row: Any) -> list[Any]:
        """Return the values of the columns in use."""
        if isinstance(row, Mapping):
            try:
                return [row[name] for name in self._columns]
            except KeyError as error:
                raise TableError(f"compiled: the row lacks the column {error.args[0]!r}") from None
        if isinstance(row, str | bytes) or not hasattr(row, "__len__"):
            raise InputError(
                "compiled: a row is a mapping of names to values, or a sequence of "
                f"{counted(len(self._names), 'value')}, got {shown(row)}"
            )
        if len(row) != len(self._names):
            raise InputError(
                f"compiled: the row has {counted(len(row), 'value')}, expected {len(self._names)}: "
                f"{', '.join(self._names[:10])}{', …' * (len(self._names) > 10)}"
            )
        values = row.tolist() if isinstance(row, np.ndarray) else list(row)
        return [values[place] for place in self._order]


class _Value:
    """Reads the values of one column."""

    def __init__(self, name: str, column: Column, missing: Sequence[str]) -> None:
        self._name, self._column, self._missing = name, column, missing
        self._kept: dict[Any, tuple[float, ...]] = {}

    def __call__(self, value: Any) -> tuple[float, ...]:
        """Return the numbers that a value turns into."""
        found = self._column.one(value)
        if found is not None:
            return found
        if isinstance(value, np.generic):
            return self(value.item()) if value.dtype.kind in "biufU" else self._written(value)
        if value != value:  # NaN, of which none is like another
            value = None
        try:
            found = self._kept.get((type(value), value))
        except TypeError:  # it has no hash
            return self._written(value)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[type(value), value] = self._written(value)
        return found

    def _written(self, value: Any) -> tuple[float, ...]:
        """Return what `Column.write` makes of it."""
        column = check_column(open_table({self._name: [value]})[0], self._name)
        out = np.zeros((1, len(self._column.parts)))
        self._column.write(Source(self._name, column, Counts(), self._missing), out)
        return tuple(out[0].tolist())
