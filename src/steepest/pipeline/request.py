"""What somebody asks for who wants a model of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import pyarrow as pa

from ..errors import InputError, TableError
from ..settings import Setting
from ..tables.options import NOTHING_SAID, TableOptions
from ..validate import flag, fraction, one_of, renamed_keys, sequence
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
    test, validation : float
        Fractions of the rows to hold out; a column ``split`` goes before them.
    test_table : pyarrow.Table, optional
        Rows to test on, instead of a fraction.
    private : bool
        Whether the model names no text of a category that fewer than `PRIVATE` training rows have.
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
            "The share of the other rows that are kept to choose the best epoch (pass through the "
            "rows) by.",
        ),
    ] = 0.1
    test_table: pa.Table | None = None
    private: Annotated[
        bool,
        Setting(
            "",
            "Write a model that tells less of the rows: without the command, the history, the "
            "settings and the names of unused columns, and without texts that fewer than 10 rows "
            "have.",
        ),
    ] = False
    written: TableOptions = NOTHING_SAID
    options: RunOptions = field(default_factory=RunOptions)
    say: Callable[[str], None] = _nobody

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InputError(f"{_WHERE}: target must be the name of a column, got {self.target!r}")
        sequence(_WHERE, "ignore", self.ignore)
        if not all(isinstance(name, str) for name in self.ignore):
            raise InputError(f"{_WHERE}: ignore must be names of columns, got {self.ignore!r}")
        if self.task is not None:
            one_of(_WHERE, "task", self.task, ("classification", "regression"))
        for name in ("test", "validation"):
            fraction(_WHERE, name, getattr(self, name))
        flag(_WHERE, "private", self.private)
        object.__setattr__(self, "settings", renamed_keys(_WHERE, self.settings))

    @property
    def rare(self) -> int | None:
        """How many rows make a text of a category a frequent one; None leaves that open."""
        return PRIVATE if self.private else None

    def check_columns(self, table: pa.Table) -> None:
        """Raise `TableError` unless a table has the columns that are named."""
        for name in (self.target, *self.ignore):
            if name not in table.column_names:
                shown = ", ".join(table.column_names[:20]) + " …" * (table.num_columns > 20)
                raise TableError(f"no column {name!r} in the table; there are {shown}")
