"""The values of a column in groups, and spread over what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...tables.parsing import plain, read_numbers, read_texts

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["OTHERS", "Group", "grid", "groups"]

OTHERS = "all others"
"""The label of the values of a column that share a group."""
_MISSING = "missing"


@dataclass(frozen=True)
class Group:
    """Rows that have a value, or values in a range.

    Attributes
    ----------
    label : str
        In words.
    rows : ndarray
        Which rows these are.
    at : float, optional
        Where they lie, if the column is of numbers: their median.
    """

    label: str
    rows: NDArray[np.int64]
    at: float | None = None


def groups(subject: Subject, name: str, ranges: int, most: int) -> list[Group]:
    """Return the rows in groups by a column: ranges of about as many rows, or its values.

    Parameters
    ----------
    subject : Subject
        With rows.
    name : str
        A column in use.
    ranges : int
        How many ranges a number falls into.
    most : int
        How many values of another column get a group; the rest share one.
    """
    assert subject.rows is not None
    column = subject.rows.table.column(name)
    kind = subject.model.encoder.columns[name]
    if kind.label == "number":
        return _ranges(read_numbers(plain(column, name), kind.pattern)[0], ranges)
    texts, indices = read_texts(plain(column, name))
    words = [*map(str, texts.to_pylist()), _MISSING]
    indices = np.where(indices < 0, len(words) - 1, indices)
    counts = np.bincount(indices, minlength=len(words))
    order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    found = [Group(words[k], np.flatnonzero(indices == k).astype(np.int64)) for k in order[:most]]
    if order[most:]:
        rest = np.flatnonzero(np.isin(indices, order[most:])).astype(np.int64)
        found.append(Group(OTHERS, rest))
    return found


def grid(subject: Subject, name: str, points: int) -> list[Group]:
    """Return values to put into a column: each as the rows that have it, the first of them enough.

    Of numbers, values at equal shares of the rows, in order; of others, the most frequent ones,
    dates in their order.
    """
    every = groups(subject, name, points, points)
    found = [group for group in every if group.label not in (OTHERS, _MISSING)]
    dated = subject.model.encoder.columns[name].label == "moment"
    return sorted(found, key=lambda group: group.label) if dated else found


def _ranges(values: Any, ranges: int) -> list[Group]:
    """Return the rows of a column of numbers in ranges of about as many rows."""
    finite = np.flatnonzero(np.isfinite(values))
    found = []
    edges = np.unique(np.quantile(values[finite], np.linspace(0, 1, ranges + 1), method="nearest"))
    for k, low in enumerate(edges[:-1] if len(edges) > 1 else edges):
        high, last = edges[min(k + 1, len(edges) - 1)], k + 2 >= len(edges)
        inside = values[finite] >= low
        inside &= (values[finite] <= high) if last else (values[finite] < high)
        rows = finite[inside]
        if not rows.size:
            continue
        first, final = values[rows].min(), values[rows].max()
        label = f"{first:.6g}" if first == final else f"{first:.6g} to {final:.6g}"
        middle = rows[np.argsort(values[rows], kind="stable")[len(rows) // 2]]
        ordered = np.concatenate([[middle], rows[rows != middle]]).astype(np.int64)
        found.append(Group(label, ordered, float(values[middle])))
    missing = np.flatnonzero(~np.isfinite(values))
    if missing.size:
        found.append(Group(_MISSING, missing.astype(np.int64)))
    return found
