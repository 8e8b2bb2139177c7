"""The one loop: the trainer, blocks out of core and the estimators train by it.

What is trained is a `Work`, a piece at a time: a chunk of steps, or a block of a table. The loop
closes the epochs that have ended in between, and stops when it is told to.
"""

from __future__ import annotations

from typing import Protocol

from ..network import Network
from .fit_log import FitLog

__all__ = ["Work", "close_epoch", "run_epochs"]


class Work(Protocol):
    """What a loop trains, and what it is to do when.

    Attributes
    ----------
    network : Network
    log : FitLog
        Of the fit; `step` adds to its open epochs.
    next_step : int
        The number of the next step.
    """

    network: Network
    log: FitLog

    @property
    def next_step(self) -> int:
        """The number of the next step."""

    def init(self) -> bool:
        """Get ready; return whether to stop before anything is done."""

    def step(self) -> bool:
        """Train on a piece; return False if it broke off, and the fit with it."""

    def evaluate(self) -> dict[str, float]:
        """Return what the history is to say of an epoch beside its loss."""

    def stop(self) -> bool:
        """Look up between two pieces; return whether to stop."""

    def finish(self) -> None:
        """Do what is left to do after the last piece."""


def run_epochs(work: Work) -> None:
    """Train until the epochs are done, or somebody says stop."""
    log = work.log
    log.stopped = work.init()
    while len(log.history) < log.epochs and not log.stopped:
        if not work.step():
            log.broken = True
            break
        while log.has_whole_epoch:
            close_epoch(work)
        log.stopped = work.stop() or log.is_late
    work.finish()


def close_epoch(work: Work) -> None:
    """Write the row of the first open epoch, which is open until all of its row is known."""
    log = work.log
    rest = max(0, log.losses.count - log.per_epoch)  # steps of later epochs
    row = log.row(work.next_step - rest) | work.evaluate()
    log.close(row, work.network.built.vectors)
