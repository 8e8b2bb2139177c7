"""How the training went: the losses and metrics of every epoch."""

from __future__ import annotations

from typing import Any

from ...inspection.sections import training_section
from ..train import first_of
from .subject import Subject

__all__ = ["section"]


def section(subject: Subject) -> dict[str, Any] | None:
    """Return the history by columns, and which epoch was kept, if there is one.

    Of several networks it is that of the first.
    """
    about = subject.model.about
    found = training_section(about.get("history", {}), about.get("best_epoch"))
    if found is None:
        return None
    rows = about.get("rows", {})
    networks = {
        "networks": first_of(subject.model.network)[1],
        "folds": about.get("recipe", {}).get("folds", 0),
    }
    chosen = {"train": rows.get("train"), "validation": rows.get("validation")}
    return {**found, **chosen, **networks}
