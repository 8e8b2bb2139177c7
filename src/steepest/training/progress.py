"""What a training tells its callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..printing import shown
from ..validate import function, iterated

if TYPE_CHECKING:
    from ..network import Network
    from .run import TrainingRun

__all__ = ["Callback", "Progress", "ask", "checked_callbacks", "of_one"]


@dataclass
class Progress:
    """What a callback is told. One that returns True, or NumPy's, ends the training.

    Attributes
    ----------
    network : Network
        As it is now, with the θ to predict with (`steepest.rule.Rule.ema`).
    epoch, epochs : int
        Epochs completed in this fit, of how many.
    step, steps : int
        Steps completed in this fit, of how many.
    epoch_ended : bool
        Whether an epoch has just been completed; otherwise this is a look in between.
    loss : float
        The objective, averaged over the epoch so far.
    row : dict
        The epoch's row of the history, if it has ended.
    examples_per_second : float
    seconds_left : float
    lr : float
        η of the last step.
    fit, fits : int
        Which network this is of several that are trained for one model, from 0, of how many.
    run : TrainingRun, optional
        The programs and data of the fit, for callbacks that look deeper (`Watch`).
    """

    network: Network
    epoch: int
    epochs: int
    step: int
    steps: int
    epoch_ended: bool
    loss: float
    row: dict[str, float] = field(default_factory=dict)
    examples_per_second: float = 0.0
    seconds_left: float = 0.0
    lr: float = 0.0
    fit: int = 0
    fits: int = 1
    run: TrainingRun | None = None


Callback = Callable[[Progress], object]


def checked_callbacks(where: str, callbacks: Any) -> tuple[Callback, ...]:
    """Return callbacks in a tuple; raise `InputError` if one can't be called."""
    given = iterated(callbacks)
    found = (callbacks,) if given is None else tuple(given)
    for callback in found:
        if not callable(callback):
            raise InputError(
                f"{where}: callbacks must be functions of a Progress, got {shown(callback)}"
            )
        if isinstance(callback, type):
            name = callback.__name__
            raise InputError(f"{where}: callbacks has the class {name}; make one: {name}()")
        function(where, "each of callbacks", callback, "progress")
    return found


def of_one(callback: Callback, fit: int, fits: int) -> Callback:
    """Return a callback that tells another which network of several its `Progress` is of."""
    return lambda told: callback(replace(told, fit=fit, fits=fits))


def ask(callbacks: Iterable[Callback], progress: Progress) -> bool:
    """Tell all callbacks; return whether one of them ends the training."""
    said = [callback(progress) for callback in callbacks]  # everyone is told
    return any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in said)
