"""What every record of a column has in common: START HERE for a new kind."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..guess import Guess, guess, guess_plain
from ..layouts import lay_out
from ..ngrams import Bags, bags
from ..numerals import cast_plain
from ..options import TableOptions
from ..parsing import (
    MISSING as WORDS,
)
from ..parsing import (
    are_missing,
    as_floats,
    read_exact,
    read_numbers,
    read_seconds,
    read_texts,
    read_truths,
    rows_of_texts,
)

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
]

Counts = Counter[tuple[str, str]]
"""How many values of a column were odd, by (column, what)."""
INFINITE = "infinite"
UNPARSEABLE = "unparseable"
UNSEEN = "unseen"

HUGE = 1e150
"""Numbers are clipped to ±HUGE, whose differences and quotients stay finite."""

Floats = NDArray[Any]
Role = Literal["number", "flag", "text", "code", "rising"]


@dataclass(frozen=True)
class Part:
    """One column of the matrix.

    Attributes
    ----------
    suffix : str
        What to append to the name of the table's column.
    role : str
        "number", about normal; "flag", one of few values; "text", of a list of codes, and behind
        them their weights; "code", a whole number from 0; "rising", with which predictions rise.
    codes : int
        How many codes there are, if it is one.
    """

    suffix: str
    role: Role = "flag"
    codes: int = 0


class Source:
    """A column to be encoded, and where its oddities are counted.

    Parameters
    ----------
    name : str
    column : pyarrow.ChunkedArray or pyarrow.Array
        Of any type that has a layout (`steepest.tables.layouts`).
    counts : Counter
    missing : sequence of str
        Texts that mean a missing value.
    least : int
        Of what fewer rows have nothing may be told.
    """

    def __init__(
        self,
        name: str,
        column: Any,
        counts: Counts,
        missing: Sequence[str] = WORDS,
        least: int = 1,
    ) -> None:
        self.name, self.least = name, least
        self.column = lay_out(name, column)
        self.counts = counts
        self.missing = missing
        self.pattern = ""
        self._plain: Any = None  # all texts as numbers, if they are some in the plain way
        self._texts: tuple[Any, NDArray[np.int64]] | None = None
        self._rows: NDArray[np.int64] | None = None
        self._ngrams: tuple[int, int, Bags] | None = None
        self._numbers: tuple[str, Floats] | None = None
        self._seconds: tuple[str, Floats] | None = None

    @property
    def type(self) -> Any:
        """The layout of the column."""
        return self.column.type

    def guess(self, options: TableOptions) -> Guess:
        """Find out what texts hold, and read them so from now on."""
        self._plain = cast_plain(self.column) if options.is_plain else None
        found = guess_plain(self.column, self._plain)
        found = found or guess(self.texts()[0], self.rows(), options)
        self.pattern = found.pattern
        return found

    def count(self, what: str, number: int) -> None:
        """Count so many odd values."""
        if number:
            self.counts[self.name, what] += number

    def numbers(self, pattern: str = "") -> Floats:
        """Return float64, NaN where missing, infinite or unparseable."""
        if self._numbers is not None and self._numbers[0] == pattern:
            return self._numbers[1]
        if self._plain is not None and not pattern:
            values, bad = as_floats(self._plain), 0
        else:
            values, bad = read_numbers(self.column, pattern, self.missing)
        self.count(UNPARSEABLE, bad)
        infinite = np.isinf(values)
        if infinite.any():
            self.count(INFINITE, int(infinite.sum()))
            values = np.where(infinite, np.nan, values)
        self._numbers = pattern, np.clip(values, -HUGE, HUGE)
        return self._numbers[1]

    def exact(self, pattern: str = "") -> tuple[list[int | None], NDArray[np.int64]]:
        """Return the distinct values as whole numbers of any size, and indices of the rows."""
        return read_exact(self.column, pattern)

    def seconds(self, order: str = "") -> Floats:
        """Return float64 seconds since 1970 in UTC, NaN where missing or unparseable."""
        if self._seconds is None or self._seconds[0] != order:
            values, bad = read_seconds(self.column, order, self.missing)
            self.count(UNPARSEABLE, bad)
            self._seconds = order, values
        return self._seconds[1]

    def truths(self) -> Floats:
        """Return −1 and 1, NaN where missing or unparseable."""
        values, bad = read_truths(self.column, self.missing)
        self.count(UNPARSEABLE, bad)
        return 2 * values - 1

    def texts(self) -> tuple[Any, NDArray[np.int64]]:
        """Return the distinct texts, and each row's index among them, −1 where missing."""
        if self._texts is None:
            self._texts = read_texts(self.column)
        return self._texts

    def rows(self) -> NDArray[np.int64]:
        """Return how many rows have each of the distinct texts."""
        if self._rows is None:
            self._rows = rows_of_texts(*self.texts())
        return self._rows

    def there(self) -> NDArray[np.int64]:
        """Return which of the distinct texts rows have that don't mean a missing value."""
        texts, _ = self.texts()
        return np.flatnonzero((self.rows() > 0) & ~self.gone(texts))

    def ngrams(self, words: int, characters: int) -> Bags:
        """Return the n-grams of the texts that are `there`."""
        if self._ngrams is None or self._ngrams[:2] != (words, characters):
            found = bags(self.texts()[0].take(self.there()).to_pylist(), words, characters)
            self._ngrams = words, characters, found
        return self._ngrams[2]

    def gone(self, texts: Any) -> NDArray[np.bool_]:
        """Say which texts mean a missing value."""
        if not self.missing:
            return np.zeros(len(texts), np.bool_)
        return are_missing(texts, self.missing)


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
        """The columns of the matrix that it turns into, in the order of roles there."""
        ...

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out`` (n, len(parts)), which holds zeros."""
        ...

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return what `write` makes of a single value, for its `parts`, in a microsecond.

        None says that it takes `write` to read such a value.
        """
        ...

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        ...


class UnusableColumn(Exception):  # noqa: N818
    """A column can't serve as an input; the message says why."""
