"""Groups of rows that the model is worse at than at the others."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from ...arrays import Array
from ...tables.split_columns import ROW_ORDER, read_moments
from .subject import Rows, Subject
from .values import OTHERS, groups, value_text

__all__ = ["section"]

_RANGES, _VALUES = 5, 12
_LEAST = 30  # rows of a group
_SHOWN = 12
_PERIODS = 12
_FEW = 44  # groups, of which one is above 2 by chance


def section(subject: Subject) -> dict[str, Any] | None:
    """Return the groups by one column whose rows cost more than the others', by how sure that is.

    ``z`` compares the average loss of the rows in the group with that of all others (Welch's
    statistic). With many groups some are large by chance: one that at most one of as many groups
    has by chance, on average, is ``least``, and groups below it are left out.
    Where rows were split by time, ``periods`` have the same of rows that follow each other.
    """
    model, rows = subject.model, subject.rows
    if rows is None or len(rows) < 2 * _LEAST:
        return None
    cost, said, truth = _by_row(subject, rows)
    found: list[dict[str, Any]] = []
    compared = 0
    for name in subject.ranked:
        for group in groups(subject, name, _RANGES, _VALUES):
            if group.label == OTHERS or not _LEAST <= len(group.rows) <= len(rows) - _LEAST:
                continue
            compared += 1
            z = _welch(cost, group.rows)
            if z > 0:
                inside = group.rows
                found.append(
                    {
                        "column": name,
                        "value": group.label,
                        "count": len(inside),
                        "score": _score(subject, cost[inside]),
                        "said": None if said is None else float(said[inside].mean()),
                        "truth": None if truth is None else float(truth[inside].mean()),
                        "z": z,
                    }
                )
    least = _notable(compared)
    found = sorted((row for row in found if row["z"] > least), key=lambda row: -row["z"])
    return {
        "periods": _periods(subject, rows, cost, said, truth),
        "rows": rows.which,
        "slices": found[:_SHOWN],
        "least": least,
        "compared": compared,
        "score": _score(subject, cost),
        "what": "rmse" if model.task.is_regression else "wrong",
        "positive": str(model.task.classes[1]) if len(model.task.classes) == 2 else None,
        "target": model.task.name,
    }


def _notable(groups: int) -> float:
    """Return the z above which about one of so many groups is by chance; it is 2 at least."""
    return NormalDist().inv_cdf(1 - 1 / max(groups, _FEW))


def _periods(
    subject: Subject, rows: Rows, cost: Array, said: Array | None, truth: Array | None
) -> list[dict[str, Any]]:
    """Return the same of rows that follow each other in time, where that is known."""
    moments, words = _moments(subject, rows)
    if moments is None:
        return []
    parts = np.array_split(np.argsort(moments, kind="stable"), min(_PERIODS, len(rows) // _LEAST))
    return [
        {
            "from": words(int(inside[0])),
            "score": _score(subject, cost[inside]),
            "said": None if said is None else float(said[inside].mean()),
            "truth": None if truth is None else float(truth[inside].mean()),
        }
        for inside in parts
    ]


def _moments(subject: Subject, rows: Rows) -> tuple[Array | None, Callable[[int], str]]:
    """Return when each row was, if that is known, and what says it of a row in words."""
    time = subject.known.time
    if time == ROW_ORDER:
        return rows.numbers, lambda row: f"row {rows.numbers[row]:,}"
    if time is None or time not in rows.table.column_names:
        return None, str
    column = rows.table.column(time)
    return read_moments(time, column), lambda row: value_text(column[row].as_py())


def _by_row(subject: Subject, rows: Rows) -> tuple[Array, Array | None, Array | None]:
    """Return what each row costs, what is said of it and what is true, where these are numbers."""
    task = subject.model.task
    if task.is_regression:
        truth = task.decode(rows.y)
        outputs = np.asarray(task.decode(rows.outputs)).reshape(len(rows), -1)
        said = outputs[:, outputs.shape[1] // 2]
        return (truth - said) ** 2, said, truth
    shares = rows.shares
    wrong = (rows.said != rows.y).astype(np.float64)
    if len(task.classes) == 2:
        return wrong, shares[:, 1], (rows.y == 1).astype(np.float64)
    return wrong, None, None


def _score(subject: Subject, cost: Array) -> float:
    mean = float(cost.mean())
    return float(np.sqrt(mean)) if subject.model.task.is_regression else mean


def _welch(cost: Array, inside: Any) -> float:
    """Return by how many standard errors the rows inside cost more than the others."""
    mask = np.zeros(len(cost), bool)
    mask[inside] = True
    a, b = cost[mask], cost[~mask]
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return float((a.mean() - b.mean()) / error) if error > 0 else 0.0
