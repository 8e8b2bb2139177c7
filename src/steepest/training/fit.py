"""One fit while it goes on: chunks of steps, and all that happens between them.

Python speaks between chunks only: it fetches the learning rates of the next chunk, keeps the
history, evaluates the validation set, writes checkpoints, and lets callbacks and Ctrl-C have their
say.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import largest
from ..errors import CheckpointError, DivergenceError, InputError
from ..lowering.predict import Predictor
from ..metrics import GREATER_IS_BETTER, Metric
from ..schedules import ReduceOnPlateau
from ..system.interrupts import HeldSignals
from .board import CHUNK
from .checkpoint import Checkpoint, State, check_arrays
from .history import History
from .progress import Callback, Progress
from .run import TrainingRun

if TYPE_CHECKING:
    from ..trainer import Trainer

__all__ = ["FitLoop"]

Array = NDArray[Any]

_CHUNK_SECONDS = 0.05
_LARGE = 1e4  # an input to be named when training diverges
_LOOK_SECONDS = 0.5
_VALIDATED = 64 * 512  # rows validated between two looks for Ctrl-C


class FitLoop:
    """One fit while it goes on: the loop around the compiled loop."""

    def __init__(
        self,
        trainer: Trainer,
        run: TrainingRun,
        steps: int,
        rates: Callable[[Array, list[float]], Array],
        held_out: tuple[Any, Array, Array] | None,
        metrics: dict[str, Metric],
        monitor: str,
        patience: int | None,
        callbacks: tuple[Callback, ...],
        time_limit: float | None,
    ) -> None:
        self.network, self.run, self.steps, self.rates = trainer.network, run, steps, rates
        self.loss, self.plateau = trainer.loss, isinstance(trainer.rule.lr, ReduceOnPlateau)
        self.held_out, self.metrics, self.callbacks = held_out, metrics, callbacks
        self.monitor, self.patience, self.time_limit = monitor, patience, time_limit
        self.predictor = Predictor(self.network.built, 512, trainer.threads, self.loss)
        self.history = History()
        self.best: tuple[float, int, Array] | None = None
        self.before = trainer.history.rows
        # The loss and the learning rate of each step of the epochs not closed yet.
        self.pending: list[tuple[float, float]] = []
        self.done = 0
        self.look_again = 0.0  # when, at numbers that only pass through a step
        self.checkpoint: Checkpoint | None = None
        self.settings: dict[str, str] = {}
        self.signals = HeldSignals()
        self.start = time.perf_counter()
        self._check_monitor()

    def _check_monitor(self) -> None:
        known = ["loss", *(["validation_loss", *self.metrics] if self.held_out else [])]
        if self.metrics and not self.held_out:
            raise InputError("Trainer.fit: metrics need a validation set; give `validation`")
        if self.patience is not None and self.monitor not in known:
            raise InputError(
                f"Trainer.fit: can't monitor {self.monitor!r}; there are {', '.join(known)}"
                + ("" if self.held_out else "; early stopping needs `validation`")
            )

    def keep(self, checkpoint: Checkpoint, settings: dict[str, str], state: State | None) -> None:
        """Keep checkpoints from now on; go back to a state, or write the first."""
        self.checkpoint, self.settings = checkpoint, settings | {"threads": str(self.run.threads)}
        if state is None:
            checkpoint.save(self.state(), must=True)  # what can't be written is told before hours
            return
        checkpoint.compare_threads(state, self.run.threads)
        arrays, wanted = state.arrays, {"theta": self.network.theta, **self.run.slots}
        if state.best is not None:
            wanted["best"] = self.network.theta
        check_arrays(state, wanted, checkpoint.folder)
        done = state.step - state.first
        if len(state.rows) * self.run.per_epoch + len(arrays["pending"]) != done:
            raise CheckpointError(f"{checkpoint.folder}: its history is not that of {done} steps")
        self.run.restore((*(arrays[n] for n in wanted if n != "best"), np.array(state.step)))
        self.best = None if state.best is None else (*state.best, arrays["best"])
        self.pending = [(loss, rate) for loss, rate in arrays["pending"].tolist()]
        self.before[:], self.history.rows = state.before, state.rows
        self.done = done
        self.start -= state.elapsed

    def state(self) -> State:
        """Return all that is needed to go on from here."""
        theta, *slots, _ = self.run.state()
        arrays = {"theta": theta, **dict(zip(self.run.slots, slots, strict=True))}
        arrays["pending"] = np.array(self.pending, np.float64).reshape(-1, 2)
        if self.best is not None:
            arrays["best"] = self.best[2]
        return State(
            self.run.step - self.done, self.run.step, time.perf_counter() - self.start, arrays,
            self.before, self.history.rows, self.best and self.best[:2], self.settings,
        )  # fmt: skip

    def _save(self) -> None:
        if self.checkpoint is not None:
            self.checkpoint.save(self.state())

    def loop(self) -> None:
        """Run chunk after chunk until the steps are done or somebody says stop."""
        watched = bool(self.held_out or self.callbacks or self.plateau)
        per_epoch, chunk = self.run.per_epoch, 1
        with self.signals, self.run.engine:
            stop = self._close_epochs() and self._enough()  # an epoch that Ctrl-C left open
            while self.done < self.steps and not stop and not self._patience_is_out():
                size = min(chunk, CHUNK, self.steps - self.done)
                if watched:  # something happens at the end of every epoch
                    size = min(size, per_epoch - self.done % per_epoch)
                span = self.checkpoint and self.checkpoint.span(per_epoch)
                if span:
                    size = min(size, span - self.done % span)
                began = time.perf_counter()
                self._advance(size)
                took = time.perf_counter() - began
                chunk = max(1, min(4 * size, int(size * _CHUNK_SECONDS / max(took, 1e-9))))
                ended = self._close_epochs()
                stop = ended and self._enough()
                stop = self._tell(ended) or stop
                if self.time_limit is not None:
                    stop = stop or time.perf_counter() - self.start > self.time_limit
                if self.checkpoint and self.checkpoint.due(self.done - size, self.done, per_epoch):
                    self._save()
                self._yield_to_signals()
            self._save()

    def _yield_to_signals(self) -> None:
        """Let Ctrl-C have its way, now that nothing is half done."""
        if self.signals:
            self._save()
            self.signals.release()

    def _advance(self, size: int) -> None:
        """Run ``size`` steps; go back and raise if they diverge."""
        steps = np.arange(self.run.step, self.run.step + size)
        rates = self.rates(steps, self._monitored())
        before = self.run.state()
        losses = self.run.run(rates)
        if losses.size < size or not self._finite(losses):
            self._diverged(before, rates, losses)
        self.last_rate = float(rates[-1])
        self.pending.extend(zip(losses.tolist(), rates.tolist(), strict=True))
        self.done += size

    def _monitored(self) -> list[float]:
        name = "validation_loss" if self.held_out else "loss"
        return [row[name] for row in (*self.before, *self.history.rows) if name in row]

    def _finite(self, losses: Array) -> bool:
        look = (now := time.perf_counter()) >= self.look_again
        if look:
            self.look_again = now + _LOOK_SECONDS
        return bool(np.isfinite(losses[-1:]).all()) and self.run.finite(hidden=look)

    def _diverged(self, before: tuple[Array, ...], rates: Array, losses: Array) -> None:
        """Replay the chunk up to the first step that went wrong; leave the state before it.

        Steps depend on the state, the seed and their numbers only, so a replay is exact.
        """
        run = self.run
        good = losses.size - (0 if np.isfinite(losses[-1]) else 1)
        run.restore(before)
        state = before
        for k in range(good):
            run.run(rates[k : k + 1])
            if not run.finite(hidden=True):
                break
            state = run.state()
        run.restore(state)
        step = run.step
        rate = float(rates[step - int(before[-1])])
        where = run.first_nonfinite(rate)
        run.restore(state)
        value, row, column = largest(run.data[0])
        scale = f"; the largest is {value:g}, in row {row}, column {column}"
        raise DivergenceError(
            f"training diverged at step {step} (learning rate {rate:g}): not finite, first in "
            f"{where}. The network holds the last finite parameters. Try a smaller learning rate, "
            f"clip_norm, or inputs on a smaller scale{scale * (abs(value) > _LARGE)}.",
            step,
            where.split(":")[0],
        )

    def _close_epochs(self) -> bool:
        """Write the history of the epochs that have ended; return whether one has.

        An epoch is closed when all of its row is known, and open until then.
        """
        per_epoch, ended = self.run.per_epoch, False
        while len(self.pending) >= per_epoch:
            ended = True
            losses = np.array([loss for loss, _ in self.pending[:per_epoch]])
            last = self.done - len(self.pending) + per_epoch  # of the epoch's steps in this fit
            sizes = np.full(per_epoch, self.run.whole.batch, float)
            if self.run.short is not None:
                sizes[-1] = self.run.short.batch
            row = {
                "epoch": self._epoch_before() + len(self.history) + 1,
                "step": self.run.step - self.done + last,
                "loss": float(losses @ sizes / sizes.sum()),
                "lr": self.pending[per_epoch - 1][1],
                "seconds": time.perf_counter() - self.start,
            }
            if self.held_out is not None:
                row |= self._validate(*self.held_out)
            self.history.append(**row)
            del self.pending[:per_epoch]
        return ended

    def _epoch_before(self) -> int:
        return int(self.before[-1]["epoch"]) if self.before else 0

    def _validate(self, X: Any, y: Array, w: Array) -> dict[str, float]:
        outputs, losses = [], []
        for start in range(0, len(y), _VALIDATED):
            part = slice(start, start + _VALIDATED)
            z, loss = self.predictor.evaluate(X[part], y[part], w[part])
            outputs.append(z)
            losses.append(loss * len(z))
            self._yield_to_signals()
        z, loss = np.concatenate(outputs), sum(losses) / len(y)
        if not np.isfinite(loss):
            self._warn_of_overflow(z)
        prediction = self.loss.mean(z)
        found = {name: float(metric(y, prediction)) for name, metric in self.metrics.items()}
        return {"validation_loss": loss, **found}

    def _warn_of_overflow(self, z: Array) -> None:
        odd = np.flatnonzero(~np.isfinite(z).all(axis=1))
        what = f"the outputs for its row {odd[0]} are not" if len(odd) else "the outputs are"
        text = f"Trainer.fit: the validation loss is not finite; {what}; is the data out of scale?"
        warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _enough(self) -> bool:
        """Remember the best epoch; return whether patience has run out."""
        if self.patience is None:
            return False
        sign = -1.0 if self.monitor in GREATER_IS_BETTER else 1.0
        value = sign * self.history.rows[-1][self.monitor]
        if math.isnan(value):  # no epoch is worse
            value = math.inf
        if self.best is None or value < self.best[0]:
            self.best = value, len(self.history), self.network.theta.copy()
        elif value == self.best[0]:  # the last among equals is kept
            self.best = value, self.best[1], self.network.theta.copy()
        return self._patience_is_out()

    def _patience_is_out(self) -> bool:
        if self.patience is None or self.best is None:
            return False
        return len(self.history) - self.best[1] >= self.patience

    def restore_best(self) -> None:
        """Put back the parameters of the best epoch, if one was looked for."""
        if self.best is not None:
            self.network.theta[:] = self.best[2]

    def _tell(self, ended: bool) -> bool:
        """Call the callbacks; return whether one wants to stop."""
        if not self.callbacks:
            return False
        elapsed = time.perf_counter() - self.start
        per_step = elapsed / self.done
        progress = Progress(
            network=self.network,
            epoch=len(self.history),
            epochs=self.steps // self.run.per_epoch,
            step=self.done,
            steps=self.steps,
            epoch_ended=ended,
            loss=float(np.mean([loss for loss, _ in self.pending]))
            if self.pending
            else self.history.rows[-1]["loss"],
            row=self.history.rows[-1] if ended else {},
            examples_per_second=self.run.whole.batch / per_step,
            seconds_left=(self.steps - self.done) * per_step,
            lr=self.last_rate,
            run=self.run,
        )
        said = [callback(progress) for callback in self.callbacks]  # everyone is asked
        return any(answer is True for answer in said)
