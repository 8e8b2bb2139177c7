"""The contract of an update rule.

A rule turns the gradient of the batch, and what it remembers, into a step of the parameters. Its
kernel is a plain static function ``step`` that asks by name for

============  =====================================================================
``theta``     (m,) parameters, updated in place
``g``         (m,) the gradient; the rule leaves zeros, ready for the next step
``eta``       the learning rate of this step, η_t times the factor of the parameters
``t``         the number of this step, from 1
``entries``   this thread's share of range(m)
============  =====================================================================

for its slots (arrays like ``theta``, zero at first) and for its own fields by their names.

Clipping comes first, then the penalties l1 and l2, which belong to the objective
(1/n) Σ ℓ + l1 ‖θ‖₁ + l2/2 ‖θ‖² and to the loss that is reported, then decoupled weight decay
θ ← θ − η·decay·θ (Loshchilov & Hutter 2019, arXiv:1711.05101), then the step. Penalties and decay
apply to the parameters that declare it: the matrices of dense layers, and no biases.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar

from .arrays import Array
from .contract import required
from .errors import InputError
from .schedules import Schedule
from .settings import Shown
from .validate import flag, number, number_or_function

__all__ = ["Array", "IfPresent", "Rule"]


_SHOWN = 12  # names of parameters in an error


class IfPresent(dict[str, float]):
    """Factors of a rule that is made before its network: a pattern need not fit anything."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Rule(Shown):
    """One update rule. A subclass is a frozen dataclass whose fields are its settings.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule (`steepest.schedules`): a function from an array of steps, counted from 0,
        to the learning rates.
    l1, l2 : float
        Strength of the penalties in the objective.
    weight_decay : float or callable
        Strength of decoupled weight decay, or a schedule of it.
    clip_norm : float, optional
        Scale the gradient down to this Euclidean norm if it is longer
        (Pascanu et al. 2013, arXiv:1211.5063).
    clip_value : float, optional
        Clip each entry of the gradient to ± this.
    factors : mapping of str to float
        Factors of the learning rate by the names of parameters; patterns as of a shell, like
        ``{"*.b": 0.1}``. The first that fits counts. A pattern that fits no parameter of the
        network is an error when training begins.
    penalty_over_batch : bool
        Divide the penalties of a step by the rows of its batch, as scikit-learn's MLP does.
    """

    called: ClassVar[tuple[str, ...]] = ()
    """Names beside the class's own in small letters; the first one is shown."""
    adaptive: ClassVar[bool] = False
    """Whether a step is of the size of the learning rate, however long the gradient is."""
    step: ClassVar[Callable[..., None]] = required(
        "steps along g and leaves zeros in it", "theta, g, eta, entries"
    )

    lr: float | Schedule = field(default=0.001, kw_only=False)
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float | Schedule = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    penalty_over_batch: bool = False

    def __post_init__(self) -> None:
        name = type(self).__name__
        number_or_function(name, "lr", self.lr, above=0)
        for what in ("l1", "l2"):
            number(name, what, getattr(self, what), least=0)
        number_or_function(name, "weight_decay", self.weight_decay, least=0)
        for what in ("clip_norm", "clip_value"):
            if getattr(self, what) is not None:
                number(name, what, getattr(self, what), above=0)
        flag(name, "penalty_over_batch", self.penalty_over_batch)
        if not isinstance(self.factors, Mapping):
            raise InputError(
                f"{name}: factors must be numbers by the names of parameters, like "
                f"{{'*.b': 0.1}}, got {self.factors!r}"
            )
        for pattern, factor in self.factors.items():
            number(name, f"factor of {pattern!r}", factor, least=0)

    def factor_of(self, name: str) -> float:
        """Return the factor of the learning rate of a parameter."""
        return next((f for key, f in self.factors.items() if fnmatch.fnmatch(name, key)), 1.0)

    def check_factors(self, where: str, names: Collection[str]) -> None:
        """Raise an `InputError` if a pattern of ``factors`` fits none of the parameters' names."""
        if isinstance(self.factors, IfPresent):
            return
        for pattern in self.factors:
            if not any(fnmatch.fnmatch(name, pattern) for name in names):
                shown, more = list(names)[:_SHOWN], len(names) - _SHOWN
                raise InputError(
                    f"{where}: factors of {type(self).__name__}: no parameter is called "
                    f"{pattern!r}; there are {', '.join(shown) or 'none'}"
                    + (f" and {more} more" if more > 0 else "")
                )

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of what the rule remembers: arrays like ``theta``, zero at first."""
        return ()

    @property
    def kernel(self) -> Callable[..., None]:
        """The kernel of a step; a rule with several forms chooses among them."""
        return type(self).step

    @property
    def fuses(self) -> bool:
        """Whether the step is θ ← θ − η ∇ℓ and nothing else, so that no gradient is stored."""
        return False

    def settings(self) -> dict[str, float]:
        """Return the rule's own numbers, by name: what its ``step`` may ask for.

        It gets them in the network's dtype; so what float32 could not compute from them exactly,
        like 1 − beta, is one more of them.
        """
        common = {f.name for f in fields(Rule)}
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in common}
        return {name: float(value) for name, value in own.items()}

    @property
    def plain(self) -> bool:
        """Whether no penalty, decay, clipping or factor is asked for."""
        wanted = (self.l1, self.l2, self.weight_decay, self.clip_norm, self.clip_value)
        return not any(wanted) and not self.factors
