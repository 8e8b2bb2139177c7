"""What a report is about: a model, rows that it is tried on, and what is known of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...arrays import Array
from ...errors import ModelError, TableError
from ...images.encoder import ImageEncoder
from ...inspection.importance import Importance, importance
from ...probabilities.calibration import all_classes
from ...tables.door import lay_out_table
from ..scores import main_metric, tested_loss

if TYPE_CHECKING:
    import pyarrow as pa

    from ...inspection.watch import Watch
    from ..fitted_model import FittedModel
    from ..train import TrainingData

__all__ = ["Known", "Rows", "Subject", "subject"]

MOST_ROWS = 20_000
_IMPORTANCE_ROWS = 200, 2000  # the fewest and the most
_REPEATS = 2, 5
_PREDICTED = 400_000
"""Rows in all: with more columns, each is shuffled less often and in fewer rows."""


@dataclass(frozen=True)
class Known:
    """What a report can draw on beside the model itself.

    Attributes
    ----------
    table : pyarrow.Table, optional
        Rows whose target is known. More than 20,000 are drawn from.
    which : str
        Which rows these are, like "test rows".
    numbers : ndarray, optional
        Of each row: its number, from 0, in the table that the reader has. By default they are
        counted as they stand here.
    of_table : bool
        Whether the numbers are those of the reader's table, at all.
    data : TrainingData, optional
        The encoded rows of the training: a linear model is fitted to them, to compare with.
    watch : Watch, optional
        What saw the gradients of the training.
    time : str, optional
        The column that says when each row was, or ``row-order``, if that decided which rows the
        training saw.
    notes : sequence of str
        What was decided and dropped on the way.
    seed : int
        Of what is drawn at random.
    """

    table: pa.Table | None = None
    which: str = "rows"
    numbers: NDArray[np.int64] | None = None
    of_table: bool = True
    data: TrainingData | None = None
    watch: Watch | None = None
    time: str | None = None
    notes: Sequence[str] = ()
    seed: int = 0


@dataclass(frozen=True)
class Rows:
    """Rows whose target is known, and what the model says of them.

    Attributes
    ----------
    table : pyarrow.Table
    numbers : ndarray, (n,)
        Their numbers in the table that the reader has, from 0.
    X, y : ndarray
        As the network takes them.
    outputs : ndarray, (n, q)
        Probabilities (n, classes), or what there is instead (`Model.judge`).
    said : ndarray, (n,)
        The number of each row's class; nothing of numbers.
    which : str
        In words, with how many there are.
    """

    table: pa.Table
    numbers: NDArray[np.int64]
    X: Array
    y: Array
    outputs: Array
    said: Array
    which: str

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def shares(self) -> Array:
        """The probability of each class, (n, classes)."""
        return all_classes(self.outputs)


@dataclass(frozen=True)
class Subject:
    """A model, what is known beside it, and the rows it is tried on.

    Attributes
    ----------
    model : FittedModel
    known : Known
    rows : Rows, optional
    """

    model: FittedModel
    known: Known
    rows: Rows | None

    def rng(self) -> np.random.Generator:
        """Return the same generator for whoever asks, so that no section moves another's draws."""
        return np.random.default_rng(self.known.seed)

    @cached_property
    def importance(self) -> tuple[Importance, int] | None:
        """What the test's main metric owes to each column, and on how many rows it was measured."""
        if self.rows is None:
            return None
        columns = len(self.model.encoder.places)
        rows, repeats = _measured(columns, len(self.rows))
        drawn = np.sort(self.rng().permutation(len(self.rows))[:rows])
        found = importance(
            self.model.network,
            tested_loss(self.model),
            self.rows.X[drawn],
            self.rows.y[drawn],
            self.model.encoder.places,
            repeats=repeats,
            seed=self.known.seed,
            metric=main_metric(self.model)[1],
        )
        return found, len(drawn)

    @property
    def ranked(self) -> list[str]:
        """The columns in use, those first that matter most, as far as that is known."""
        if self.importance is None:
            return list(self.model.encoder.columns)
        found, _ = self.importance
        return [found.names[k] for k in np.argsort(-found.permutation, kind="stable")]


def _measured(columns: int, rows: int) -> tuple[int, int]:
    """Return on how many rows each column is shuffled, and how often."""
    (fewest, most), (seldom, often) = _IMPORTANCE_ROWS, _REPEATS
    rows = min(rows, most)
    repeats = min(often, max(seldom, _PREDICTED // (columns * rows)))
    return min(rows, max(fewest, _PREDICTED // (columns * repeats))), repeats


def subject(model: FittedModel, known: Known) -> Subject:
    """Return what a report is about, with the rows encoded and predicted."""
    if isinstance(model.encoder, ImageEncoder):
        raise ModelError(
            "a report is about a model of a table, and this one takes images; `steepest explain` "
            "shows its confusions and its worst mistakes"
        )
    return Subject(model, known, None if known.table is None else _rows(model, known))


def _rows(model: FittedModel, known: Known) -> Rows:
    import pyarrow as pa

    task, table = model.task, lay_out_table(known.table)
    if task.name not in table.column_names:
        raise TableError(
            f"the table lacks the column {task.name!r}, and without the target there is nothing "
            "to compare predictions with"
        )
    usable = np.flatnonzero(task.rows(table.column(task.name)))
    if not usable.size:
        raise TableError(f"no row has a known target in column {task.name!r}")
    drawn = usable
    if usable.size > MOST_ROWS:
        drawn = np.sort(np.random.default_rng(known.seed).permutation(usable)[:MOST_ROWS])
    if drawn.size < table.num_rows:
        table = table.take(pa.array(drawn))
    which = f"{len(drawn):,} {known.which}"
    if drawn.size < usable.size:
        which += f", drawn at random from {usable.size:,}"
    outputs = model.outputs(table)
    return Rows(
        table,
        (drawn if known.numbers is None else known.numbers[drawn]).astype(np.int64),
        model.encoder.transform(table, dtype=model.network.dtype),
        task.encode(table.column(task.name)),
        model.judge(outputs),
        np.zeros(0, np.int64) if task.is_regression else model.decide(outputs),
        which,
    )
