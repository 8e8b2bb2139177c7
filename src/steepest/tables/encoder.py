"""How a table becomes a matrix of numbers.

An `Encoder` is fitted once, to the training rows, and holds one small record per input column
(`steepest.tables.columns`). The matrix has the columns that are about normal first, then flags,
then texts, then codes, then those that predictions rise with: what a network treats alike stands
side by side.
Codes of different columns differ, so that one table of embeddings serves them all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from ..errors import ModelError, TableError
from ..printing import counted
from ..records import fits
from .columns import (
    INFINITE,
    UNPARSEABLE,
    UNSEEN,
    Column,
    Counts,
    Date,
    Number,
    Part,
    Rising,
    Source,
    Text,
    UnusableColumn,
    column_of,
    load_column,
)
from .columns.number import KNOTS, SHARED
from .door import check_column, open_table
from .options import NOTHING_SAID, TableOptions
from .parsing import MISSING

__all__ = [
    "INFINITE",
    "UNPARSEABLE",
    "UNSEEN",
    "Counts",
    "Encoder",
    "counts_text",
    "fit_notes",
    "has_texts",
    "not_read",
]

Floats = NDArray[Any]
_ROLES = ("number", "flag", "text", "code", "rising")
"""In the order of the matrix."""


@dataclass(frozen=True)
class Encoder:
    """What each input column turns into.

    Attributes
    ----------
    columns : dict of str to record
        The columns in use, in the order of the matrix.
    dropped : dict of str to str
        The columns that are not used, and why.
    grouped : bool
        Whether columns of the matrix stand by what they are: numbers, flags, codes. Else those of
        one column of the table stand side by side, as in models of schema 2, without codes.
    missing : sequence of str
        Texts that mean a missing value, in every column.
    shared : int
        So many training rows at least have each text that a category names; 0 if that is not known.
    notes : sequence of str
        What there is to say of how the columns of the training rows were read; it isn't saved.
    """

    columns: dict[str, Column]
    dropped: dict[str, str]
    grouped: bool = True
    missing: Sequence[str] = MISSING
    shared: int = 0
    notes: Sequence[str] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.grouped and self.codes:
            raise ModelError("an encoder with codes must be grouped, so that they stand last")

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        inputs: Iterable[str],
        rare: int | None = None,
        counts: Counts | None = None,
        options: TableOptions | None = None,
        monotonic: Mapping[str, int] | None = None,
        same_days: bool = False,
    ) -> Self:
        """Fit an encoder to the training rows.

        Parameters
        ----------
        table : pyarrow.Table
            The training rows.
        inputs : iterable of str
            The columns to use.
        rare : int, optional
            A category's value that is seen in fewer rows counts as rare; by default 1/200 of the
            rows, at least 2 and at most 10.
        counts : Counter, optional
            Takes up how many values were infinite, or not what their column holds.
        options : TableOptions, optional
            What is known of how texts are written.
        monotonic : mapping of str to int, optional
            1 or −1 for a column of numbers with which predictions are to rise or fall.
        same_days : bool
            Whether rows to be predicted are of the same days as these, and not all later: then days
            that many rows have get codes.

        Returns
        -------
        Encoder
            One record per usable column.

        Raises
        ------
        TableError
            If the table lacks an input, or no input is of use; or a monotone column holds no
            numbers.
        """
        said = options, monotonic or {}, same_days
        return cls._fit(table, inputs, rare, counts, *said)[0]

    @classmethod
    def fit_transform(
        cls,
        table: pa.Table,
        inputs: Iterable[str],
        rare: int | None = None,
        counts: Counts | None = None,
        options: TableOptions | None = None,
        dtype: DTypeLike = np.float32,
        monotonic: Mapping[str, int] | None = None,
        same_days: bool = False,
    ) -> tuple[Self, Floats]:
        """Fit an encoder to the training rows and transform them, reading each text once.

        Parameters
        ----------
        table, inputs, rare, counts, options, monotonic, same_days
            As of `fit`.
        dtype : dtype
            The precision of the matrix.

        Returns
        -------
        encoder : Encoder
        matrix : ndarray (n, width)

        Raises
        ------
        TableError
            As of `fit`.
        """
        said = options, monotonic or {}, same_days
        encoder, sources = cls._fit(table, inputs, rare, counts, *said)
        return encoder, encoder._written(table.num_rows, lambda name: sources.pop(name), dtype)

    @classmethod
    def _fit(
        cls,
        table: pa.Table,
        inputs: Iterable[str],
        rare: int | None,
        counts: Counts | None,
        options: TableOptions | None,
        monotonic: Mapping[str, int],
        same_days: bool,
    ) -> tuple[Self, dict[str, Source]]:
        """Return an encoder, and the columns that it was fitted to as they were read."""
        inputs = list(dict.fromkeys(inputs))
        _check_present(table, inputs)
        _check_present(table.select(inputs), monotonic)
        least = rare or 1
        if rare is None:
            rare = min(10, max(2, table.num_rows // 200))
        counts = Counts() if counts is None else counts
        options = options or NOTHING_SAID
        missing = (*MISSING, *options.missing)
        columns: dict[str, Column] = {}
        sources: dict[str, Source] = {}
        dropped: dict[str, str] = {}
        notes: list[str] = []
        for name in inputs:
            mine = Counts()
            try:
                source = Source(name, check_column(table, name), mine, missing, least)
                kind, said = column_of(source, options)
                notes += [f"column {name!r}: {note}" for note in said]
                column = _fitted(kind, source, rare, monotonic.get(name, 0))
                if same_days and isinstance(column, Date):
                    column = column.with_days(source)
                columns[name] = column
            except NotMonotoneError:
                raise
            except (TableError, UnusableColumn) as reason:
                dropped[name] = str(reason)
            else:
                sources[name] = source
                if not said:  # a note has the count
                    counts.update(mine)
        if not columns:
            why = "; ".join(f"{name!r}: {reason}" for name, reason in list(dropped.items())[:5])
            raise TableError(f"no input column is of use ({why or 'none was given'})")
        return cls(columns, dropped, missing=missing, shared=rare, notes=notes), sources

    def transform(
        self, table: pa.Table, counts: Counts | None = None, dtype: DTypeLike = np.float32
    ) -> Floats:
        """Turn rows into numbers, all of them finite.

        Parameters
        ----------
        table : pyarrow.Table
            Any rows with the columns in use, in any order, among any others. A column may have
            come as text (from a CSV file): it is parsed as what it was when the encoder was
            fitted, and what can't be parsed is missing.
        counts : Counter, optional
            Takes up how many values were infinite, unparseable, or unseen (or rare) before.
        dtype : dtype
            The precision of the result.

        Returns
        -------
        ndarray (n, width)
            One row per row of the table.
        """
        _check_present(table, self.columns)
        odd = Counts() if counts is None else counts
        return self._written(
            table.num_rows,
            lambda name: Source(name, check_column(table, name), odd, self.missing),
            dtype,
        )

    def _written(self, rows: int, source_of: Callable[[str], Source], dtype: DTypeLike) -> Floats:
        """Return the matrix of so many rows of columns."""
        matrix = np.zeros((rows, self.width), dtype)
        for name, places in self.places.items():
            part = np.zeros((rows, len(places)), dtype)
            self.columns[name].write(source_of(name), part)
            matrix[:, places] = part
        last = self.width - self.rising
        matrix[:, last - len(self.codes) : last] += np.cumsum([0, *self.codes])[:-1]
        return matrix

    def open(self, X: Any) -> pa.Table:
        """Return rows as a user gives them as a table; a table keeps all of its columns."""
        return X if isinstance(X, pa.Table) else open_table(X)[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what a row turns into."""
        return (self.width,)

    @property
    def source(self) -> str:
        """What a prediction is made from, in words."""
        used = len(self.columns)
        return counted(used, "column")

    @property
    def manner(self) -> str:
        """How that is read, in words that follow `source`."""
        return " of a table, row by row"

    @property
    def argument(self) -> str:
        """What the command ``steepest predict`` takes."""
        return "TABLE"

    @property
    def width(self) -> int:
        """The number of columns of the matrix."""
        return len(self._parts)

    @property
    def names(self) -> list[str]:
        """The name of each column of the matrix."""
        return [name + part.suffix for name, part in self._parts]

    @property
    def places(self) -> dict[str, list[int]]:
        """Which columns of the matrix each column in use turns into."""
        found: dict[str, list[int]] = {name: [] for name in self.columns}
        for place, (name, _) in enumerate(self._parts):
            found[name].append(place)
        return found

    @property
    def numbers(self) -> int:
        """How many columns of the matrix, from the first on, are about normal."""
        return sum(part.role == "number" for _, part in self._parts)

    @cached_property
    def rising(self) -> int:
        """How many columns of the matrix, the last ones, predictions rise with."""
        return sum(part.role == "rising" for _, part in self._parts)

    @property
    def codes(self) -> list[int]:
        """How many codes each of the last columns of the matrix has that `rising` leaves.

        Those of a column begin where those of the one before it end.
        """
        return [part.codes for _, part in self._parts if part.role == "code"]

    @property
    def texts(self) -> list[tuple[int, int]]:
        """Of each column of texts: how many columns of the matrix it has, and how many codes.

        They stand before the codes.
        """
        found = []
        for kind in self.columns.values():
            own = [part.codes for part in kind.parts if part.role == "text"]
            found += [(len(own), max(own))] if own else []
        return found

    @property
    def embedded(self) -> list[str]:
        """The columns in use that are codes, or texts."""
        parts = self._parts
        return list(dict.fromkeys(n for n, part in parts if part.role in ("code", "text")))

    def told(self, name: str, value: object, x: Floats) -> dict[str, float]:
        """Return the numbers of an encoded row that stand for a column's value, by their names.

        Of a text, these are the weights of its n-grams.
        """
        kind, places = self.columns[name], self.places[name]
        if isinstance(kind, Text):
            return kind.told("" if value is None else str(value), x[places])
        return {self.names[place]: float(x[place]) for place in places}

    @cached_property
    def _parts(self) -> list[tuple[str, Part]]:
        """The columns of the matrix, in order: the table's column, and which part of it."""
        parts = [(name, part) for name, kind in self.columns.items() for part in kind.parts]
        if not self.grouped:
            return parts
        return sorted(parts, key=lambda part: _ROLES.index(part[1].role))

    def describe(self) -> dict[str, str]:
        """Say in a few words what each column in use turns into."""
        return {name: kind.describe() for name, kind in self.columns.items()}

    def withheld(self) -> Self:
        """Return it without the names of columns that are not used."""
        return replace(self, dropped={})

    def tells(self) -> list[str]:
        """Say what it tells of the training rows."""
        unused = ", and of those that are not" * bool(self.dropped)
        columns = f"The names of the columns in use{unused}."
        if not self.shared:
            return [
                "An earlier version wrote its preprocessing: values of single rows may stand in "
                "it, numbers and texts.",
                columns,
            ]
        free = (
            "Of free text: about how many training texts have n-grams of each hash, from two on, "
            "or from ten in a private model. The n-grams themselves are not there, but whoever "
            "guesses one can look it up."
        )
        return [
            f"Of numbers and dates: a rounded middle and spread, and at most {KNOTS} quantiles, "
            f"each the rounded mean of {SHARED} rows or more; of a number that often is the same, "
            f"also values as they are that {SHARED} rows or more have; of dates, days that "
            f"{SHARED} rows or more have.",
            f"Of texts: those that {self.shared} rows or more have, word for word.",
            *[free] * bool(self.texts),
            columns,
        ]

    def limits(self) -> list[str]:
        """Say what a model of such inputs can't do."""
        return [
            "A value that is missing, unreadable or was rare in training is taken as the middle of "
            "its column, or as one of the rare ones; a prediction comes all the same."
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder in plain JSON types."""
        columns = {
            name: {"kind": kind.label, **asdict(kind)}  # type: ignore[call-overload]
            for name, kind in self.columns.items()
        }
        return {
            "columns": columns,
            "dropped": dict(self.dropped),
            "grouped": self.grouped,
            "missing": list(self.missing),
            "shared": self.shared,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_dict` described."""
        try:
            columns = {name: load_column(kind) for name, kind in record["columns"].items()}
            if not fits(record["dropped"], Mapping[str, str]):
                raise ModelError("an encoder's dropped columns must be texts")
            if not fits(record["grouped"], bool):
                raise ModelError("an encoder's grouped must be true or false")
            if not fits(record["missing"], Sequence[str]):
                raise ModelError("an encoder's words for a missing value must be texts")
            if not fits(record["shared"], int):
                raise ModelError("an encoder's shared must be a whole number")
            return cls(
                columns,
                dict(record["dropped"]),
                record["grouped"],
                tuple(record["missing"]),
                record["shared"],
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError(f"this does not describe an encoder: {error!r}") from error


class NotMonotoneError(TableError):
    """Predictions can't rise or fall with a column, for what it holds."""


def _fitted(kind: type[Column], source: Source, rare: int, sign: int) -> Column:
    """Return the record of a column; with a sign, of one that predictions rise or fall with."""
    if not sign:
        return kind.fit(source, rare)
    if kind is not Number:
        raise NotMonotoneError(
            f"column {source.name!r} is no column of numbers, so predictions can't rise or fall "
            "with it; give numbers, or leave it out of monotonic"
        )
    return replace(Rising.fit(source, rare), sign=sign)


def has_texts(table: pa.Table, inputs: Iterable[str], options: TableOptions | None = None) -> bool:
    """Return whether one of the inputs holds free text, by reading those that can hold it."""
    numbers = pa.types.is_primitive
    inputs = [name for name in inputs if not numbers(table.schema.field(name).type)]
    try:
        return bool(inputs) and bool(Encoder.fit(table, inputs, options=options).texts)
    except TableError:  # none of these is of use
        return False


def counts_text(counts: Counts) -> list[str]:
    """Say in one line per column what was odd about its values."""
    lines = {
        INFINITE: "infinite, taken as missing",
        UNPARSEABLE: "not what the column holds, taken as missing",
        UNSEEN: "rare or not seen in training",
    }
    return [
        f"column {name!r}: {count} value{'s' * (count != 1)} {lines[what]}"
        for (name, what), count in counts.items()
        if count
    ]


def not_read(encoder: Encoder, counts: Counts, rows: int) -> list[str]:
    """Say what `Encoder.transform` could not read.

    Values that were not seen in training are left out where rare ones were in training, so that
    they have a place, unless they are most of the column.
    """
    odd = Counts()
    for (name, what), count in counts.items():
        rare = bool(getattr(encoder.columns[name], "rare", False))
        if what != UNSEEN or not rare or 2 * count > rows:
            odd[name, what] = count
    return counts_text(odd)


def fit_notes(encoder: Encoder, counts: Counts) -> list[str]:
    """Say in one line each what is not used of the training rows, or read in an unusual way.

    ``counts`` are those that `Encoder.fit` took up.
    """
    dropped = [f"column {name!r} not used: {why}" for name, why in encoder.dropped.items()]
    return [*dropped, *encoder.notes, *counts_text(counts)]


def _check_present(table: pa.Table, names: Iterable[str]) -> None:
    there = set(table.column_names)
    lacking = [repr(name) for name in names if name not in there]
    if lacking:
        shown = ", ".join(lacking[:10]) + (", …" if len(lacking) > 10 else "")
        raise TableError(f"the table lacks the column{'s' * (len(lacking) > 1)} {shown}")
