"""What is known of a fit while it goes on: its epochs, its best one, and its time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..arrays import Array
from .checkpoint import BEST, State
from .early_stopping import EarlyStopping
from .history import EpochLosses, History
from .progress import Progress

if TYPE_CHECKING:
    from ..network import Network
    from .run import TrainingRun

__all__ = ["AT_ONCE", "FitLog"]

AT_ONCE = 1e-9
"""A time limit, in seconds, for when no time is left."""


class FitLog:
    """The log of one fit.

    Parameters
    ----------
    epochs : int
        How many the fit has, at most.
    sizes : array-like (m,)
        How many examples each piece of an epoch sees: each step, or each block.
    stopping : EarlyStopping, optional
    time_limit : float, optional
        Seconds.
    before : list of dict, optional
        The history of earlier fits, from which epochs are counted on.

    Attributes
    ----------
    history : History
        Of this fit: the epochs that are closed.
    losses : EpochLosses
        Of those that are not.
    per_epoch : int
        Pieces of an epoch.
    stopped, broken : bool
        Whether somebody stopped the fit; whether it broke off within a piece.
    """

    def __init__(
        self,
        epochs: int,
        sizes: Any,
        *,
        stopping: EarlyStopping | None = None,
        time_limit: float | None = None,
        before: list[dict[str, float]] | None = None,
    ) -> None:
        self.epochs, self.stopping, self.time_limit = epochs, stopping, time_limit
        self.before = [] if before is None else before
        self.history, self.losses = History(), EpochLosses(sizes)
        self.per_epoch = int(self.losses.sizes.size)
        self.stopped = self.broken = False
        self._start = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the fit began, without those between a checkpoint and going on from it."""
        return time.perf_counter() - self._start

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return self.time_limit is not None and self.elapsed > self.time_limit

    @property
    def is_out_of_patience(self) -> bool:
        """Whether there has been no better epoch for too long."""
        return self.stopping is not None and self.stopping.out

    @property
    def done(self) -> int:
        """Pieces done so far."""
        return len(self.history) * self.per_epoch + self.losses.count

    @property
    def left(self) -> int:
        """Pieces left to do."""
        return self.epochs * self.per_epoch - self.done

    @property
    def has_whole_epoch(self) -> bool:
        """Whether an open epoch is over."""
        return self.losses.count >= self.per_epoch

    @property
    def is_at_epoch_end(self) -> bool:
        """Whether no epoch is open."""
        return self.losses.count == 0

    def monitored(self, name: str) -> list[float]:
        """Return a column of the history, earlier fits included."""
        return [row[name] for row in (*self.before, *self.history.rows) if name in row]

    def row(self, step: int) -> dict[str, float]:
        """Return what is known of the first open epoch, which ended before step number ``step``."""
        loss, rate = self.losses.first_epoch()
        return {
            "epoch": (int(self.before[-1]["epoch"]) if self.before else 0) + len(self.history) + 1,
            "step": step,
            "loss": loss,
            "lr": rate,
            "seconds": self.elapsed,
        }

    def close(self, row: dict[str, float], vectors: Mapping[str, Array]) -> None:
        """Close the first open epoch with this row; ``vectors`` are the network it ended with."""
        self.history.append(**row)
        self.losses.close()
        if self.stopping is not None:
            self.stopping.judge(row, len(self.history), vectors)

    def progress(self, network: Network, run: TrainingRun | None = None) -> Progress:
        """Return what callbacks are told now; if no epoch is open, one has just ended."""
        ended, per_step = self.is_at_epoch_end, max(self.elapsed, 1e-9) / max(self.done, 1)
        row = self.history.rows[-1] if self.history.rows else {}
        return Progress(
            network=network,
            epoch=len(self.history),
            epochs=self.epochs,
            step=self.done,
            steps=self.epochs * self.per_epoch,
            epoch_ended=ended,
            loss=row["loss"] if ended else self.losses.first_epoch()[0],
            row=row if ended else {},
            examples_per_second=float(self.losses.sizes.mean()) / per_step,
            seconds_left=self.left * per_step,
            lr=row.get("lr", 0.0) if ended else float(self.losses.rates[-1]),
            run=run,
        )

    def state(
        self, first: int, step: int, arrays: Mapping[str, Array], settings: dict[str, str]
    ) -> State:
        """Return all that is needed to go on from here.

        Parameters
        ----------
        first, step : int
            The first step of the fit, and the next.
        arrays : mapping of str to ndarray
            What `steepest.training.run.lasting` has, and ``pending``.
        settings : dict of str to str
        """
        best, kept = None, {}
        if self.stopping is not None and self.stopping.kept is not None:
            best = self.stopping.best
            kept = {f"{BEST}{name}": vector for name, vector in self.stopping.kept.items()}
        return State(
            first,
            step,
            self.elapsed,
            {**arrays, **kept},
            self.before,
            self.history.rows,
            best,
            settings,
        )

    def go_back(self, state: State) -> None:
        """Go back to a `state`, but for the open epoch."""
        self.before[:], self.history.rows = state.before, state.rows
        self._start -= state.elapsed
        if self.stopping is not None and state.best is not None:
            self.stopping.go_back(state.best, state.best_vectors, len(state.rows))
