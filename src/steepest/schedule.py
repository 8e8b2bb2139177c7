"""The contract of a schedule: η_t as a function of the step t = 0, 1, 2, … of a fit.

Any function from an array of steps to an array of learning rates will do. Those of
`steepest.schedules` are frozen dataclasses without state, so a run that is resumed at step t goes
on as it would have, and so that they can be saved. A class of a user's own that derives from
`Schedule` and is a frozen dataclass can be named and saved too.
"""

from __future__ import annotations

import math
from dataclasses import is_dataclass, replace
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from .arrays import Array
from .errors import InputError
from .printing import shown

__all__ = ["Schedule", "for_steps", "values_of"]


@runtime_checkable
class Schedule(Protocol):
    """A function from steps, counted from 0, to learning rates."""

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""


def for_steps(schedule: Schedule, total: int) -> Schedule:
    """Return a schedule as it is for a fit of ``total`` steps.

    It may have a method ``for_steps(total)`` that says so. Without one, its field ``total`` is
    filled in, if there is one and it is None.
    """
    found: Any = schedule
    if hasattr(found, "for_steps"):
        found = found.for_steps(total)
    elif is_dataclass(found) and getattr(found, "total", total) is None:
        found = replace(cast(Any, found), total=total)
    return cast(Schedule, found)


def values_of(schedule: Schedule, steps: Array, below: float = math.inf) -> Array:
    """Return a schedule's values; raise `InputError` unless each is at least 0 and ``below``."""
    given = np.asarray(schedule(steps))
    if given.shape == steps.shape and given.dtype.kind in "biuf":
        found = given.astype(np.float64)
        if ((found >= 0) & (found < below)).all():
            return found
    bound = f" and below {below:g}" * (below < math.inf)
    hint = "" if given.ndim else "; for one that never changes, give the number itself"
    raise InputError(
        f"the schedule {getattr(schedule, '__name__', schedule)} must return an array of "
        f"{steps.size} finite numbers of at least 0{bound}, one for each step, got "
        f"{shown(given.tolist())}{hint}"
    )
