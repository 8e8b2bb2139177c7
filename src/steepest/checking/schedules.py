"""The check of a schedule: a function of the step, and of nothing else."""

from __future__ import annotations

from dataclasses import is_dataclass

import numpy as np

from ..schedule import Schedule, for_steps
from ..settings import described
from .differences import compare
from .report import Finding, Report

__all__ = ["check_schedule"]

_STEPS = 40


def check_schedule(schedule: Schedule) -> Report:
    """Check that the rates are finite, not negative, and each a function of its own step."""
    report = Report(described(schedule) if is_dataclass(schedule) else repr(schedule))
    rates = for_steps(schedule, _STEPS)
    found = np.asarray(rates(np.arange(_STEPS)), np.float64)
    if found.shape != (_STEPS,) or not np.isfinite(found).all() or (found < 0).any():
        hint = "must return a finite rate of at least 0 for each step"
        report.findings.append(Finding("lr", "its contract", hint=hint))
        return report
    alone = np.array([np.asarray(rates(np.array([t])), np.float64)[0] for t in range(_STEPS)])
    hint = "a rate may depend on its own step only, not on the others or on earlier calls"
    report.findings.append(
        compare("lr", "one step at a time", alone, found, atol=0.0, rtol=1e-12, hint=hint)
    )
    return report
