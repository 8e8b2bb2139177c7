"""The contract of an update rule.

A rule turns the gradient of the batch, and what it remembers, into a step of the parameters. Its
kernel is a plain static function ``step`` that asks by name for

================  =====================================================================
``theta``         (m,) parameters, updated in place
``g``             (m,) the gradient; the rule leaves zeros, ready for the next step
``eta``           the learning rate of this step, η_t times the factor of the parameters
``t``             the number of this step, from 1
``entries``       this thread's share of range(m)
``weight_decay``  its strength, 0 for parameters that don't decay, if `Rule.decays_itself`;
                  otherwise θ decays before the step, and no kernel gets it
================  =====================================================================

for its slots (arrays like ``theta``, zero at first) and for its own fields by their names.

Clipping comes first, then the penalties l1 and l2, which belong to the objective
(1/n) Σ ℓ + l1 ‖θ‖₁ + l2/2 ‖θ‖² and to the loss that is reported, then decoupled weight decay
θ ← θ − η·decay·θ (Loshchilov & Hutter 2019, arXiv:1711.05101), then the step, then the average
that ``ema`` asks for. Penalties and decay apply to the parameters that declare it, which are the
matrices of dense layers and no biases; with ``decay_all`` to all.

Most rules need no more. There are three things that a rule may ask for beside:

- **Memory of other shapes.** `Rule.memory` says of each slot its shape and what it begins with
  (`Slot`). ``begin``, a kernel that one thread runs before the parameters are updated, is the place
  to bring numbers for the whole network up to date.
- **Parameters with their shapes.** A rule whose `Rule.takes_block` says so gets such a parameter
  apart from its neighbours, and lists instructions of its own for it in `Rule.lower_block`, where
  ``theta``, ``g`` and the slots like θ have the shape in which the parameter is stored.
- **Another θ to predict with.** `Rule.predicts` names the slot that holds it. While steps run, the
  network holds the θ to train; whenever Python looks (validation, callbacks, the best epoch, the
  end of a fit), it holds the θ to predict with. A further step goes on from the θ to train; but if
  somebody has put another θ into the network meanwhile, from that one.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from .arrays import Array
from .contract import required
from .emitter import Emitter
from .errors import InputError, MissingKernelError
from .layer import Parameter
from .printing import shown
from .schedules import Schedule
from .settings import OFF, Shown
from .validate import flag, number, number_or_function

__all__ = ["Array", "IfPresent", "Rule", "Slot"]


_SHOWN = 12  # names of parameters in an error


class IfPresent(dict[str, float]):
    """Factors of a rule that is made before its network: a pattern need not fit anything."""


@dataclass(frozen=True)
class Slot:
    """What a rule says of an array that it remembers; by default it is like θ, and begins at 0.

    Attributes
    ----------
    shape : tuple of int or callable, optional
        None for an array like θ. A shape for an array of the whole network. A function from the
        shape in which a parameter is stored for an array of each parameter that is a block.
    begins : float
        What all entries are at first.
    is_theta : bool
        Whether it is a θ too: it begins where θ is.
    restarts : bool
        Whether it begins again where somebody puts another θ between two steps, as each that is a
        θ does. Of rules with another θ to predict with.
    """

    shape: tuple[int, ...] | Callable[[tuple[int, ...]], tuple[int, ...]] | None = None
    begins: float = 0.0
    is_theta: bool = False
    restarts: bool = False


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
    decay_all : bool
        Apply penalties and weight decay to all parameters, biases too, as PyTorch does.
    ema : float or callable, optional
        Predict with the exponential moving average θ̄ ← ema θ̄ + (1 − ema) θ of the parameters, or a
        schedule of it, like ``lambda t: np.minimum(0.999, (1 + t) / (10 + t))``. θ̄ begins at θ
        after the first step, as PyTorch's ``AveragedModel`` and Keras's ``use_ema`` have it.
    """

    called: ClassVar[tuple[str, ...]] = ()
    """Names beside the class's own in small letters; the first one is shown."""
    adaptive: ClassVar[bool] = False
    """Whether a step is of the size of the learning rate, however long the gradient is."""
    begin: ClassVar[Callable[..., None] | None] = None
    """A kernel that one thread runs once a step, before ``step``: for arrays of the network."""
    decays_itself: ClassVar[bool] = False
    """Whether the rule's kernels do what decoupled weight decay asks for."""
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
    decay_all: bool = field(default=False, metadata=OFF)
    ema: float | Schedule | None = field(default=None, metadata=OFF)

    def __post_init__(self) -> None:
        name = type(self).__name__
        number_or_function(name, "lr", self.lr, above=0)
        for what in ("l1", "l2"):
            number(name, what, getattr(self, what), least=0)
        number_or_function(name, "weight_decay", self.weight_decay, least=0)
        for what in ("clip_norm", "clip_value"):
            if getattr(self, what) is not None:
                number(name, what, getattr(self, what), above=0)
        for what in ("penalty_over_batch", "decay_all"):
            flag(name, what, getattr(self, what))
        if self.ema is not None:
            number_or_function(name, "ema", self.ema, least=0, below=1)
        named = isinstance(self.factors, Mapping)
        if not named or not all(isinstance(pattern, str) for pattern in self.factors):
            raise InputError(
                f"{name}: factors must be numbers in a mapping by name, like "
                f"{{'*.b': 0.1}}, got {shown(self.factors)}"
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
    def memory(self) -> Mapping[str, Slot]:
        """All that the rule remembers, by name; by default its `slots`."""
        names: Any = self.slots
        known = isinstance(names, tuple | list)
        if not known or not all(isinstance(n, str) and n.isidentifier() for n in names):
            raise InputError(
                f"{type(self).__name__}: slots must be names in a tuple, like ('m', 'v'), got "
                f"{shown(names)}"
            )
        return {name: Slot() for name in names}

    @property
    def predicts(self) -> str | None:
        """The slot that holds the θ to predict with; None if that is the θ that is trained."""
        return None

    @property
    def kernel(self) -> Callable[..., None]:
        """The kernel of a step; a rule with several forms chooses among them."""
        return type(self).step

    @property
    def fuses(self) -> bool:
        """Whether the step is θ ← θ − η ∇ℓ and nothing else, so that no gradient is stored."""
        return False

    @property
    def rests(self) -> bool:
        """Whether a step with g = 0 changes neither θ nor what is remembered, to the last bit.

        Then rows of a large table that no example touches are left out (`steepest.declarations`).
        """
        return False

    def takes_block(self, name: str, parameter: Parameter) -> bool:
        """Return whether a parameter is to be updated apart from its neighbours, with its shape."""
        return False

    def lower(self, low: Emitter, names: Mapping[str, Any], size: int) -> None:
        """List the step of ``size`` neighbouring parameters; ``names`` are what kernels may use."""
        low.emit(self.kernel, names, flops=10 * size)

    def lower_block(self, low: Emitter, names: Mapping[str, Any], parameter: Parameter) -> None:
        """List the step of a parameter that `takes_block`.

        ``names`` are those of `lower`, in the shape in which the parameter is stored; ``entries``
        is not among them.
        """
        raise MissingKernelError(
            f"{type(self).__name__} has no lower_block(low, names, parameter), which lists the "
            "steps of the parameters that it takes as blocks; steepest/rules/muon.py shows how"
        )

    def settings(self) -> dict[str, float]:
        """Return the rule's own numbers, by name: what its ``step`` may ask for.

        It gets them in the network's dtype; so what float32 could not compute from them exactly,
        like 1 − beta, is one more of them.
        """
        common = {f.name for f in fields(Rule)}
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in common}
        return {name: float(v) for name, v in own.items() if isinstance(v, int | float | np.number)}

    @property
    def plain(self) -> bool:
        """Whether no penalty, decay, clipping, factor or average is asked for."""
        wanted = (self.l1, self.l2, self.weight_decay, self.clip_norm, self.clip_value)
        return not any(wanted) and not self.factors and self.ema is None
