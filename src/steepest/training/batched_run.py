"""A fit to batches that come one by one: each is a step.

Nothing is known of a batch before it comes. Batches of one size and kind share a program; a few
programs are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..lowering.batches import form_of
from ..network import Network, prepare
from .descent import Descent
from .divergence import raise_divergence
from .fit import run_epochs
from .fit_log import FitLog
from .learning_rates import rates_of
from .progress import Callback, Progress, ask
from .run import Data, TrainingRun
from .validation import Validation

__all__ = ["BatchedRun", "Source", "check_source"]

Source = Iterable[Any] | Callable[[], Iterable[Any]]
"""Batches ``(X, y)`` or ``(X, y, weights)``, or a function that begins an epoch of them."""

_KEPT = 4  # programs: whole batches, the last one, and of a change
_LOOK_SECONDS = 0.2


def check_source(batches: Any, epochs: int | None, where: str) -> int:
    """Return over how many epochs to train; raise `InputError` if there can't be as many.

    Parameters
    ----------
    batches : object
        What stands in the place of a `Source`.
    epochs : int, optional
        As it was asked for.
    where : str
    """
    if isinstance(batches, Iterator):
        if epochs not in (None, 1):
            raise InputError(
                f"{where}: an iterator gives its batches once, so that there is one epoch, not "
                f"{epochs}; give a list of batches, or a function that returns a new iterator"
            )
        return 1
    listed = isinstance(batches, Iterable) and not hasattr(batches, "shape")
    if not (callable(batches) or listed) or isinstance(batches, str | bytes | dict):
        raise InputError(
            f"{where}: y is missing; give X and y, or an iterable of batches (X, y), got "
            f"{type(batches).__name__}"
        )
    return 10 if epochs is None else epochs


def _how_many(batches: Source) -> int | None:
    """Return how many batches an epoch has, if that is known."""
    try:
        return len(batches)  # type: ignore[arg-type]
    except TypeError:
        return None


class BatchedRun:
    """The work of one `Trainer.fit` to batches.

    Parameters
    ----------
    network : Network
    descent : Descent
        How to descend.
    batches : iterable, or callable that returns one
    lower : callable
        Returns the run for batches of the kind of the one it is given.
    log : FitLog
        Whose epochs are of one piece.
    step : int
        The number of the next step.
    validation : Validation, optional
    callbacks : tuple of callable
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        batches: Source,
        lower: Callable[[Data], TrainingRun],
        log: FitLog,
        *,
        step: int,
        validation: Validation | None = None,
        callbacks: tuple[Callback, ...] = (),
    ) -> None:
        self.network, self.log, self.validation = network, log, validation
        self._loss, self._batches, self._lower = descent.loss, batches, lower
        self._first, self._step, self._callbacks = step, step, callbacks
        many = _how_many(batches)
        self._total = None if many is None else step + many * log.epochs
        self._rates = rates_of(descent.rule.lr, self._total)
        self._runs: dict[Any, TrainingRun] = {}
        self._run: TrainingRun | None = None
        self._seen, self._looked, self._rate = 0, time.perf_counter(), 0.0

    def fit(self) -> None:
        """Run the loop."""
        run_epochs(self)

    # ------------------------------------------------------------------ what the loop asks for

    @property
    def next_step(self) -> int:
        """The number of the next step."""
        return self._step

    def init(self) -> bool:
        """Return whether to stop before anything is done."""
        return False

    def step(self) -> bool:
        """Go once through the batches; return False if somebody stops meanwhile."""
        total = rows = 0.0
        with closing(self._epoch()) as batches:
            for X, y, w in batches:
                n = X.shape[0]
                total += n * self._take(X, y, w)
                rows, self._seen = rows + n, self._seen + n
                now = time.perf_counter()
                if self.log.is_late:
                    return False
                if self._callbacks and now - self._looked > _LOOK_SECONDS:
                    self._looked = now
                    if ask(self._callbacks, self._progress(total / rows)):
                        return False
        if not rows:
            raise InputError("Trainer.fit: there are no batches")
        self.log.losses.add([total / rows], [self._rate])
        return True

    def evaluate(self) -> dict[str, float]:
        """Evaluate the validation set."""
        if self.validation is None:
            return {}
        loss, metrics = self.validation.evaluate()
        return {"validation_loss": loss, **metrics}

    def stop(self) -> bool:
        """Tell the callbacks that an epoch has ended."""
        stop = bool(self._callbacks) and ask(self._callbacks, self._progress())
        return self.log.is_out_of_patience or stop

    def finish(self) -> None:
        """Nothing is left to do."""

    # ------------------------------------------------------------------ its parts

    def _epoch(self) -> Generator[Data]:
        """Yield the batches of an epoch, checked and prepared."""
        given = self._batches() if callable(self._batches) else self._batches
        for k, batch in enumerate(given):
            where = f"Trainer.fit: batch {k}"
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise InputError(
                    f"{where}: expected (X, y) or (X, y, weights), got {type(batch).__name__}"
                )
            X, y, w = (*batch, None)[:3]
            yield prepare(self.network, self._loss, X, y, w, where)

    def _take(self, X: Any, y: Array, w: Array | None) -> float:
        """Take a step on a batch; return its loss. Go back and raise if the step diverges."""
        run = self._run = self._run_for(X, y, w)
        run.exchange(X, y, w)
        run.step = self._step
        rates = self._rates(np.array([self._step]), self._monitored)
        before = run.mark()
        with run.engine:
            losses = run.run(rates)
            if not np.isfinite(losses).all() or not run.finite(hidden=False):
                raise_divergence(run, before, rates, losses)
        self._step, self._rate = run.step, float(rates[-1])
        return float(losses[0])

    def _run_for(self, X: Any, y: Array, w: Array | None) -> TrainingRun:
        """Return the run for batches like this one."""
        kind = X.shape[0], form_of(X), y.dtype, y.shape[1:], w is None
        run = self._runs.pop(kind, None)
        if run is None:
            run = self._lower((X, y, w))
            run.stretch(self._total)
        self._runs[kind] = run  # the last one is the one that was used last
        if len(self._runs) > _KEPT:
            del self._runs[next(iter(self._runs))]
        return run

    def _monitored(self) -> list[float]:
        return self.log.monitored("validation_loss" if self.validation else "loss")

    def _progress(self, loss: float | None = None) -> Progress:
        """Return what callbacks are told: ``loss`` is that of an epoch which has not ended."""
        log, done = self.log, self._step - self._first
        row = {} if loss is not None else log.history[-1]
        steps = 0 if self._total is None else self._total - self._first
        elapsed = max(log.elapsed, 1e-9)
        return Progress(
            network=self.network,
            epoch=len(log.history),
            epochs=log.epochs,
            step=done,
            steps=steps,
            epoch_ended=loss is None,
            loss=row["loss"] if loss is None else loss,
            row=row,
            examples_per_second=self._seen / elapsed,
            seconds_left=max(0, steps - done) * elapsed / max(1, done),
            lr=self._rate,
            run=self._run,
        )
