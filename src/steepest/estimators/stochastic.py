"""Fitting by gradient steps: epoch after epoch until progress ends.

When to stop, and what is remembered of the way, is scikit-learn's MLP's: an epoch counts as no
progress if the loss stays above the best one less ``tol``, or, with early stopping, if the score on
held-out rows stays below the best one plus ``tol``; after more than ``n_iter_no_change`` such
epochs in a row the learning rate says what happens.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..training.fit import close_epoch, run_epochs
from ..training.fit_log import FitLog
from .callbacks import CallbackList
from .epochs import Epochs, EpochSettings
from .fitted import Fitted
from .held_out import HeldOut
from .learning_rates import STOP
from .optimizer import Optimizer
from .rows import Rows
from .shuffling import Shuffle

__all__ = ["fit_stochastic"]


def fit_stochastic(
    fitted: Fitted,
    settings: Any,
    rows: Rows,
    *,
    held_out: HeldOut | None,
    told: CallbackList,
    random_state: np.random.RandomState,
    incremental: bool,
) -> None:
    """Train ``fitted.network`` on ``rows``.

    Parameters
    ----------
    fitted : Fitted
        Is brought up to date after every epoch.
    settings : estimator
        Its parameters.
    rows : Rows
    held_out : HeldOut, optional
        Scored after every epoch.
    told : CallbackList
    random_state : RandomState
        Of the order of the rows.
    incremental : bool
        One epoch, with the optimizer where it was left.
    """
    network = fitted.network
    if not incremental or fitted.optimizer is None:
        fitted.optimizer = Optimizer.of(settings)
    shuffle = Shuffle(len(rows), random_state) if settings.shuffle else None
    epochs, stopping = _epochs(fitted, settings, rows, incremental), fitted.judge_by(settings)
    log = FitLog(
        1 if incremental else settings.max_iter,
        epochs.sizes,
        stopping=stopping,
        time_limit=settings.time_limit,
    )
    fitted.n_iter, fitted.history = 0, log.history
    epochs.begin(log.epochs)
    work = _Steps(fitted, settings.verbose, log, epochs, shuffle, held_out, told)
    try:
        with epochs.engine:
            run_epochs(work)
    except KeyboardInterrupt:
        log.stopped = True
        warnings.warn("Training was interrupted; the model is as it was then.", stacklevel=4)
    if incremental:
        return
    stopping.restore(network.built.vectors)
    complaint = _complaint(log)
    if complaint:
        warnings.warn(complaint, ConvergenceWarning, stacklevel=4)


def _complaint(log: FitLog) -> str | None:
    """Return what is to be said of a fit that did not end well."""
    if log.broken:
        if log.stopping is None or log.stopping.kept is None:
            return None  # the estimator raises an error
        return f"Training diverged in iteration {len(log.history)}; the best one's weights stay."
    if log.stopped:
        return None
    return (
        f"Stochastic Optimizer: Maximum iterations ({log.epochs}) reached and the optimization "
        "hasn't converged yet."
    )


def _epochs(fitted: Fitted, settings: Any, rows: Rows, incremental: bool) -> Epochs:
    """Return new epochs, or the last `partial_fit`'s if those were for data of the same kind."""
    optimizer = fitted.optimizer
    assert optimizer is not None
    how = EpochSettings(
        _batch(settings.batch_size, len(rows)), settings.shuffle, settings.n_threads, fitted.seed
    )
    last = fitted.epochs if incremental else None
    if last is not None and last.serve(fitted.network, optimizer, rows, how):
        return last
    epochs = Epochs(fitted.network, fitted.loss, optimizer, rows, how)
    if incremental:
        fitted.epochs = epochs
    return epochs


def _batch(asked: int | str, n: int) -> int:
    if isinstance(asked, str):
        return min(200, n)
    if asked > n:
        warnings.warn(
            f"Got `batch_size` {asked}, more than the {n} rows; all rows are one batch.",
            stacklevel=5,
        )
    return min(asked, n)


class _Steps:
    """The work of one fit: chunks of steps, never past the end of an epoch."""

    def __init__(
        self,
        fitted: Fitted,
        verbose: bool,
        log: FitLog,
        epochs: Epochs,
        shuffle: Shuffle | None,
        held_out: HeldOut | None,
        told: CallbackList,
    ) -> None:
        assert fitted.optimizer is not None
        self.network, self.log = fitted.network, log
        self._fitted, self._optimizer, self._epochs = fitted, fitted.optimizer, epochs
        self._shuffle, self._held_out, self._told = shuffle, held_out, told
        self._verbose, self._examples = verbose, int(log.losses.sizes.sum())

    @property
    def next_step(self) -> int:
        """The number of the next step."""
        return self._optimizer.step

    def init(self) -> bool:
        """Begin, even if the last fit ended without progress."""
        return False

    def step(self) -> bool:
        """Take a chunk of steps; return False if a parameter is no longer finite."""
        losses = self.log.losses
        if self.log.is_at_epoch_end:
            self._told.begin_epoch()
            if self._shuffle is not None:
                self._epochs.shuffle(self._shuffle)
        found, rates = self._epochs.take(self.log.per_epoch - losses.count, self._monitored)
        diverged = not (np.isfinite(found[-1]) or np.isfinite(self.network.theta).all())
        if diverged:
            found[-1] = np.nan  # and with it the loss of the epoch
        losses.add(found, rates)
        return not diverged

    def evaluate(self) -> dict[str, float]:
        """Score the held-out rows."""
        return {} if self._held_out is None else self._held_out.evaluate()

    def stop(self) -> bool:
        """Tell; if progress has ended, have the learning rate say what happens."""
        if not self.log.is_at_epoch_end:
            return self._told.look(self.log)
        stop = self._epoch_ended()
        return self._progress_ended() or stop

    def finish(self) -> None:
        """Close an epoch that was broken off."""
        if not self.log.is_at_epoch_end:
            close_epoch(self)
            self._epoch_ended()

    def _monitored(self) -> list[float]:
        return self.log.monitored("loss" if self._held_out is None else "validation_loss")

    def _epoch_ended(self) -> bool:
        """Write down how the epoch went, and tell; return whether to stop."""
        fitted, row = self._fitted, self.log.history.rows[-1]
        fitted.n_iter, fitted.last_loss = len(self.log.history), row["loss"]
        fitted.seen += self._examples
        fitted.loss_curve.append(row["loss"])
        if fitted.validation_scores is not None:
            fitted.validation_scores.append(row["validation_score"])
        if self._verbose:
            print(f"Iteration {fitted.n_iter}, loss = {row['loss']:.8f}")
            if "validation_score" in row:
                print(f"Validation score: {row['validation_score']:f}")
        self._optimizer.rate.epoch_ended(fitted.seen)
        return self._told.end_epoch(self.log)

    def _progress_ended(self) -> bool:
        """Return whether to stop because progress has ended."""
        stopping = self._fitted.stopping
        if stopping is None or not stopping.out:
            return False
        done = self._optimizer.rate.progress_ended()
        if self._verbose:
            what = "Validation score" if stopping.greater else "Training loss"
            print(
                f"{what} did not improve more than tol={stopping.tol:f} for "
                f"{stopping.patience} consecutive epochs. {done}"
            )
        stopping.waited = 0 if done != STOP else stopping.waited
        return done == STOP
