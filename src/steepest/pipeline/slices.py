"""Rows of a table by the values of one column: its categories, or quarters of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..errors import TableError
from ..tables.parsing import MISSING, are_missing, plain, read_numbers, read_texts
from ..tables.task import infer_task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["slices"]

_MOST = 12
"""Categories with a slice of their own; the rarer ones share one."""
_QUARTERS = 4


def slices(column: pa.ChunkedArray, name: str) -> dict[str, Array]:
    """Return the numbers of the rows of each slice by what it is called; none is empty.

    What is a number is decided as for a target (`steepest.tables.task`): of whole numbers of few
    values each has its slice.
    """
    try:
        task = infer_task(column, name)
    except TableError:  # one value alone, or nearly as many as rows
        return _by_text(column, name)
    if not task.is_regression:
        return _by_text(column, name)
    values, _ = read_numbers(plain(column, name), task.pattern)
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _QUARTERS + 1)[1:-1]))
    places = np.searchsorted(edges, values, side="left")
    found = {}
    for place in range(len(edges) + 1):
        rows = np.flatnonzero(known & (places == place))
        if len(rows):
            found[f"{values[rows].min():.6g} to {values[rows].max():.6g}"] = rows
    return found | _missing(~known)


def _by_text(column: Any, name: str) -> dict[str, Array]:
    texts, indices = read_texts(plain(column, name))
    there = ~np.append(are_missing(texts, MISSING), True)[indices]
    counts = np.bincount(indices[there], minlength=len(texts))
    order = [k for k in np.argsort(-counts, kind="stable") if counts[k]]
    labels = texts.to_pylist()
    shown = order[:_MOST] if len(order) > _MOST + 1 else order
    found = {str(labels[k]): np.flatnonzero(there & (indices == k)) for k in shown}
    others = np.flatnonzero(there & ~np.isin(indices, shown))
    if len(others):
        found[f"{len(order) - len(shown)} others"] = others
    return found | _missing(~there)


def _missing(mask: Array) -> dict[str, Array]:
    rows = np.flatnonzero(mask)
    return {"missing": rows} if len(rows) else {}
