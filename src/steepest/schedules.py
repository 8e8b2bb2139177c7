"""Learning-rate schedules: η_t as a function of the step t = 0, 1, 2, … of a fit.

A schedule is any function from an array of steps to an array of learning rates. Those here are
frozen dataclasses without state, so a run that is resumed at step t goes on as it would have. Where
``total`` is None, the trainer fills in the number of steps of the fit by `for_steps`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .validate import number

__all__ = [
    "Constant",
    "CosLog4",
    "Cosine",
    "Exponential",
    "FlatCosine",
    "InverseScaling",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "for_steps",
]

Array = NDArray[Any]


@runtime_checkable
class Schedule(Protocol):
    """A function from steps, counted from 0, to learning rates."""

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""


def for_steps(schedule: Schedule, total: int) -> Schedule:
    """Return ``schedule`` with its ``total``, where it has one that is None, filled in."""
    fill: Any = getattr(schedule, "for_steps", None)
    return schedule if fill is None else fill(total)


@dataclass(frozen=True)
class _Schedule(ABC):
    """What all schedules share: η, its check, and the number of steps."""

    lr: float

    def __post_init__(self) -> None:
        self._check("lr", above=0)
        if getattr(self, "total", None) is not None:
            self._check("total", least=1, whole=True)

    @abstractmethod
    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""

    def for_steps(self, total: int) -> Any:
        """Return this schedule for a fit of ``total`` steps, unless it says how many itself."""
        if any(f.name == "total" for f in fields(self)) and getattr(self, "total", None) is None:
            return replace(self, **{"total": total})
        return self

    def _progress(self, steps: Array, start: float = 0.0) -> Array:
        """Return the part of the steps from ``start`` to ``total`` that is over, 0 to 1."""
        total = getattr(self, "total", None)
        if total is None:
            raise InputError(f"{type(self).__name__}: total, the number of steps, is not known yet")
        done = (np.asarray(steps, np.float64) - start) / max(total - start, 1)
        progress: Array = np.clip(done, 0.0, 1.0)
        return progress

    def _check(self, what: str, **bounds: Any) -> None:
        number(type(self).__name__, what, getattr(self, what), **bounds)


@dataclass(frozen=True)
class Constant(_Schedule):
    """η_t = lr."""

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return np.full(np.shape(steps), float(self.lr))


@dataclass(frozen=True)
class InverseScaling(_Schedule):
    """η_t = lr / (t + 1)^power.

    With ½ < power ≤ 1 the conditions of Robbins & Monro (1951) hold: Σ η_t = ∞, Σ η_t² < ∞.
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("power", least=0)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return self.lr / (np.asarray(steps, np.float64) + 1) ** self.power


@dataclass(frozen=True)
class Step(_Schedule):
    """η_t = lr · factor^⌊t / every⌋."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("every", least=1, whole=True)
        self._check("factor", above=0)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return self.lr * self.factor ** np.floor(np.asarray(steps, np.float64) / self.every)


@dataclass(frozen=True)
class Exponential(_Schedule):
    """η_t = lr · rate^t."""

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rate", above=0)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return self.lr * self.rate ** np.asarray(steps, np.float64)


@dataclass(frozen=True)
class Cosine(_Schedule):
    """From lr down to ``floor`` along half a cosine, after a linear rise over ``warmup`` steps.

    Source: Loshchilov & Hutter, "SGDR", ICLR 2017, arXiv:1608.03983, equation 5.
    """

    total: int | None = None
    warmup: int = 0
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("warmup", least=0, whole=True)
        self._check("floor", least=0, most=self.lr)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        t = np.asarray(steps, np.float64)
        wave = 0.5 * (1 + np.cos(np.pi * self._progress(t, self.warmup)))
        rise = self.lr * (t + 1) / max(self.warmup, 1)
        return np.where(t < self.warmup, rise, self.floor + (self.lr - self.floor) * wave)


@dataclass(frozen=True)
class OneCycle(_Schedule):
    """Half a cosine up from lr/start to lr, then one down to lr/start/end.

    ``warmup`` is the part of the steps that goes up. Source: Smith & Topin, "Super-convergence",
    2018, arXiv:1708.07120, with cosines for the straight lines.
    """

    total: int | None = None
    warmup: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("warmup", least=0, most=1)
        self._check("start", least=1)
        self._check("end", least=1)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        done = self._progress(steps)
        low, last = self.lr / self.start, self.lr / self.start / self.end
        up = 0.5 * (1 - np.cos(np.pi * np.clip(done / max(self.warmup, 1e-12), 0, 1)))
        down = (done - self.warmup) / max(1 - self.warmup, 1e-12)
        down = 0.5 * (1 + np.cos(np.pi * np.clip(down, 0, 1)))
        rise, fall = low + (self.lr - low) * up, last + (self.lr - last) * down
        return np.where(done < self.warmup, rise, fall)


@dataclass(frozen=True)
class CosLog4(_Schedule):
    """η_t = lr · ½ (1 − cos(2π log₂(1 + 15 t/total))): four waves, each twice as long.

    Source: Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024,
    arXiv:2407.04491, section 3.
    """

    total: int | None = None

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        waves = np.log2(1 + 15 * self._progress(steps))
        rates: Array = self.lr * 0.5 * (1 - np.cos(2 * np.pi * waves))
        return rates


@dataclass(frozen=True)
class FlatCosine(_Schedule):
    """η_t = lr for the part ``flat`` of the steps, then half a cosine down to 0.

    Good for other numbers too: ``Dropout(FlatCosine(0.15))``.
    """

    total: int | None = None
    flat: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("flat", least=0, most=1)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        fall = (self._progress(steps) - self.flat) / max(1 - self.flat, 1e-12)
        return self.lr * 0.5 * (1 + np.cos(np.pi * np.clip(fall, 0, 1)))


@dataclass(frozen=True)
class ReduceOnPlateau(_Schedule):
    """lr times ``factor`` for every ``patience`` epochs in which the monitored value didn't fall.

    As a function of the step it is constant; at the end of an epoch the trainer asks `scale` for
    the factor that applies from then on.

    Parameters
    ----------
    lr : float
    factor : float
        Between 0 and 1.
    patience : int
        Epochs without improvement before a reduction.
    threshold : float
        By how much a value must fall below the best one to count as an improvement.
    floor : float
        The learning rate never goes below this.
    """

    factor: float = 0.5
    patience: int = 5
    threshold: float = 1e-4
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("factor", above=0, most=1)
        self._check("patience", least=1, whole=True)
        self._check("threshold", least=0)
        self._check("floor", least=0, most=self.lr)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return np.full(np.shape(steps), float(self.lr))

    def scale(self, history: Sequence[float]) -> float:
        """Return the factor of lr after epochs with the monitored values ``history``."""
        best, waited, factor = math.inf, 0, 1.0
        for value in history:
            if value < best - self.threshold:
                best, waited = value, 0
            else:
                waited += 1
            if waited >= self.patience:
                factor, waited = factor * self.factor, 0
        return max(factor, self.floor / self.lr)


def values_of(schedule: Schedule, steps: NDArray[Any], below: float = math.inf) -> NDArray[Any]:
    """Return a schedule's values; raise `InputError` unless each is at least 0 and ``below``."""
    found = np.asarray(schedule(steps), np.float64)
    if found.shape != steps.shape or not ((found >= 0) & (found < below)).all():
        bound = f" and below {below:g}" * (below < math.inf)
        raise InputError(
            f"{schedule!r}: a schedule must return one finite rate of at least 0{bound} for each "
            f"of {steps.size} steps, got {found!r}"
        )
    return found
