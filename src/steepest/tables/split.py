"""Which rows are for training, for validation and for the test."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ..errors import ColumnTypeError, TableError
from ..validate import fraction
from .parsing import plain
from .task import Task

__all__ = ["SPLIT_COLUMN", "Split", "draw_rows", "read_parts", "split_rows"]

SPLIT_COLUMN = "split"
_PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
}

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows by their purpose, each in ascending order.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Indices of rows; validation and test may be empty.
    column : str or None
        The column that said so, which is no input; None if the split is random.
    """

    train: Rows
    validation: Rows
    test: Rows
    column: str | None = None


def split_rows(
    table: pa.Table,
    task: Task,
    *,
    labels: NDArray[Any] | None = None,
    test: float = 0.2,
    validation: float = 0.1,
    seed: int = 0,
) -> Split:
    """Split the rows of a table.

    A column called "split" decides, if each of its values is one of train, training, test, valid,
    validate and validation, in any case. If it names no validation rows, they are drawn from the
    training rows; if it names neither those nor test rows, it decides nothing. Otherwise rows are
    drawn at random, each class in its proportion; classes too small for that share one.

    Parameters
    ----------
    table : pyarrow.Table
        Rows whose target `task.encode` takes.
    task : Task
        What is to be predicted.
    labels : ndarray, optional
        The rows' targets, where they are encoded already.
    test : float
        The share of the rows for the test, 0 for none.
    validation : float
        The share of the others for validation, 0 for none.
    seed : int
        Of the random draw.

    Returns
    -------
    Split
        Every row once.

    Raises
    ------
    TableError
        If there are too few rows for each part to have one.
    """
    for name, share in (("test", test), ("validation", validation)):
        fraction("split", name, share)
    if task.is_regression:
        labels = np.zeros(table.num_rows, np.int64)
    elif labels is None:
        labels = task.encode(table.column(task.name))
    named = _named_parts(table, task)
    if named is None:
        train, tested = draw_rows(np.arange(table.num_rows), labels, test, seed)
        train, validated = draw_rows(train, labels, validation, seed)
        return Split(train, validated, tested)
    train, validated, tested = (
        np.flatnonzero(named == part) for part in ("train", "validation", "test")
    )
    if not len(train):
        raise TableError(f"column {SPLIT_COLUMN!r} names no row for training")
    if not len(validated):
        train, validated = draw_rows(train, labels, validation, seed)
    return Split(train, validated, tested, SPLIT_COLUMN)


def _named_parts(table: pa.Table, task: Task) -> NDArray[Any] | None:
    """Return each row's part, or None if the table does not say."""
    if SPLIT_COLUMN not in table.column_names or task.name == SPLIT_COLUMN:
        return None
    parts = read_parts(table.column(SPLIT_COLUMN))
    return None if parts is None or set(parts) <= {"train"} else parts


def read_parts(column: Any) -> NDArray[Any] | None:
    """Return "train", "validation" or "test" for each row; None if there are other words."""
    try:
        column = plain(column)
    except ColumnTypeError:
        return None
    if not pa.types.is_string(column.type):
        return None
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    parts = {word: _PARTS.get(word) for word in pc.unique(words).to_pylist()}
    if None in parts.values():
        return None
    return np.array([parts[word] for word in words.to_pylist()])


def draw_rows(rows: Rows, labels: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """Draw a share of the rows, each of the ``labels`` in its proportion.

    Returns the others and those drawn, in ascending order.
    """
    if not share:
        return rows, rows[:0]
    drawn = int(np.ceil(share * len(rows)))
    if len(rows) - drawn < 1:
        raise TableError(
            f"{len(rows)} row{'s' * (len(rows) != 1)} can't be split for training and testing; "
            "give more rows, or set the shares for validation and test to 0"
        )
    strata = _strata(labels[rows], min(drawn, len(rows) - drawn))
    kept, taken = train_test_split(rows, test_size=drawn, random_state=seed, stratify=strata)
    return np.sort(kept), np.sort(taken)


def _strata(labels: Rows, smaller: int) -> Rows | None:
    """Return classes of two rows or more, not more than the smaller part has rows, or None."""
    counts = np.bincount(labels)
    rare = counts < 2
    strata = np.where(rare[labels], len(counts), labels)
    if rare[labels].sum() == 1:
        strata[rare[labels]] = counts.argmax()
    distinct, strata = np.unique(strata, return_inverse=True)
    return strata if 1 < len(distinct) <= smaller else None
