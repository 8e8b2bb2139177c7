"""A run that is trained in chunks of steps: what `Trainer.fit` gives the loop.

Python speaks between chunks only: it fetches the learning rates of the next one, evaluates the
validation set, writes checkpoints, and lets callbacks and Ctrl-C have their say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from ..arrays import Array
from ..errors import CheckpointError
from ..ranks.together import ALONE, Ranks
from ..schedules import ReduceOnPlateau
from ..system.interrupts import HeldSignals
from .checkpoint import Checkpoint, State, check_arrays
from .chunks import Chunks
from .divergence import raise_divergence
from .fit import close_epoch, run_epochs
from .fit_log import FitLog
from .learning_rates import Rates
from .progress import Callback, ask
from .run import TrainingRun, lasting
from .validation import Validation

__all__ = ["ChunkedRun"]


_CHUNK_SECONDS = 0.05
_LOOK_SECONDS = 0.5


class ChunkedRun:
    """The work of one `Trainer.fit`.

    Parameters
    ----------
    run : TrainingRun
    rates : callable
        The learning rates (`steepest.training.learning_rates.rates_of`).
    log : FitLog
    validation : Validation, optional
    callbacks : tuple of callable
    ranks : Ranks
        Who train together: the first speaks and writes, and all hear of what ends the fit.
    time_limit : float, optional
        Seconds, by the clock of the first rank.
    """

    def __init__(
        self,
        run: TrainingRun,
        rates: Rates,
        log: FitLog,
        validation: Validation | None = None,
        callbacks: tuple[Callback, ...] = (),
        *,
        ranks: Ranks = ALONE,
        time_limit: float | None = None,
    ) -> None:
        self.run, self.network, self.log = run, run.network, log
        self.validation, self.callbacks = validation, callbacks
        self._ranks, self._time_limit = ranks, time_limit
        self._chunks = Chunks(run, rates, seconds=_CHUNK_SECONDS, first=1, ranks=ranks)
        # Whether something happens at the end of every epoch.
        self._tells = ranks.first(bool(callbacks))  # it is the first rank's that are asked
        self._watched = bool(validation or self._tells or log.stopping) or isinstance(
            run.descent.rule.lr, ReduceOnPlateau
        )
        self._monitor = "validation_loss" if validation else "loss"
        self._look_again = 0.0  # when, at numbers that only pass through a step
        self._checkpoint: Checkpoint | None = None
        self._settings: dict[str, str] = {}
        self._signals = HeldSignals()

    def keep(self, checkpoint: Checkpoint, settings: dict[str, str], state: State | None) -> None:
        """Keep checkpoints from now on; go back to a state, or write the first."""
        self._checkpoint = checkpoint
        self._settings = settings
        if state is None:
            self._save(must=True)  # what can't be written is told before hours
            return
        vectors, wanted = self.network.built.vectors, lasting(self.network, self.run.slots)
        check_arrays(state, wanted, vectors, checkpoint.folder)
        done = state.step - state.first
        if len(state.rows) * self.run.per_epoch + len(state.arrays["pending"]) != done:
            raise CheckpointError(
                f"{checkpoint.folder} is damaged: the history in it is not that of {done} steps"
            )
        self.run.restore(state.arrays | {"step": np.array(state.step)})
        self.log.losses.add(*state.arrays["pending"].T)
        self.log.go_back(state)

    def state(self) -> State:
        """Return all that is needed to go on from here."""
        arrays, losses = lasting(self.network, self.run.slots), self.log.losses
        step = self.run.step
        arrays["pending"] = np.stack([losses.losses, losses.rates], axis=1)
        return self.log.state(step - self.log.done, step, arrays, self._settings)

    def fit(self) -> None:
        """Run the loop. Ctrl-C waits until nothing is half done."""
        with self._signals, self.run.engine:
            run_epochs(self)

    # ------------------------------------------------------------------ what the loop asks for

    @property
    def next_step(self) -> int:
        """The number of the next step."""
        return self.run.step

    def init(self) -> bool:
        """Close an epoch that Ctrl-C left open."""
        while self.log.has_whole_epoch:
            close_epoch(self)
        return self.log.is_out_of_patience

    def step(self) -> bool:
        """Take a chunk of steps; go back and raise if they diverge."""
        before = self.run.mark()
        losses, rates = self._chunks.run(self._monitored, self.log.left, *self._to_stops())
        if losses.size < rates.size or not self._finite(losses):
            try:
                with self._ranks.alike():
                    raise_divergence(self.run, before, rates, losses)
            finally:  # where each rank takes steps alone, they are not of one θ now
                self._ranks.share(lasting(self.network, self.run.slots))
        self._taken = losses.size
        self.log.losses.add(losses, rates)
        return True

    def evaluate(self) -> dict[str, float]:
        """Evaluate the validation set."""
        if self.validation is None:
            return {}
        alone = self._ranks.size == 1  # else each rank looks as often as it has rows
        loss, metrics = self.validation.evaluate(self._yield_to_signals if alone else None)
        return {"validation_loss": loss, **metrics}

    def stop(self) -> bool:
        """Tell the callbacks, save a checkpoint if one is due, let Ctrl-C have its way."""
        stop = self.log.is_out_of_patience
        if self._tells:
            stop |= self._ranks.first_does(self._ask)
        if self._checkpoint and self._ranks.first(self._is_due(self._checkpoint)):
            self._save()
        self._yield_to_signals()
        return self._ranks.first(stop or self._is_late)

    def finish(self) -> None:
        """Save a checkpoint."""
        self._save()

    # ------------------------------------------------------------------ its parts

    def _to_stops(self) -> Iterator[int]:
        """Yield the steps to the next end of an epoch and to the next checkpoint, if they count."""
        per_epoch, done = self.log.per_epoch, self.log.done
        if self._watched:
            yield per_epoch - done % per_epoch
        span = self._checkpoint and self._checkpoint.span(per_epoch)
        if span:
            yield span - done % span

    def _monitored(self) -> list[float]:
        return self.log.monitored(self._monitor)

    def _finite(self, losses: Array) -> bool:
        look = self._ranks.first((now := time.perf_counter()) >= self._look_again)
        if look:
            self._look_again = now + _LOOK_SECONDS
        return bool(np.isfinite(losses[-1:]).all()) and self.run.finite(hidden=look)

    def _ask(self) -> bool:
        run = self.run if self._ranks.size == 1 else None  # a step is one of all ranks
        return ask(self.callbacks, self.log.progress(self.network, run))

    def _is_due(self, checkpoint: Checkpoint) -> bool:
        done = self.log.done
        return checkpoint.due(done - self._taken, done, self.log.per_epoch)

    @property
    def _is_late(self) -> bool:
        return self._time_limit is not None and self.log.elapsed > self._time_limit

    def _save(self, *, must: bool = False) -> None:
        if self._checkpoint is not None:
            checkpoint = self._checkpoint
            self._ranks.first_does(lambda: checkpoint.save(self.state(), must=must))

    def _yield_to_signals(self) -> None:
        """Let Ctrl-C have its way, now that nothing is half done."""
        if self._ranks.any(bool(self._signals)):
            self._save()
            with self._ranks.alike():
                self._signals.release()
