"""Which rows are for training, for validation and for the test: the one place that decides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..arrays import distinct
from ..errors import ColumnTypeError, TableError
from ..printing import counted
from ..validate import fraction
from .parsing import plain
from .task import Task

__all__ = ["SPLIT_COLUMN", "Split", "SplitBy", "class_labels", "read_parts", "split_rows"]

SPLIT_COLUMN = "split"
_PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
}
_DRAWS = 10
"""So many draws of groups, of which that counts whose classes and size are nearest."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SplitBy:
    """What a split of rows goes by, a value for each row.

    Without a time, rows are drawn at random, each class in its proportion. With one, those held out
    come after all others; rows of one moment stay together. With groups, no group is on both sides.
    With both, rows of the past are left out whose groups are among those held out.

    Attributes
    ----------
    labels : ndarray of int64
        Classes from 0 on; all 0 where a number is predicted.
    time : ndarray, optional
        When each row was, in any unit.
    groups : ndarray of int64, optional
        The group of each row, from 0 on.
    """

    labels: Rows
    time: NDArray[Any] | None = None
    groups: Rows | None = None

    @property
    def is_random(self) -> bool:
        """Whether single rows are drawn at random."""
        return self.time is None and self.groups is None

    def take(self, chosen: NDArray[Any]) -> Self:
        """Return what a split of these rows goes by."""
        time, groups = (None if v is None else v[chosen] for v in (self.time, self.groups))
        return replace(self, labels=self.labels[chosen], time=time, groups=groups)

    def hold_out(self, rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
        """Hold out a share of some rows.

        Parameters
        ----------
        rows : ndarray of int64
            Their indices.
        share : float
            Of the rows, 0 for none.
        seed : int
            Of what is drawn at random.

        Returns
        -------
        kept, held : ndarray of int64
            Indices, in ascending order.

        Raises
        ------
        TableError
            If there are too few rows, moments or groups for that.
        """
        if not share:
            return rows, rows[:0]
        wanted = int(np.ceil(share * len(rows)))
        if len(rows) - wanted < 1:
            raise TableError(
                f"{counted(len(rows), 'row')} can't be split for training and testing; "
                "give more rows, or set the shares for validation and test to 0"
            )
        if self.time is not None:
            time = self.time[rows]
            (start,) = _starts(time, [len(rows) - wanted])
            return self._sides(rows, time < start, time >= start)
        if self.groups is not None:
            held = self._drawn_groups(rows, wanted, np.random.default_rng(seed))
            return rows[~held], rows[held]
        # (Imported above, it would be half of what every command takes to start.)
        from sklearn.model_selection import train_test_split

        strata = _strata(self.labels[rows], min(wanted, len(rows) - wanted))
        kept, taken = train_test_split(rows, test_size=wanted, random_state=seed, stratify=strata)
        return np.sort(kept), np.sort(taken)

    def folds(self, rows: Rows, k: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
        """Yield k pairs of rows to train on and rows to test on, as of `hold_out`.

        Each row is tested once; with a time, those but of the first of k + 1 parts are, each time
        after training on all that came before.

        Raises
        ------
        TableError
            If there are too few rows, moments or groups for that.
        """
        if self.time is not None:
            yield from self._folds_of_time(rows, k)
            return
        count = len(rows) if self.groups is None else len(distinct(self.groups[rows]))
        if count < k:
            what = "rows" if self.groups is None else "groups"
            raise TableError(f"{count} {what} are too few for {k} folds")
        strata = _strata(self.labels[rows], len(rows) // k, k)
        some = np.zeros(len(rows), np.int64) if strata is None else strata
        from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

        if self.groups is not None:
            pairs = StratifiedGroupKFold(k, shuffle=True, random_state=seed).split(
                rows, some, self.groups[rows]
            )
        elif strata is not None:
            pairs = StratifiedKFold(k, shuffle=True, random_state=seed).split(rows, some)
        else:
            pairs = KFold(k, shuffle=True, random_state=seed).split(rows)
        for kept, tested in pairs:
            yield rows[kept], rows[tested]

    def _folds_of_time(self, rows: Rows, k: int) -> Iterator[tuple[Rows, Rows]]:
        time = self.time[rows]  # type: ignore[index]
        starts = _starts(time, [part * len(rows) / (k + 1) for part in range(1, k + 1)])
        parts = np.searchsorted(starts, time, side="right")
        for part in range(1, k + 1):
            yield self._sides(rows, parts < part, parts == part)

    def _sides(
        self, rows: Rows, before: NDArray[np.bool_], held: NDArray[np.bool_]
    ) -> tuple[Rows, Rows]:
        """Return the rows of both sides of a moment, without groups that are on both."""
        if self.groups is not None:
            groups = self.groups[rows]
            before = before & ~np.isin(groups, groups[held])
            if not before.any():
                raise TableError(
                    "each group of the past is also among the rows held out, which leaves none to "
                    "train on; give the time or the groups, not both"
                )
        return rows[before], rows[held]

    def _drawn_groups(self, rows: Rows, wanted: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Say which rows belong to groups drawn at random, about so many rows."""
        names, groups = np.unique(self.groups[rows], return_inverse=True)  # type: ignore[index]
        if len(names) < 2:
            raise TableError(
                f"the {len(rows):,} rows to split are of one group: what trains, what chooses the "
                "epoch and what tests need a group each; give more groups, or set the share for "
                "validation or test to 0"
            )
        sizes, labels = np.bincount(groups), self.labels[rows]
        shares = np.bincount(labels) / len(rows)
        best, least = np.zeros(len(rows), np.bool_), np.inf
        for _ in range(_DRAWS):
            order = rng.permutation(len(names))
            count = int(np.abs(np.cumsum(sizes[order])[:-1] - wanted).argmin()) + 1
            held = np.isin(groups, order[:count])
            found = np.bincount(labels[held], minlength=len(shares)) / held.sum()
            odd = abs(held.sum() - wanted) / wanted + np.abs(found - shares).sum() / 2
            if odd < least:
                best, least = held, odd
        return best


def _starts(time: NDArray[Any], wanted: list[float]) -> list[Any]:
    """Return moments before which there are about so many rows, each at least one later."""
    moments, sizes = np.unique(time, return_counts=True)
    if len(moments) <= len(wanted):
        raise TableError(
            f"{counted(len(moments), 'moment')} can't be split into "
            f"{len(wanted) + 1} parts that follow one another"
        )
    before, starts, first = np.cumsum(sizes)[:-1], [], 0
    for k, rows in enumerate(wanted):
        last = len(before) - len(wanted) + k + 1
        first += int(np.abs(before[first:last] - rows).argmin()) + 1
        starts.append(moments[first])
    return starts


@dataclass(frozen=True)
class Split:
    """Rows by their purpose, each in ascending order.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Indices of rows; validation and test may be empty.
    column : str or None
        The column that said so, which is no input; None if none did.
    told : bool
        Whether it said which rows to validate on.
    """

    train: Rows
    validation: Rows
    test: Rows
    column: str | None = None
    told: bool = False

    def joined(self) -> Self:
        """Return it with the rows to validate on among those to train on."""
        train = np.sort(np.concatenate([self.train, self.validation]))
        return replace(self, train=train, validation=self.validation[:0])


def split_rows(
    table: pa.Table,
    task: Task,
    *,
    by: SplitBy | None = None,
    test: float = 0.2,
    validation: float = 0.1,
    seed: int = 0,
) -> Split:
    """Split the rows of a table.

    A column called "split" decides, if each of its values is one of train, training, test, valid,
    validate and validation, in any case. If it names no validation rows, they are held out of the
    training rows; if it names neither those nor test rows, it decides nothing. What is not decided
    by it goes by ``by``: at random, each class in its proportion, unless that has a time or groups.
    Classes too small for that share one.

    Parameters
    ----------
    table : pyarrow.Table
        Rows whose target `task.encode` takes.
    task : Task
        What is to be predicted.
    by : SplitBy, optional
        Of the rows; their labels alone by default.
    test : float
        The share of the rows for the test, 0 for none.
    validation : float
        The share of the others for validation, 0 for none.
    seed : int
        Of the random draw.

    Returns
    -------
    Split
        Every row once, but for those that a time and groups together leave out.

    Raises
    ------
    TableError
        If there are too few rows, moments or groups for each part to have one.
    """
    for name, share in (("test", test), ("validation", validation)):
        fraction("split", name, share)
    by = by or SplitBy(class_labels(task, table.column(task.name)))
    named = _named_parts(table, task)
    if named is None:
        train, tested = by.hold_out(np.arange(table.num_rows), test, seed)
        train, validated = by.hold_out(train, validation, seed)
        return Split(train, validated, tested)
    train, validated, tested = (
        np.flatnonzero(named == part) for part in ("train", "validation", "test")
    )
    if not len(train):
        raise TableError(f"column {SPLIT_COLUMN!r} names no row for training")
    told = len(validated) > 0
    if not told:
        train, validated = by.hold_out(train, validation, seed)
    return Split(train, validated, tested, SPLIT_COLUMN, told)


def class_labels(task: Task, column: Any) -> Rows:
    """Return the classes of targets, of which each is to have its proportion; 0 for numbers."""
    return np.zeros(len(column), np.int64) if task.is_regression else task.encode(column)


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


def _strata(labels: Rows, smaller: int, least: int = 2) -> Rows | None:
    """Return classes of so many rows or more, not more than the smaller part has rows, or None."""
    counts = np.bincount(labels)
    rare = counts < least
    strata = np.where(rare[labels], len(counts), labels)
    if rare[labels].sum() < least:
        strata[rare[labels]] = counts.argmax()
    distinct, strata = np.unique(strata, return_inverse=True)
    return strata if 1 < len(distinct) <= smaller else None
