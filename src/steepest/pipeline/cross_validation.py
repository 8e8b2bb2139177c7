"""How good a training is, from several of them: each tested on a fold that it did not see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..tables.split import SPLIT_COLUMN, class_labels
from .fit import fit_table, usable_rows
from .notes import Notes

if TYPE_CHECKING:
    import pyarrow as pa

    from .request import Request

__all__ = ["cross_validate", "spread"]


def cross_validate(table: pa.Table, request: Request) -> dict[str, list[float]]:
    """Train on all folds but one, and test on that, for each of ``request.cv`` folds.

    The folds are of all rows, whatever a column "split" says, and go by the time or the groups of
    the request. Everything is done anew for each: encoding, validation, calibration.

    Parameters
    ----------
    table : pyarrow.Table
    request : Request

    Returns
    -------
    dict of str to list of float
        Of each metric of the test its value on each fold.

    Raises
    ------
    TableError, InputError
        As `fit_table` does, or if there are too few rows, moments or groups.
    KeyboardInterrupt
        If one of the trainings was ended early.
    """
    import pyarrow as pa

    if request.options.checkpoint is not None:
        raise InputError("checkpoints serve one training, not cross-validation; leave one of them")
    assert request.cv is not None
    table, task, _ = usable_rows(table, request, Notes(lambda _: None))
    if SPLIT_COLUMN in table.column_names and task.name != SPLIT_COLUMN:
        table = table.drop_columns(SPLIT_COLUMN)
    by = request.split_by(table, class_labels(task, table.column(task.name)))
    kind = "regression" if task.is_regression else "classification"
    found: dict[str, list[float]] = {}
    seed = int(request.settings.get("seed", 0))
    for kept, tested in by.folds(np.arange(table.num_rows), request.cv, seed):
        rows, others = (table.take(pa.array(part)) for part in (kept, tested))
        own = replace(request, task=kind, test_table=others, cv=None, say=lambda _: None)
        fit = fit_table(rows, own)
        if fit.ended is not None:
            raise fit.ended
        for name, (score, _) in fit.scores.items():
            found.setdefault(name, []).append(score)
    return found


def spread(scores: dict[str, list[float]]) -> str:
    """Return a line with the mean and the standard deviation of each metric over the folds."""
    folds = max(map(len, scores.values()))
    parts = (f"{name} {np.mean(v):.5g} ± {np.std(v):.2g}" for name, v in scores.items())
    return f"{folds} folds: {', '.join(parts)}"
