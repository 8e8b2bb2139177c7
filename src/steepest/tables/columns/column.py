"""What every record of a column has in common: START HERE for a new kind."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..parsing import read_numbers, read_seconds, read_texts, read_truths

__all__ = [
    "HUGE",
    "INFINITE",
    "MISSING",
    "UNPARSEABLE",
    "UNSEEN",
    "Column",
    "Counts",
    "Floats",
    "Part",
    "Source",
    "UnusableColumn",
]  # fmt: skip

Counts = Counter[tuple[str, str]]
"""How many values of a column were odd, by (column, what)."""
INFINITE = "infinite"
UNPARSEABLE = "unparseable"
UNSEEN = "unseen"

HUGE = 1e150
"""Numbers are clipped to ±HUGE, whose differences and quotients stay finite."""

Floats = NDArray[Any]
Role = Literal["number", "flag", "code"]


@dataclass(frozen=True)
class Part:
    """One column of the matrix.

    Attributes
    ----------
    suffix : str
        What to append to the name of the table's column.
    role : str
        "number", about normal; "flag", one of few values; "code", a whole number from 0.
    codes : int
        How many codes there are, if it is one.
    """

    suffix: str
    role: Role = "flag"
    codes: int = 0


class Source:
    """A column to be encoded, and where its oddities are counted."""

    def __init__(self, name: str, column: Any, counts: Counts) -> None:
        self.name = name
        self.column = column
        self.counts = counts

    def count(self, what: str, number: int) -> None:
        """Count so many odd values."""
        if number:
            self.counts[self.name, what] += number

    def numbers(self) -> Floats:
        """Return float64, NaN where missing, infinite or unparseable."""
        values, bad = read_numbers(self.column)
        self.count(UNPARSEABLE, bad)
        infinite = np.isinf(values)
        if infinite.any():
            self.count(INFINITE, int(infinite.sum()))
            values = np.where(infinite, np.nan, values)
        return np.clip(values, -HUGE, HUGE)

    def seconds(self) -> Floats:
        """Return float64 seconds since 1970 in UTC, NaN where missing or unparseable."""
        values, bad = read_seconds(self.column)
        self.count(UNPARSEABLE, bad)
        return values

    def truths(self) -> Floats:
        """Return −1 and 1, NaN where missing or unparseable."""
        values, bad = read_truths(self.column)
        self.count(UNPARSEABLE, bad)
        return 2 * values - 1

    def texts(self) -> tuple[Any, NDArray[np.int64]]:
        """Return the distinct texts, and each row's index among them, −1 where missing."""
        return read_texts(self.column)


MISSING = Part(" (missing)")


class Column(Protocol):
    """A fitted record of one column."""

    label: ClassVar[str]

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to the column; raise `UnusableColumn` with a reason if it can't serve."""
        ...

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix that it turns into, numbers first."""
        ...

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out`` (n, len(parts)), which holds zeros."""
        ...

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        ...


class UnusableColumn(Exception):  # noqa: N818
    """A column can't serve as an input; the message says why."""
