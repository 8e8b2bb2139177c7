"""What a table may want that nobody asked for: one sentence each, with the option that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Column, Date, Number
from .split_columns import ROW_ORDER
from .task import Task

__all__ = ["grades_hint", "time_hints"]

_BLOCKS = 20
_DRIFT = 0.01
"""The least share of the target's variance that blocks of rows must explain, and"""
_SURE = 3.0
"""so many times as much as in rows drawn at random, to be called a drift."""
_MONTHS, _DAYS = list(range(1, 13)), list(range(1, 32))


def time_hints(
    columns: Mapping[str, Column], y: NDArray[Any], task: Task, option: str
) -> list[str]:
    """Say how to test on later rows, if inputs hold dates or the target drifts; and that a month
    and a day may become a date.

    Parameters
    ----------
    columns : dict of str to record
        The columns in use (`steepest.tables.encoder.Encoder`).
    y : ndarray (n,)
        Encoded targets, in the order of the table.
    task : Task
    option : str
        How a column with the time is given: ``--time {}``, say.

    Returns
    -------
    list of str
        A sentence each.
    """
    for name, column in columns.items():
        if isinstance(column, Date):
            return [
                f"column {name!r} holds dates, and rows of the whole time are held out: to find "
                f"out how well later rows are predicted, say {option.format(name)}"
            ]
    parts = _parts_of_dates(columns)
    if not _drifts(y, task):
        return parts
    return [
        *parts,
        f"rows near one another in the table have like values of target {task.name!r}: if the rows "
        f"are in the order of time, say {option.format(ROW_ORDER)}; if such rows belong together, "
        "name a column for groups",
    ]


def _parts_of_dates(columns: Mapping[str, Column]) -> list[str]:
    """Say that single days could be learned, if inputs are a month and a day of the month."""
    values = {name: list(each.knots) for name, each in columns.items() if isinstance(each, Number)}
    month = next((name for name, known in values.items() if known == _MONTHS), None)
    day = next((name for name, known in values.items() if known == _DAYS), None)
    if month is None or day is None:
        return []
    return [
        f"columns {month!r} and {day!r} look like the month and the day of dates: one column of "
        "dates, like 2024-12-31, lets single days be learned"
    ]


def _drifts(y: NDArray[Any], task: Task) -> bool:
    """Say whether neighbouring rows have like targets, and are not just sorted by them."""
    n = len(y)
    if n < 10 * _BLOCKS or (np.diff(y) != 0).sum() < n / 10:
        return False
    targets = y[:, None] if task.is_regression else y[:, None] == np.arange(len(task.classes))
    block = np.arange(n) * _BLOCKS // n
    sizes = np.bincount(block)
    between = whole = 0.0
    for target in targets.T.astype(np.float64):
        means = np.bincount(block, target) / sizes
        between += float(sizes @ (means - target.mean()) ** 2)
        whole += float(n * target.var())
    by_chance = (_BLOCKS - 1) / (n - 1)
    return between > max(_DRIFT, _SURE * by_chance) * whole and not _is_sorted(y)


def _is_sorted(y: NDArray[Any]) -> bool:
    """Say whether nearly all steps from row to row go one way."""
    steps = np.sign(np.diff(y))
    return bool(abs(steps.sum()) > 0.9 * np.abs(steps).sum())


def grades_hint(task: Task, option: str) -> list[str]:
    """Say how to predict numbers, if whole numbers are taken as more than two classes."""
    if task.kind != "multiclass" or not all(type(label) is int for label in task.classes):
        return []
    return [
        f"the values of target {task.name!r} are taken as classes without an order: if more of it "
        f"is more of something, as with grades or counts, say {option}"
    ]
