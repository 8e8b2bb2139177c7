"""How the prediction moves with one column while all others stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from ...printing import shortened_text
from .subject import Rows, Subject
from .values import grid
from .words import TEXTS, words

if TYPE_CHECKING:
    import pyarrow as pa

    from ...tables.task import Task

__all__ = ["section"]

_COLUMNS, _POINTS = 8, 16
_ROWS, _SINGLE = 200, 12
_CLASSES = 4
_LONGEST = 60  # letters of a name in a sentence


def section(subject: Subject) -> dict[str, Any] | None:
    """Return the mean prediction, and those of single rows, over values of the columns.

    Of a column of texts, return the words that move it.

    Partial dependence (Friedman, "Greedy function approximation", Annals of Statistics 29, 2001,
    section 8.2) and the curves of single rows (Goldstein et al., "Peeking inside the black box",
    2015, arXiv:1309.6392): the value of one column is replaced in every row, whether or not such
    rows exist.
    """
    model, rows = subject.model, subject.rows
    if rows is None or not (model.has_probabilities or model.task.is_regression):
        return None
    drawn = np.sort(subject.rng().permutation(len(rows))[:_ROWS])
    sample = _take(rows.table, drawn)
    lines = _lines(subject, rows)
    single = np.linspace(0, len(drawn) - 1, min(_SINGLE, len(drawn))).astype(np.int64)
    found: list[dict[str, Any]] = []
    for name in subject.ranked[:_COLUMNS]:
        if model.encoder.columns[name].label == "text":
            found.append({"name": name, "words": words(subject, rows, name, lines)})
            continue
        values = grid(subject, name, _POINTS)
        if len(values) < 2:
            continue
        place = sample.column_names.index(name)
        moved = []
        for value in values:
            repeated = _take(rows.table.select([name]), np.full(len(drawn), value.rows[0]))
            changed = sample.set_column(place, sample.field(name), repeated.column(0))
            moved.append(_said(subject, model.outputs(changed))[:, list(lines)])
        curves = np.stack(moved)  # (values, rows, lines)
        mean = curves.mean(axis=1)
        one = len(lines) == 1
        found.append(
            {
                "name": name,
                "labels": [value.label if value.at is None else "" for value in values],
                "at": [value.at for value in values] if values[0].at is not None else None,
                "mean": {label: mean[:, k].tolist() for k, label in enumerate(lines.values())},
                "single": curves[:, single, 0].T.tolist() if one else [],
            }
        )
    return {
        "rows": f"{len(drawn):,} of {rows.which}",
        "effects": found,
        "what": f"predicted {model.task.name}" if model.task.is_regression else "probability",
        "falls": _falls(model.task),
        "texts": min(TEXTS, len(rows)),
        "left": max(0, len(model.task.classes) - _CLASSES) if len(lines) > 1 else 0,
    }


def _lines(subject: Subject, rows: Rows) -> dict[int, str]:
    """Return the outputs that get a line, with their names."""
    task = subject.model.task
    if task.is_regression:
        return {rows.outputs.shape[1] // 2: task.name}
    labels = [str(label) for label in task.classes]
    if len(labels) == 2:
        return {1: labels[1]}
    counts = np.bincount(rows.y, minlength=len(labels))
    return {int(k): labels[k] for k in np.argsort(-counts, kind="stable")[:_CLASSES]}


def _falls(task: Task) -> str:
    """Return what a word that counts takes away with it."""
    if not task.is_regression:
        return "the log-odds fall"
    return f"{shortened_text(task.name, _LONGEST)} falls"


def _said(subject: Subject, outputs: Array) -> Array:
    """Return outputs in the user's units, or as the probability of each class."""
    task = subject.model.task
    if task.is_regression:
        return np.asarray(task.decode(outputs)).reshape(len(outputs), -1)
    return subject.model.judge(outputs)


def _take(table: pa.Table, rows: Any) -> pa.Table:
    import pyarrow as pa

    return table.take(pa.array(np.asarray(rows, np.int64)))
