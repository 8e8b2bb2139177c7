"""The values of a column in groups, and spread over what is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...tables.parsing import plain, read_numbers, read_texts

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["OTHERS", "Group", "grid", "groups", "value_text"]

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
        The number that they have, if they are of one.
    """

    label: str
    rows: NDArray[np.int64]
    at: float | None = None


def groups(subject: Subject, name: str, ranges: int, most: int) -> list[Group]:
    """Return the rows in groups by a column: ranges of about as many rows, or its values.

    Texts are in groups by how long they are.

    Parameters
    ----------
    subject : Subject
        With rows.
    name : str
        A column in use.
    ranges : int
        How many ranges a number, or the length of a text, falls into.
    most : int
        How many values of another column get a group; the rest share one.
    """
    assert subject.rows is not None
    column = subject.rows.table.column(name)
    kind = subject.model.encoder.columns[name]
    if kind.label == "number":
        return _ranges(read_numbers(plain(column, name), kind.pattern)[0], ranges)
    texts, indices = read_texts(plain(column, name))
    if kind.label == "text":
        lengths = np.append([len(str(text)) for text in texts.to_pylist()], np.nan)
        return _ranges(lengths[indices], ranges, " letters")
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
    assert subject.rows is not None
    kind = subject.model.encoder.columns[name]
    if kind.label == "number":
        column = subject.rows.table.column(name)
        return _spread(read_numbers(plain(column, name), kind.pattern)[0], points)
    every = groups(subject, name, points, points)
    found = [group for group in every if group.label not in (OTHERS, _MISSING)]
    dated = kind.label == "moment"
    return sorted(found, key=lambda group: group.label) if dated else found


def value_text(value: Any) -> str:
    """Return a value of a table in words: of a day without its time, and nothing of none."""
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.removesuffix(" 00:00:00") if isinstance(value, datetime) else text


def _spread(values: Any, points: int) -> list[Group]:
    """Return values of a column of numbers, in order; of few distinct ones, all.

    One half of them lies at equal shares of the rows, the other at equal shares of the distinct
    values between the outermost hundredths: where most rows have the same one, the others count.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if not finite.size:
        return []
    distinct, first = np.unique(values[finite], return_index=True)
    if len(distinct) > points:
        shares = np.linspace(0, 1, points // 2)
        by_rows = np.quantile(values[finite], shares, method="nearest")
        low, high = np.quantile(values[finite], [0.01, 0.99])
        inside = distinct[(distinct >= low) & (distinct <= high)]
        by_value = np.quantile(inside, shares, method="nearest")
        kept = np.isin(distinct, np.concatenate([by_rows[1:-1], by_value]))
        distinct, first = distinct[kept], first[kept]
    rows = finite[first].astype(np.int64)
    return [
        Group(f"{value:.6g}", rows[k : k + 1], float(value))
        for k, value in enumerate(distinct.tolist())
    ]


def _ranges(values: Any, ranges: int, unit: str = "") -> list[Group]:
    """Return the rows of a column of numbers in ranges of about as many rows.

    A value that as many rows have has a group of its own, and the others share the other ranges.
    """
    finite = np.flatnonzero(np.isfinite(values))
    _, of_row, counts = np.unique(values[finite], return_inverse=True, return_counts=True)
    often = counts * ranges >= len(finite)
    rest = finite[~often[of_row]]
    parts = [finite[of_row == k] for k in np.flatnonzero(often)]
    edges = np.quantile(
        values[rest] if len(rest) else [0.0],
        np.linspace(0, 1, max(1, ranges - len(parts)) + 1)[1:-1],
        method="nearest",
    )
    place = np.searchsorted(np.unique(edges), values[rest], side="right")
    parts += [rest[place == k] for k in range(len(edges) + 1)]
    found = []
    for rows in sorted((part for part in parts if len(part)), key=lambda part: values[part].min()):
        low, high = values[rows].min(), values[rows].max()
        label = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
        found.append(Group(f"{label}{unit}", rows.astype(np.int64)))
    missing = np.flatnonzero(~np.isfinite(values))
    if missing.size:
        found.append(Group(_MISSING, missing.astype(np.int64)))
    return found
