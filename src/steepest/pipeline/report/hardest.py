"""The rows where the model and its target disagree most."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...inspection.hardest import hardest_examples
from ...printing import shortened_text
from ..scores import tested_loss
from .subject import Subject
from .values import value_text

__all__ = ["section"]

_ROWS, _COLUMNS, _LONGEST, _TEXT = 15, 8, 60, 160


def section(subject: Subject) -> dict[str, Any] | None:
    """Return the rows of the longest gradients ‖∇_θ ℓ_i‖, with their values."""
    model, rows = subject.model, subject.rows
    if rows is None:
        return None
    task = model.task
    ranking = hardest_examples(model.network, tested_loss(model), rows.X, rows.y, top=_ROWS)
    names = subject.ranked[:_COLUMNS]
    columns = model.encoder.columns
    longest = {name: _TEXT if columns[name].label == "text" else _LONGEST for name in names}
    said = model.task.decode(rows.outputs[ranking.rows])
    truth = rows.table.column(task.name)
    found = []
    for k, row in enumerate(ranking.rows.tolist()):
        sure = float(rows.shares[row].max()) if model.has_probabilities else None
        prediction = np.ravel(said[k]).tolist()
        found.append(
            {
                "row": int(rows.numbers[row]),
                "truth": _text(truth[row].as_py()),
                "said": ", ".join(map(_text, prediction)),
                "sure": sure,
                "loss": float(ranking.losses[k]),
                "norm": float(ranking.norms[k]),
                "values": [
                    _text(rows.table.column(name)[row].as_py(), most)
                    for name, most in longest.items()
                ],
            }
        )
    return {
        "rows": rows.which,
        "of_table": subject.known.of_table,
        "columns": names,
        "hardest": found,
        "target": task.name,
    }


def _text(value: Any, most: int = _LONGEST) -> str:
    return shortened_text(value_text(value), most)
