"""What somebody asks for who wants a model of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import InputError, TableError
from ..printing import shown
from ..settings import Setting
from ..tables.door import check_column
from ..tables.numerals import read_numerals
from ..tables.options import NOTHING_SAID, TableOptions
from ..tables.row_weights import read_weights
from ..tables.split import SplitBy
from ..tables.split_columns import ROW_ORDER, read_groups, read_moments
from ..tables.task import Task
from ..validate import flag, fraction, number, one_of, renamed_keys, sequence
from .class_weights import class_weights, read_class_weight
from .defaults import VALIDATION
from .monotone import read_monotonic
from .train import RunOptions

__all__ = ["Request"]

_WHERE, _ROWS = "settings", "The rows"
PRIVATE = 10
"""So many training rows at least have a text that a private model names."""


def _nobody(text: str) -> None:
    """Take a note and tell nobody."""


@dataclass(frozen=True)
class Request:
    """A table's column, how it is to be learned from which rows, and who is told.

    Attributes
    ----------
    target : str
        The column to predict.
    settings : mapping
        Of the `Recipe`, where they are not its defaults.
    task : {"classification", "regression"}, optional
        Instead of what is inferred from the target.
    ignore : sequence of str
        Columns that are no inputs.
    time, groups : str, optional
        Columns that the split goes by (`steepest.tables.split.SplitBy`); the one with groups is no
        input. ``row-order`` is a time, too: the order of the rows.
    weight : str, optional
        A column that says how much each row counts in the training, in what chooses the epoch, and
        in the calibration; it is no input. A row of weight 0 has no part in these.
    monotonic : sequence of str
        Columns with which predictions rise or fall, like ``age=+1`` and ``price=-1``.
    test, validation : float
        Fractions of the rows to hold out; a column ``split`` goes before them.
    cv : int, optional
        How many folds `steepest.pipeline.cross_validation` is to go through; `fit_table` trains
        once, whatever this is.
    test_table : pyarrow.Table, optional
        Rows to test on, instead of a fraction.
    private : bool
        Whether the model names no text of a category that fewer than `PRIVATE` training rows have.
    class_weight : str, optional
        ``"balanced"``, or the weight of each class by its label, like ``"yes=5,no=1"``.
    written : TableOptions
        What is known of how the texts of the table are written.
    options : RunOptions
        How the training is limited, watched and kept.
    say : callable
        Gets each note as it comes up.

    Raises
    ------
    InputError
        If a value makes no sense.
    """

    target: Annotated[
        str,
        Setting(
            "",
            "The column to predict. It must be given, here or in the --config file.",
            value="COLUMN",
        ),
    ]
    settings: Mapping[str, Any] = field(default_factory=dict)
    task: Annotated[
        str | None,
        Setting(
            _ROWS,
            "What to predict: classification for one of several classes, regression for a number.",
            "decided by the values of the target",
        ),
    ] = None
    ignore: Annotated[
        Sequence[str],
        Setting(
            _ROWS, "A column that the model must not use. Repeat it for more.", "none", "COLUMN"
        ),
    ] = ()
    time: Annotated[
        str | None,
        Setting(
            _ROWS,
            "A column with the date, or a number for the time, of each row: train on the past, and "
            f"validate and test on what follows. {ROW_ORDER} means the order of the rows.",
            "rows are drawn at random",
            "COLUMN",
        ),
    ] = None
    groups: Annotated[
        str | None,
        Setting(
            _ROWS,
            "A column that says which rows belong together, such as those of one customer: no "
            "group is both trained and tested on. It is no input.",
            "each row stands alone",
            "COLUMN",
        ),
    ] = None
    weight: Annotated[
        str | None,
        Setting(
            _ROWS,
            "A column that says how much each row counts: in the training, in what chooses the "
            "best epoch, and in the calibration, but not in the test. It is no input.",
            "all rows count alike",
            "COLUMN",
        ),
    ] = None
    monotonic: Annotated[
        Sequence[str],
        Setting(
            _ROWS,
            "How predictions must follow a column of numbers, all else being equal: age=+1 means "
            "that they never fall as age rises, age=-1 that they never rise. Repeat it for more.",
            "none",
            "COLUMN=+1|-1",
        ),
    ] = ()
    test: Annotated[
        float,
        Setting(
            _ROWS,
            "The share of the rows that are kept for the test and that the network never sees.",
        ),
    ] = 0.2
    validation: Annotated[
        float,
        Setting(
            _ROWS,
            "The share of the other rows that are kept to decide which epoch (pass through the "
            "rows) was best.",
        ),
    ] = VALIDATION
    cv: Annotated[
        int | None,
        Setting(
            _ROWS,
            "Cross-validate as well: train and test this many times, each time on other rows, and "
            "print the mean and the standard deviation of each score. It takes that many times as "
            "long.",
            "train and test once",
            "FOLDS",
        ),
    ] = None
    test_table: pa.Table | None = None
    private: Annotated[
        bool,
        Setting(
            "",
            "Write a model that reveals less about the rows: without the command, the history, the "
            "settings, the names of unused columns, and texts and n-grams that fewer than 10 rows "
            "have. Then predict --sets can't be used.",
        ),
    ] = False
    class_weight: Annotated[
        str | None,
        Setting(
            _ROWS,
            "How much each class counts, like yes=5,no=1. With balanced, all classes count alike, "
            "however many rows they have. A class with a greater weight counts more in training, "
            "and is predicted more often; the probabilities stay those of the rows as they are.",
            "all rows count alike",
            "LIST",
        ),
    ] = None
    written: TableOptions = NOTHING_SAID
    options: RunOptions = field(default_factory=RunOptions)
    say: Callable[[str], None] = _nobody

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InputError(
                f"{_WHERE}: target must be the name of a column, got {shown(self.target)}"
            )
        sequence(_WHERE, "ignore", self.ignore)
        if not all(isinstance(name, str) for name in self.ignore):
            raise InputError(f"{_WHERE}: ignore must be names of columns, got {shown(self.ignore)}")
        for name in ("time", "groups", "weight"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InputError(
                    f"{_WHERE}: {name} must be the name of a column, got {shown(value)}"
                )
            if value == self.target:
                raise InputError(f"{_WHERE}: {name} can't be {value!r}, the column to predict")
        if self.task is not None:
            one_of(_WHERE, "task", self.task, ("classification", "regression"))
        for name in ("test", "validation"):
            fraction(_WHERE, name, getattr(self, name))
        if self.cv is not None:
            number(_WHERE, "cv", self.cv, least=2, whole=True)
        flag(_WHERE, "private", self.private)
        if self.class_weight is not None and not isinstance(self.class_weight, str):
            raise InputError(
                f"{_WHERE}: class_weight must be a text like 'yes=5,no=1', got "
                f"{self.class_weight!r}"
            )
        for name in self.signs:
            if name in self.no_inputs:
                raise InputError(f"{_WHERE}: monotonic column {name!r} is no input")
        object.__setattr__(self, "settings", renamed_keys(_WHERE, self.settings))

    @property
    def rare(self) -> int | None:
        """How many rows make a text of a category a frequent one; None leaves that open."""
        return PRIVATE if self.private else None

    @property
    def signs(self) -> dict[str, int]:
        """1 or −1 by each monotone column."""
        return read_monotonic(_WHERE, self.monotonic)

    @property
    def no_inputs(self) -> tuple[str, ...]:
        """The columns that the network does not see."""
        own = (self.target, self.groups, self.weight, *self.ignore)
        return tuple(name for name in own if name is not None)

    def split_by(self, table: pa.Table, labels: NDArray[np.int64]) -> SplitBy:
        """Return what a split of a table's rows goes by.

        Raises
        ------
        TableError
            If a column does not say it of each row.
        """
        time = groups = None
        if self.time is not None and self.time in table.column_names:
            time = read_moments(self.time, check_column(table, self.time), self.written)
        elif self.time is not None:
            time = np.arange(table.num_rows)
        if self.groups is not None:
            groups = read_groups(self.groups, check_column(table, self.groups))
        return SplitBy(labels, time, groups)

    def row_weights(self, table: pa.Table) -> NDArray[np.float64] | None:
        """Return how much each row of a table counts; None if all count alike.

        Raises
        ------
        TableError
            If the column does not say it of each row.
        """
        if self.weight is None:
            return None
        return read_weights(self.weight, check_column(table, self.weight), self.written)

    def class_weights(self, task: Task, codes: Any) -> tuple[float, ...] | None:
        """Return the weight of each class, of encoded targets to train on; None if alike."""
        if self.class_weight is None:
            return None
        if task.is_regression:
            raise InputError(f"class_weight is for classes; {task.name!r} has numbers to predict")
        wanted = read_class_weight(self.class_weight, task.classes)
        return class_weights(wanted, task.classes, codes)

    def check_columns(self, table: pa.Table) -> None:
        """Raise `TableError` unless a table has the columns that are named."""
        order = [self.time] if self.time not in (None, ROW_ORDER) else []
        others = [name for name in (self.groups, self.weight) if name is not None]
        for name in (self.target, *self.ignore, *order, *others, *self.signs):
            if name not in table.column_names:
                raise TableError(f"no column {name!r} in the table; {_what_there_is(name, table)}")


def _what_there_is(name: str, table: pa.Table) -> str:
    """Return what a message says of a table without a column: one that was meant, or all."""
    names = table.column_names
    alike = [each for each in names if each.strip().casefold() == name.strip().casefold()]
    if alike:
        return f"there is {alike[0]!r}"
    found = ", ".join(map(repr, names[:20])) + " …" * (len(names) > 20)
    if np.isfinite(read_numerals(pa.array(names, pa.string()))).any():
        found += "; if these are the first row, say header=False (--no-header)"
    return f"there are {found}"
