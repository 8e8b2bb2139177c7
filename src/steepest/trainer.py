"""The trainer: what users hold while they train a network.

It checks the data, holds rows out, makes the programs, and keeps what lasts from fit to fit; a fit
itself is `steepest.training.chunked_run`, by the loop of `steepest.training.fit`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Array, within_memory
from .engine.program import Program
from .engine.team_size import TeamSize
from .errors import InputError
from .loss import Loss, by_rows
from .metrics import Metric, metrics_named
from .network import Network, prepare
from .printing import shown
from .ranks.together import ALONE, Ranks, ranks_of
from .rule import Rule
from .rules.sgd import SGD
from .sampling import Among, Augment, FullBatch, Sampler, sampler_named
from .settings import described, spelled_out
from .system.versions import versions
from .training.alone import Alone
from .training.bar import showing
from .training.batched_run import BatchedRun, Source, check_source
from .training.checkpoint import Checkpoint, State, how_to_resume
from .training.chunked_run import ChunkedRun
from .training.descent import Descent
from .training.early_stopping import check_monitor, stopping_by
from .training.fit_log import FitLog
from .training.held_out import given_validation
from .training.history import History
from .training.learning_rates import rates_of
from .training.outside import NoLoss, OutsideSteps
from .training.progress import Callback, checked_callbacks
from .training.ranked_run import ranked_run
from .training.run import MATMUL_DTYPES, Data, TrainingRun, lasting
from .training.shards import Shard, shard_of
from .training.validation import Validation
from .validate import flag, instance, number, one_of, positive_count, renamed
from .validate import seed as checked_seed

__all__ = ["Trainer"]


@dataclass(frozen=True)
class _Asked:
    """What a fit is asked for beside its data."""

    epochs: int
    metrics: dict[str, Metric]
    monitor: str
    patience: int | None
    callbacks: tuple[Callback, ...]
    time_limit: float | None


class Trainer:
    """Minimises a loss over a network's parameters by gradient steps.

    Parameters
    ----------
    network : Network
    loss : Loss, optional
        Without one there are only steps by gradients from outside (`descend`).
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
        The most threads that share a step; by default one, or more where a step is large enough.
        A fit tries fewer now and then, or more, and goes on with what is fastest.
        There are never more than cores that the process may use. Results are the same for any
        number, to the last bit; but where products are left to BLAS, they are so for the same
        number: batches of more than 192 rows on a processor without AVX-512.
    matmul_dtype : {"bfloat16"}, optional
        Round the factors of products of matrices to bfloat16 while training, and sum in float32:
        up to twice as quick on a processor that has such products (AVX512-BF16), no quicker
        on others. θ and all else stay float32, and predictions are computed as ever. Layers that
        multiply no matrices, as with one row at a time or on CSR rows, round nothing.
    products : {"bfloat16"}, optional
        The former name of ``matmul_dtype``.
    augment : Augment, optional
        How images (height, width, channels) are changed at random while the network trains.
    ranks : mpi4py.MPI.Comm or Ranks, optional
        The processes that train together, each with rows of its own. ``batch`` is how many
        examples they have together in a step, and all of them call `fit` with the same settings.

    Attributes
    ----------
    history : History
        Of all fits of this trainer.
    step : int
        Steps taken so far. A further `fit` goes on from there, momentum included.
    slots : dict of str to ndarray
        What the update rule remembers: vectors, most of them laid out as θ. After a fit by a rule
        with another θ to predict with, the network holds that one, and ``slots["trained"]`` the θ
        that a further `fit` goes on from.

    Raises
    ------
    InputError
        If an argument is not what it should be.

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
        loss: Loss | None = None,
        rule: Rule | None = None,
        *,
        batch: int = 32,
        sampling: str | Sampler = "shuffled",
        seed: int = 0,
        threads: int | None = None,
        matmul_dtype: str | None = None,
        products: str | None = None,
        augment: Augment | None = None,
        ranks: Any = None,
    ) -> None:
        instance("Trainer", "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
        loss = NoLoss() if loss is None else loss
        instance("Trainer", "loss", loss, Loss, "Squared()")
        rule = SGD() if rule is None else rule
        instance("Trainer", "rule", rule, Rule, "Adam(lr=0.001)")
        matmul_dtype = renamed("Trainer", "products", products, "matmul_dtype", matmul_dtype)
        positive_count("Trainer", "batch", batch)
        if threads is not None:
            positive_count("Trainer", "threads", threads)
        if matmul_dtype is not None:
            one_of("Trainer", "matmul_dtype", matmul_dtype, MATMUL_DTYPES)
        if matmul_dtype is not None and network.dtype != "float32":
            raise InputError(
                f"Trainer: matmul_dtype={matmul_dtype!r} is for a float32 network, this one is "
                f"{network.dtype}; leave it out, or make the network with dtype='float32'"
            )
        if augment is not None:
            instance("Trainer", "augment", augment, Augment, "Augment(shift=2)")
        self.network, self.loss, self.rule = network, loss, rule
        self.batch, self.sampler = int(batch), sampler_named(sampling)
        self.seed, self.threads = checked_seed("Trainer", seed), threads
        self._team: TeamSize | None = None  # what fits have found out
        self.matmul_dtype, self.augment = matmul_dtype, augment
        self.ranks: Ranks = ranks_of("Trainer", ranks)
        self._every = self.ranks.every  # or what was found to be quick
        self.history = History()
        self._outside: OutsideSteps | None = None
        self.step = 0
        self.slots: dict[str, Array] = {}

    @within_memory("Trainer.fit")
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        weights: Any = None,
        rows: Any = None,
        epochs: int | None = None,
        validation: float | tuple[Any, ...] | None = None,
        metrics: Iterable[str | Metric] | Mapping[str, Metric] = (),
        monitor: str = "validation_loss",
        patience: int | None = None,
        callbacks: Iterable[Callback] = (),
        time_limit: float | None = None,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        resume: bool = False,
        verbose: bool = False,
    ) -> History:
        """Train, or train on.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p)
            Or, without ``y``, batches: an iterable of ``(X, y)`` or ``(X, y, weights)``, or a
            function that returns one for each epoch. Each batch is one step, in the order in which
            they come, whatever `batch` and ``sampling`` are; its weights are scaled to a mean of 1.
            Checkpoints can't be had then, and the validation set must be given.
        y : array-like, (n,) or (n, k)
        weights : array-like, (n,), optional
            Of the examples.
        rows : array-like of int, optional
            The numbers of the rows to train on, by default all. The data are not copied for it.
        epochs : int, optional
            How many times all examples are seen. By default 10, and 1 for a generator, which gives
            its batches once.
        validation : float or tuple, optional
            A fraction of the rows, drawn with the trainer's seed, or ``(X, y)`` or
            ``(X, y, weights)``.
        metrics : iterable of str or callable, or mapping
            Evaluated on the validation set after every epoch (`steepest.metrics`).
        monitor : str
            The column of the history that tells which epoch is best.
        patience : int, optional
            Stop after this many epochs without a better one. Whenever there is a validation set
            and ``patience`` is given, the best epoch's network is put back at the end: the
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
        verbose : bool
            Show a progress bar, in a terminal or a notebook; elsewhere a line every ten seconds on
            the standard error.

        Returns
        -------
        History
            Of this fit. ``trainer.history`` has that of all fits.

        Raises
        ------
        InputError
            If the data don't fit the network, the loss or one another, ``factors`` of the rule fit
            no parameter, or this trainer is being fitted already, by another Python thread or a
            callback. Nothing is changed then.
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
        if epochs is not None:
            positive_count(where, "epochs", epochs)
        if patience is not None:
            positive_count(where, "patience", patience)
        if time_limit is not None:
            number(where, "time_limit", time_limit, above=0)
        flag(where, "verbose", bool(verbose) if type(verbose) is int else verbose)  # 1 will do
        flag(where, "resume", resume)
        named, told = metrics_named(metrics), checked_callbacks(where, callbacks)
        with Alone(self, where), showing(verbose and self.ranks.speaks) as bars:
            if self._outside is not None:
                self._outside.close()
            asked = _Asked(epochs or 10, named, monitor, patience, (*told, *bars), time_limit)
            if y is not None:
                kept = (
                    checkpoint
                    if isinstance(checkpoint, Checkpoint | None)
                    else Checkpoint(checkpoint)
                )
                return self._fit((X, y, weights, rows, validation), asked, kept, resume)
            self._alone_for(where, "batches that come one by one")
            unused = {"weights": weights, "rows": rows}
            unused |= {"checkpoint": checkpoint, "resume": resume or None}
            for name, given in unused.items():
                if given is not None:
                    raise InputError(
                        f"{where}: {name} can't be given where y is missing and X yields batches"
                    )
            asked = replace(asked, epochs=check_source(X, epochs, where))
            return self._fit_batches(X, validation, asked)

    def _fit(
        self, data: tuple[Any, ...], asked: _Asked, kept: Checkpoint | None, resume: bool
    ) -> History:
        """Train on data that are here: X, y, weights, rows, and what to validate on."""
        where, ranks = "Trainer.fit", self.ranks
        if resume and kept is None:
            raise InputError(f"{where}: give the folder of the checkpoints to resume from")
        with ranks.together(how_to_resume(kept)):
            if ranks is not ALONE:
                ranks.check(self._facts(asked, kept, data[4]))
            own = self.network, self.loss, data, self.seed, ranks
            shard = shard_of(*own, printed=kept is not None)
            with ranks.alike():
                self.rule.check_factors(where, self.network.parameters)
                held = shard.held_out is not None
                check_monitor(asked.monitor, asked.patience, list(asked.metrics), held)
            return self._train(shard, asked, kept, resume)

    def _facts(self, asked: _Asked, kept: Checkpoint | None, validation: Any) -> dict[str, str]:
        """Return what must be the same on all ranks, as texts."""
        settings = self.settings() | {"network": repr(self.network.layer)}  # built or not
        facts = {
            **{f"the version of {name}": version for name, version in versions().items()},
            **{f"the {name}": value for name, value in settings.items()},
            "the dtype": self.network.dtype,
            "the number of steps taken": str(self.step),
            "the number of epochs": str(asked.epochs),
            "patience": str(asked.patience),
            "the monitor": asked.monitor,
            "the list of metrics": str(list(asked.metrics)),
            "checkpoint": "given" if kept is not None else "none",
            "validation": "rows" if isinstance(validation, tuple) else shown(validation),
            "Ranks(every)": str(self.ranks.every),
        }
        return {f"Trainer.fit: {name}": value for name, value in facts.items()}

    def _train(self, shard: Shard, asked: _Asked, kept: Checkpoint | None, resume: bool) -> History:
        """Train on prepared rows."""
        ranks, state, settings = self.ranks, None, {}
        if kept is not None:
            names = {"monitor": asked.monitor, "metrics": ", ".join(asked.metrics)}
            settings = self.settings() | names | shard.prints
            if (ranks.every or 1) > 1:
                settings["ranks average every"] = f"{ranks.every} steps"
            state = ranks.first_does(lambda: kept.begin(settings, resume))
        descent = self._descent(sum(shard.counts), shard.rows)
        run = self._lower(descent, shard.data, state, shard)
        ranks.share(lasting(self.network, self.slots))
        first = self.step if state is None else state.first
        total = first + asked.epochs * run.per_epoch
        run.stretch(total)
        stopping = stopping_by(asked.monitor, asked.patience)
        limits = (asked.time_limit, None) if ranks.size == 1 else (None, asked.time_limit)
        log = FitLog(
            asked.epochs,
            run.epoch_sizes,
            stopping=stopping,
            time_limit=limits[0],
            before=self.history.rows,
        )
        scored = None
        if shard.held_out is not None:
            own = self.network, self.loss, shard.held_out, asked.metrics, self.threads
            scored = Validation(*own, ranks=ranks)
        rates, limit = rates_of(self.rule.lr, total), limits[1]
        work = ChunkedRun(run, rates, log, scored, asked.callbacks, ranks=ranks, time_limit=limit)
        if kept is not None:
            work.keep(kept, settings, state)
        try:
            work.fit()
        finally:
            self.step = run.step
            self.history.rows.extend(log.history.rows)
            if stopping is not None:
                stopping.restore(self.network.built.vectors)
        return log.history

    def _fit_batches(self, batches: Source, validation: Any, asked: _Asked) -> History:
        """Train on batches that come one by one."""
        where, scored = "Trainer.fit", None
        if validation is not None:
            if not isinstance(validation, tuple):
                raise InputError(
                    f"{where}: validation: with batches, give rows (X, y), got {shown(validation)}"
                )
            held_out = given_validation(self.network, self.loss, validation)
            scored = Validation(self.network, self.loss, held_out, asked.metrics, self.threads)
        check_monitor(asked.monitor, asked.patience, list(asked.metrics), scored is not None)
        stopping = stopping_by(asked.monitor, asked.patience)
        log = FitLog(
            asked.epochs,
            [1],
            stopping=stopping,
            time_limit=asked.time_limit,
            before=self.history.rows,
        )
        descent = self._steps()

        def lower(batch: Data) -> TrainingRun:
            self.rule.check_factors(where, self.network.parameters)
            return self._lower(replace(descent, batch=batch[0].shape[0]), batch)

        work = BatchedRun(
            self.network,
            descent,
            batches,
            lower,
            log,
            step=self.step,
            validation=scored,
            callbacks=asked.callbacks,
        )
        try:
            work.fit()
        finally:
            self.step = work.next_step
            self.history.rows.extend(log.history.rows)
            if stopping is not None:
                stopping.restore(self.network.built.vectors)
        return log.history

    def forward(self, X: Any) -> Array:
        """Return f(x; θ) as the next step computes it, with dropout and the means of the batch.

        The first half of a step by a gradient from outside; `backward` is the other. Calling it
        alone changes nothing but the state of layers, such as running means of `BatchNorm`.

        Parameters
        ----------
        X : array-like, (n, p)
            Or (n, …), examples of the shape that the network takes. An array of the network's
            dtype and of a shape that has come before is quickest; 16 shapes are remembered.

        Returns
        -------
        ndarray, (n, q) or (n, …, q)
            The outputs, a copy.

        Raises
        ------
        InputError
            If X does not fit the network, or this trainer is being fitted. Nothing is changed then.
        DivergenceError
            If the outputs are not finite.
        """
        with Alone(self, "Trainer.forward"):
            return self._forward(X)

    def backward(self, dy: Any, *, weights: Any = None, wants_dx: bool = False) -> Array | None:
        """Go back from ∂ℓ/∂y of what `forward` has returned, and let the rule take its step.

        Parameters
        ----------
        dy : array-like, (n, q) or (n, …, q)
            ∂ℓ/∂y for each output, where ℓ is what is to become smaller: of a mean over the batch
            it has the factor 1/n.
        weights : array-like, (n,), optional
            Of the examples, scaled to a mean of 1: factors of the rows of ``dy``.
        wants_dx : bool
            Whether to return ∂ℓ/∂x, with which a network in front of this one goes back.

        Returns
        -------
        ndarray, (n, p) or (n, …), or None
            ∂ℓ/∂x, if it was asked for.

        Raises
        ------
        InputError
            If there was no `forward` before, or ``dy`` is not of the shape of its outputs or not
            finite. Nothing is changed then, and a right one may follow.
        """
        flag("Trainer.backward", "wants_dx", wants_dx)
        with Alone(self, "Trainer.backward"):
            return self._backward(dy, weights, wants_dx)

    def descend(self, X: Any, dy: Any, *, weights: Any = None) -> Array:
        """Take a step by a gradient from outside: `forward`, then `backward`.

        Parameters
        ----------
        X : array-like, (n, p) or (n, …)
        dy : array-like or callable
            ∂ℓ/∂y, or a function that makes it of the outputs y.
        weights : array-like, (n,), optional
            Of the examples, scaled to a mean of 1.

        Returns
        -------
        ndarray, (n, q) or (n, …, q)
            The outputs y, from before the step.

        Raises
        ------
        InputError
            As from `forward` and `backward`.
        DivergenceError
            If the outputs are not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from steepest import Dense, Network, SGD, Trainer
        >>> X = np.linspace(-1, 1, 8)[:, None]
        >>> trainer = Trainer(Network(Dense(1), inputs=1), rule=SGD(lr=0.5))
        >>> for _ in range(200):
        ...     y = trainer.descend(X, lambda y: (y - 3 * X) / len(X))
        >>> bool(np.allclose(y, 3 * X, atol=1e-3))
        True
        """
        with Alone(self, "Trainer.descend"):
            y = self._forward(X)
            is_function = callable(dy) and not isinstance(dy, type)
            self._backward(dy(y) if is_function else dy, weights, wants_dx=False)
            return y

    def _forward(self, X: Any) -> Array:
        """Go forward; `forward` says how."""
        self._alone_for("Trainer.forward", "gradients from outside")
        if self._outside is None:
            self._outside = OutsideSteps(self.network, self._steps(), self.slots, self.threads)
        return self._outside.forward(X, self.step)

    def _backward(self, dy: Any, weights: Any, wants_dx: bool) -> Array | None:
        """Go backward, and count the step; `backward` says how."""
        if self._outside is None:
            raise InputError("Trainer.backward: call forward(X) first")
        dx = self._outside.backward(dy, weights, wants_dx)
        self.step += 1
        return dx

    def predict(self, X: Any) -> Array:
        """Return what the network predicts for every row, as the targets were given.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p)

        Returns
        -------
        ndarray, (n,) or (n, k)
            Numbers; or the most probable class of each row, if the loss is of classes. `Network`
            itself knows no loss: its ``predict`` returns the outputs, such as logits.
        """
        return by_rows(self.loss.predict, self.network.predict(X, threads=self.threads))

    def predict_proba(self, X: Any) -> Array:
        """Return how probable each class is, for every row.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p)

        Returns
        -------
        ndarray, (n, classes)
            Two columns for the loss `Logistic` of one output; of several labels a column each.

        Raises
        ------
        InputError
            If the loss is not one of probabilities.
        """
        return by_rows(self.loss.probabilities, self.network.predict(X, threads=self.threads))

    @within_memory("Trainer.evaluate")
    def evaluate(
        self,
        X: Any,
        y: Any,
        *,
        weights: Any = None,
        metrics: str | Metric | Iterable[str | Metric] | Mapping[str, Metric] = (),
    ) -> dict[str, float]:
        """Return the loss, and metrics, on rows; nothing is learned from them.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p)
        y : array-like, (n,) or (n, k)
        weights : array-like, (n,), optional
            Of the examples, for the loss; scaled to a mean of 1.
        metrics : iterable of str or callable, or mapping
            See `steepest.metrics`.

        Returns
        -------
        dict of str to float
            ``loss``, without penalties, and each metric by its name.

        Examples
        --------
        >>> import numpy as np
        >>> from steepest import Dense, Network, Squared, Trainer
        >>> trainer = Trainer(Network(Dense(1, weights="zeros"), inputs=1), Squared())
        >>> trainer.evaluate([[1.0], [2.0]], [2.0, 4.0], metrics=["mae"])
        {'loss': 5.0, 'mae': 3.0}
        """
        where = "Trainer.evaluate"
        named = metrics_named(metrics)
        X, y, w = prepare(self.network, self.loss, X, y, weights, where)
        data = X, y, np.ones(len(y), self.network.dtype) if w is None else w
        scored = Validation(self.network, self.loss, data, named, self.threads, where)
        loss, found = scored.evaluate()
        return {"loss": loss, **found}

    def __repr__(self) -> str:
        """Say what is trained how, and how far."""
        rule = described(self.rule)
        return (
            f"Trainer({self.network!r}, {described(self.loss)}, {rule}, batch={self.batch}, "
            f"{self.step:,} steps taken)"
        )

    def _repr_html_(self) -> str:
        """Return the network, the rule and the history, for notebooks."""
        from html import escape

        said = f"{described(self.loss)}, {described(self.rule)}, batch={self.batch}"
        head = f"<div>Trainer: {escape(said)}, {self.step:,} steps taken</div>"
        history = self.history._repr_html_() if len(self.history) else ""
        return head + self.network._repr_html_() + history

    def _lower(
        self,
        descent: Descent,
        data: Data,
        state: State | None = None,
        shard: Shard | None = None,
    ) -> TrainingRun:
        """Return the run that goes on from the last fit, or from a checkpoint's state."""
        more: dict[str, Any] = {
            "slots": self.slots,
            "step": self.step if state is None else state.step,
            "first": self.step if state is None else state.first,
            "threads": self.threads,
            "team": self._team,
        }
        if shard is None or self.ranks.size == 1:
            run = TrainingRun(self.network, descent, data, **more)
        else:
            own = self.network, descent, data, self.ranks, shard.counts
            run, self._every, said = ranked_run(*own, self._every, **more)
            if said and self.ranks.speaks:
                print(f"steepest: {said}", file=sys.stderr, flush=True)
        self._team = run.team
        return run

    def _alone_for(self, where: str, what: str) -> None:
        if self.ranks.size > 1:
            raise InputError(
                f"{where}: {what} can't be shared among ranks; give X and y, or leave ranks out"
            )

    def settings(self) -> dict[str, str]:
        """Return what must be the same for a training to be the same."""
        loss, rule = spelled_out(self.loss), spelled_out(self.rule)
        settings = {
            "network": repr(self.network),
            "loss": loss,
            "rule": rule,
            "sampling": repr(self.sampler),
            "batch": repr(self.batch),
            "seed": repr(self.seed),
        }
        if self.matmul_dtype is not None:
            settings["matmul_dtype"] = repr(self.matmul_dtype)
        if self.augment is not None:
            settings["augment"] = repr(self.augment)
        # A function is known by its name; its address is another in every process.
        return {name: re.sub(r" at 0x\w+", "", value) for name, value in settings.items()}

    def program(self, X: Any, y: Any) -> Program:
        """Return the program of one step on data like these; print it to read it."""
        X, y, _ = prepare(self.network, self.loss, X, y, None, "Trainer.program")
        data, descent = (X, y, None), self._descent(X.shape[0])
        run = TrainingRun(self.network, descent, data, slots={}, step=0, threads=self.threads)
        return run.whole

    def _steps(self) -> Descent:
        """Return how to descend on batches as they come."""
        return Descent(
            self.loss,
            self.rule,
            FullBatch(),
            self.batch,
            self.seed,
            self.matmul_dtype,
            augment=self.augment,
        )

    def _descent(self, n: int, rows: Array | None = None) -> Descent:
        """Return how to descend on ``n`` examples, which may be some rows of more."""
        sampler = self.sampler if rows is None else Among(rows, self.sampler)
        batch = n if isinstance(self.sampler, FullBatch) else min(self.batch, n)
        return replace(self._steps(), sampler=sampler, batch=batch)
