"""What a model folder leaves out for those who want it to tell little of its training rows."""

from __future__ import annotations

from dataclasses import replace

from .record import Parts

__all__ = ["withheld"]

_TOLD = ("metrics", "trivial", "rows", "versions")


def withheld(parts: Parts) -> Parts:
    """Return a model without what predicting does not need, except the scores.

    That is: the names of columns that are not used, and why; why the task was taken for what it is;
    the command, the history, the settings and what the trivial predictor says; and the scores of
    single rows, by which sets of classes are predicted.
    """
    return parts._replace(
        encoder=parts.encoder.withheld(),
        task=replace(parts.task, reason="not told"),
        calibration=replace(parts.calibration, rows=0, scores=()),
        about={key: parts.about[key] for key in _TOLD if key in parts.about},
    )
