"""The trainer: owns the loop around the compiled loop.

Python speaks between chunks of steps only: it fetches the learning rates of the next chunk, keeps
the history, evaluates the validation set, and lets callbacks have their say.
"""

from __future__ import annotations

import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Checkpoint, State, fingerprint
from .data import as_inputs, as_weights, largest
from .errors import CheckpointError, DivergenceError, InputError
from .history import History
from .interrupts import HeldSignals
from .layer import positive_count
from .loss import Loss
from .metrics import GREATER_IS_BETTER, Metric, metrics_named
from .network import Network
from .objective import prepare
from .prediction import Predictor
from .program import Program, aligned
from .rule import Rule
from .rules.sgd import SGD
from .sampling import FullBatch, Sampler, sampler_named
from .schedules import ReduceOnPlateau, for_steps
from .signals import values_of
from .training import CHUNK, TrainingRun

__all__ = ["Progress", "Trainer"]

Array = NDArray[Any]

_CHUNK_SECONDS = 0.05
_LARGE = 1e4  # an input to be named when training diverges
_LOOK_SECONDS = 0.5
_VALIDATED = 64 * 512  # rows validated between two looks for Ctrl-C


@dataclass
class Progress:
    """What a callback is told. Returning True from a callback ends the training.

    Attributes
    ----------
    network : Network
        As it is now.
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
    run: TrainingRun | None = None


Callback = Callable[[Progress], object]


class Trainer:
    """Minimises a loss over a network's parameters by gradient steps.

    Parameters
    ----------
    network : Network
    loss : Loss
    rule : Rule, optional
        The update rule; by default plain SGD.
    batch : int
        Examples a step.
    sampling : {"shuffled", "sequential", "uniform", "full"} or Sampler
        Which examples a step sees: all once an epoch in random order; in their order; drawn
        uniformly at random with replacement; all of them.
    seed : int
        Of the order of examples and of dropout.
    threads : int, optional
        By default one, or more where a step is large enough to share. Results are the same from
        run to run for the same number of threads.

    Attributes
    ----------
    history : History
        Of all fits of this trainer.
    step : int
        Steps taken so far. A further `fit` goes on from there, momentum included.
    slots : dict of str to ndarray
        What the update rule remembers, each like θ.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import Dense, Network, ReLU, SGD, Squared, Trainer
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> network = Network(Dense(16), ReLU(), Dense(1))
    >>> trainer = Trainer(network, Squared(), SGD(lr=0.1), batch=20)
    >>> history = trainer.fit(x, np.abs(x), epochs=60)
    >>> bool(history["loss"][-1] < 0.01)
    True
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        rule: Rule | None = None,
        *,
        batch: int = 32,
        sampling: str | Sampler = "shuffled",
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        positive_count("Trainer", "batch", batch)
        if threads is not None:
            positive_count("Trainer", "threads", threads)
        self.network, self.loss = network, loss
        self.rule = SGD() if rule is None else rule
        self.batch, self.sampler = int(batch), sampler_named(sampling)
        self.seed, self.threads = int(seed), threads
        self.history = History()
        self.step = 0
        self.slots: dict[str, Array] = {}

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        weights: Any = None,
        epochs: int = 10,
        validation: float | tuple[Any, ...] | None = None,
        metrics: Iterable[str | Metric] | Mapping[str, Metric] = (),
        monitor: str = "validation_loss",
        patience: int | None = None,
        callbacks: Iterable[Callback] = (),
        time_limit: float | None = None,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        resume: bool = False,
    ) -> History:
        """Train, or train on.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p)
        y : array-like, (n,) or (n, k)
        weights : array-like, (n,), optional
            Of the examples.
        epochs : int
            How many times n examples are seen.
        validation : float or tuple, optional
            A fraction of the rows, drawn with the trainer's seed, or ``(X, y)`` or
            ``(X, y, weights)``.
        metrics : iterable of str or callable, or mapping
            Evaluated on the validation set after every epoch (`steepest.metrics`).
        monitor : str
            The column of the history that tells which epoch is best.
        patience : int, optional
            Stop after this many epochs without a better one. Whenever there is a validation set
            and ``patience`` is given, the best epoch's parameters are put back at the end: the
            last one's among equals.
        callbacks : iterable of callable
            Called with a `Progress` a few times a second and after every epoch; one that returns
            True ends the training.
        time_limit : float, optional
            Seconds after which training stops.
        checkpoint : str, path-like or Checkpoint, optional
            The folder in which the state of the training is kept.
        resume : bool
            Go on from the last checkpoint, if there is one: the same call with the same data and
            settings then ends with the same bits as one that was never stopped. ``epochs``,
            ``patience``, callbacks and ``time_limit`` may differ.

        Returns
        -------
        History
            Of this fit. ``trainer.history`` has that of all fits.

        Raises
        ------
        InputError
            If the data don't fit the network, the loss or one another. Nothing is changed then.
        DivergenceError
            If the loss or a parameter stops being finite. The network then holds the last finite
            parameters.
        CheckpointError
            If a checkpoint can't be read, or can't be written and that is to stop the training.
        KeyboardInterrupt
            After Ctrl-C, when the chunk of steps has ended and a checkpoint is written. The best
            epoch's parameters are put back then too.
        """
        where = "Trainer.fit"
        positive_count(where, "epochs", epochs)
        if patience is not None:
            positive_count(where, "patience", patience)
        named = metrics_named(metrics)
        X, y, w = prepare(self.network, self.loss, X, y, weights, where)
        X, y, w, held_out = self._hold_out(X, y, w, validation)
        n = X.shape[0]
        kept = checkpoint if isinstance(checkpoint, Checkpoint | None) else Checkpoint(checkpoint)
        if resume and kept is None:
            raise InputError(f"{where}: give the folder of the checkpoints to resume from")
        state = None
        if kept is not None:
            data = {"data": fingerprint(X, y, w), "validation data": fingerprint(*held_out or ())}
            settings = self.settings() | {"monitor": monitor, "metrics": ", ".join(named)} | data
            state = kept.begin(settings, resume)
        for name in self.rule.slots:
            if name not in self.slots:
                self.slots[name] = aligned(self.network.theta.size, self.network.dtype)
        first = self.step if state is None else state.first
        run = TrainingRun(
            self.network, self.loss, self.rule, self.sampler, X, y, w,
            batch=n if isinstance(self.sampler, FullBatch) else min(self.batch, n),
            threads=self.threads, seed=self.seed, slots=self.slots, first=first,
            step=self.step if state is None else state.step,
        )  # fmt: skip
        steps = epochs * run.per_epoch
        run.signals.total = first + steps
        fit = _Fit(
            self, run, steps, _rates(self.rule, first + steps), held_out, named,
            monitor, patience, tuple(callbacks), time_limit,
        )  # fmt: skip
        if kept is not None:
            fit.keep(kept, settings, state)
        try:
            fit.loop()
        finally:
            self.step = run.step
            self.history.rows.extend(fit.history.rows)
            fit.put_back_best()
        return fit.history

    def settings(self) -> dict[str, str]:
        """Return what must be the same for a training to be the same."""
        settings = {"network": self.network, "loss": self.loss, "rule": self.rule,
                    "sampling": self.sampler, "batch": self.batch, "seed": self.seed}  # fmt: skip
        # A function is known by its name; its address is another in every process.
        return {name: re.sub(r" at 0x\w+", "", repr(value)) for name, value in settings.items()}

    def program(self, X: Any, y: Any) -> Program:
        """Return the program of one step on data like these; print it to read it."""
        X = as_inputs(X, self.network.dtype, "Trainer.program")
        self.network.build(X.shape[1])
        y = self.loss.targets(np.asarray(y), self.network.outputs, self.network.dtype)
        size = self.network.theta.size
        slots = {name: aligned(size, self.network.dtype) for name in self.rule.slots}
        run = TrainingRun(
            self.network, self.loss, self.rule, self.sampler, X, y, None,
            batch=min(self.batch, X.shape[0]), threads=self.threads, seed=self.seed,
            slots=slots, step=0,
        )  # fmt: skip
        return run.whole

    def _hold_out(self, X: Any, y: Array, w: Array | None, validation: Any) -> tuple[Any, ...]:
        """Return the training data, and the validation data or None."""
        where, dtype = "Trainer.fit: validation", self.network.dtype
        if validation is None:
            return X, y, w, None
        if isinstance(validation, tuple):
            if len(validation) not in (2, 3):
                raise InputError(f"{where}: expected (X, y) or (X, y, weights)")
            Xv = as_inputs(validation[0], dtype, where)
            self.network.build(Xv.shape[1])
            self.network.layer.check_inputs(Xv)
            yv = self.loss.targets(np.asarray(validation[1]), self.network.outputs, dtype)
            if len(yv) != Xv.shape[0] or len(yv) == 0:
                raise InputError(f"{where}: {Xv.shape[0]} rows of X, but {len(yv)} of y")
            wv = as_weights((*validation, None)[2], len(yv), dtype, where)
            return X, y, w, (Xv, yv, wv)
        n = X.shape[0]
        number = isinstance(validation, float) and 0 < validation < 1
        held = round(n * validation) if number else 0
        if not number or held == 0 or held == n:
            raise InputError(
                f"{where}: expected a fraction that leaves rows on both sides of the split of {n}, "
                f"or a tuple (X, y), got {validation!r}"
            )
        order = np.random.default_rng(self.seed).permutation(n)
        out, kept = np.sort(order[:held]), np.sort(order[held:])
        wv = np.ones(held, dtype) if w is None else w[out]
        if w is not None and not (wv.any() and w[kept].any()):
            raise InputError(f"{where}: all weights on one side of the split are 0; give a tuple")
        return X[kept], y[kept], None if w is None else w[kept], (X[out], y[out], wv)


class _Fit:
    """One fit while it goes on."""

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
        self.predictor = Predictor(self.network, 512, trainer.threads, self.loss)
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
        self.checkpoint, self.settings = checkpoint, settings
        if state is None:
            checkpoint.save(self.state(), must=True)  # what can't be written is told before hours
            return
        arrays, wanted = state.arrays, {"theta": self.network.theta, **self.run.slots}
        if state.best is not None:
            wanted["best"] = self.network.theta
        for name, like in wanted.items():
            found = arrays.get(name)
            if found is None or (found.shape, found.dtype) != (like.shape, like.dtype):
                raise CheckpointError(f"{checkpoint.folder}: {name} does not fit this training")
        self.run.restore((*(arrays[n] for n in wanted if n != "best"), np.array(state.step)))
        self.best = None if state.best is None else (*state.best, arrays["best"])
        self.pending = [(loss, rate) for loss, rate in arrays["pending"].tolist()]
        self.before[:], self.history.rows = state.before, state.rows
        self.done = state.step - state.first
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
                run.restore(state)
                break
            state = run.state()
        run.restore(state)
        step = run.step
        rate = float(rates[step - int(before[-1])])
        where = run.culprit(rate)
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

    def put_back_best(self) -> None:
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


def _rates(rule: Rule, total: int) -> Callable[[Array, list[float]], Array]:
    """Return the learning rates as a function of steps, and of the values monitored so far."""
    schedule = rule.lr
    if not callable(schedule):
        return lambda steps, _: np.full(steps.size, schedule)
    schedule = for_steps(schedule, total)

    def rates(steps: Array, monitored: list[float]) -> Array:
        found = values_of(schedule, steps)
        if isinstance(schedule, ReduceOnPlateau):
            found = found * schedule.scale(monitored)
        return found

    return rates
