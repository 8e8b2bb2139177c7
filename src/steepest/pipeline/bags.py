"""Bags: a network for each fold of the rows, and several of these with weights.

The rows are divided into folds. Each network of a bag trains on all of them but one, which chooses
its best epoch: so every row trains, and of every row some network says what it was not trained on.
By these predictions out of the folds probabilities are calibrated, and several bags get weights
(`chosen_weights`). Networks are trained side by side, each on a thread of its own, which uses
processors better than threads that share a step. They come out the same, however many there are.
Several ranks (`steepest.ranks`) divide the networks among them.

Where rows have a time, each network trains on the past of its fold; the folds are then the later
half of the rows, so that each has a past that is long enough.

Source of the weights: Caruana, Niculescu-Mizil, Crew & Ksikes, "Ensemble selection from libraries
of models", ICML 2004.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..layers import Identity
from ..lowering.predict import Predictor
from ..metrics import GREATER_IS_BETTER
from ..network import Network, prepare
from ..ranks.together import ALONE
from ..system.cores import most_threads
from ..training.progress import of_one
from .monitor import LOSS, make_monitor
from .train import (
    Networks,
    RunOptions,
    Trained,
    TrainingData,
    average,
    finished,
    fit_networks,
    train_recipe,
    undoing,
)

if TYPE_CHECKING:
    from ..tables.split import SplitBy
    from ..tables.task import Task
    from ..trainer import Trainer
    from ..training.progress import Callback, Progress

__all__ = ["chosen_weights", "folds_of", "suits_a_bag", "train_all"]

ROUNDS = 25
"""So many times a bag is chosen; a weight is the share of these."""
_LOOK, _LEAST = 0.2, 1e-3  # seconds: between looks for Ctrl-C; of a network at least


def folds_of(by: SplitBy, rows: int, folds: int, seed: int) -> tuple[tuple[Array, Array], ...]:
    """Return the numbers of the rows to train on, and of the others, for each of some folds.

    Raises
    ------
    TableError
        If there are too few rows, moments or groups.
    """
    everything = np.arange(rows)
    if by.time is None:
        return tuple(by.folds(everything, folds, seed))
    return tuple(by.folds(everything, 2 * folds, seed))[folds:]


def suits_a_bag(recipe: Any, by: SplitBy, texts: Callable[[], bool]) -> bool:
    """Return whether a bag is the default of rows to train on, and folds suit them.

    Each row must stand alone, each class be in every fold, and no column hold free text.

    Parameters
    ----------
    recipe : Recipe
        What is trained on them if folds may choose the epochs.
    by : SplitBy
        What a split of them goes by.
    texts : callable
        Says whether one of their columns holds free text.
    """
    if not recipe.folds or not by.is_random:
        return False
    return int(np.bincount(by.labels).min()) >= recipe.folds and not texts()


def train_all(
    recipe: Any, task: Task, encoder: Any, data: TrainingData, options: RunOptions
) -> Trained:
    """Train all networks of a recipe, on one set of rows (`train_recipe`) or over ``data.folds``.

    Raises
    ------
    InputError
        If several networks are to keep checkpoints.
    KeyboardInterrupt, CheckpointError
        If that comes before the first step.
    """
    if not data.folds:
        return train_recipe(recipe, task, encoder, data, options)
    if options.checkpoint is not None:
        raise InputError(
            "checkpoints serve the training of one network, not of a bag over folds; leave out "
            "one of the two"
        )
    jobs = [
        _Job(bag * len(data.folds) + k, recipe.of_bag(encoder, bag, k), *fold)
        for bag in range(recipe.ensemble)
        for k, fold in enumerate(data.folds)
    ]
    ranks = options.ranks
    work = _SideBySide(recipe, task, encoder, data, options)
    ended: BaseException | None = None
    with ranks.together("start the program again"), ranks.alike(math.inf):
        ended = work.run(jobs[ranks.rank :: ranks.size])
    every = ranks.gather(([(job.found, job.outputs) for job in jobs], ended))
    for k, job in enumerate(jobs):  # each has been trained by one rank
        job.found, job.outputs = every[k % ranks.size][0][k]
    ended = next((end for _, end in every if end is not None), None)
    return _joined(recipe, task, data, [job for job in jobs if job.found is not None], ended)


@dataclass
class _Job:
    """A network to train: by which recipe, on which rows, and on which it is tested."""

    number: int
    recipe: Any
    kept: Array
    out: Array
    found: Networks | None = None
    outputs: Array | None = None


@dataclass
class _SideBySide:
    """Trains networks on threads of their own."""

    recipe: Any
    task: Task
    encoder: Any
    data: TrainingData
    options: RunOptions
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, jobs: list[_Job]) -> BaseException | None:
        """Train all that there is time for; return what ended it early, if anything did."""
        most = self.recipe.threads or min(most_threads(), self.options.ranks.cores)
        self._threads = max(1, min(len(jobs), most))
        self._waiting = len(jobs)
        self._deadline = time.perf_counter() + (self.options.time_limit or math.inf)
        ended: BaseException | None = None
        with ThreadPoolExecutor(self._threads, "fold") as pool:
            running = [pool.submit(self._train, job) for job in jobs]
            try:
                while any(not future.done() for future in running):
                    wait(running, _LOOK, FIRST_EXCEPTION)
                    self._end_all_if_one_failed(running)
            except KeyboardInterrupt as interrupt:
                ended = interrupt
            self._stop.set()
        for future in running:
            future.result()  # raises what was raised there
        ends = [job.found.ended for job in jobs if job.found is not None]
        ended = next((end for end in ends if end is not None), ended)
        if ended is not None and not any(job.found for job in jobs):
            raise ended
        return ended

    def _end_all_if_one_failed(self, running: list[Future[None]]) -> None:
        if any(future.done() and future.exception() is not None for future in running):
            self._stop.set()

    def _train(self, job: _Job) -> None:
        """Train one network, and have it predict the rows that it was not trained on."""
        with self._lock:
            rounds = -(-self._waiting // self._threads)
            self._waiting -= 1
        if self._stop.is_set():
            return
        seconds = max((self._deadline - time.perf_counter()) / rounds, _LEAST)
        options = replace(
            self.options,
            ranks=ALONE,
            time_limit=seconds if self.options.time_limit else None,
            callbacks=lambda trainer: self._callbacks(trainer, job.number),
        )
        recipe = replace(job.recipe, threads=1)
        tested = self.data.part(job.out)
        part = replace(self.data, rows=job.kept, held_out=tested, folds=())
        found = fit_networks(recipe, self.task, self.encoder, part, options)
        job.outputs = found.members[0].predict(tested[0], threads=1)
        job.found = found
        if found.ended is not None:
            self._stop.set()

    def _callbacks(self, trainer: Trainer, number: int) -> list[Callback]:
        """Return the callbacks of a network's training, of which one at a time is called."""
        with self._lock:
            given = self.options.callbacks(trainer) if self.options.callbacks else ()
            told = [of_one(callback, number, self.recipe.fits) for callback in given]
            return [*map(self._one_at_a_time, told), lambda _: self._stop.is_set()]

    def _one_at_a_time(self, callback: Callable[[Progress], object]) -> Callback:
        def call(told: Progress) -> object:
            with self._lock:
                return callback(told)

        return call


def _joined(
    recipe: Any, task: Task, data: TrainingData, jobs: list[_Job], ended: BaseException | None
) -> Trained:
    """Return the networks of all bags as one, those of bags without a weight last."""
    in_bag = len(data.folds)
    bags = [jobs[k : k + in_bag] for k in range(0, len(jobs), in_bag)]
    if len(bags[-1]) < in_bag:  # it ended early: each network counts alike, each row once
        bags = [jobs]
    rows = np.concatenate([job.out for job in bags[0][:in_bag]])
    said = [np.concatenate([job.outputs for job in bag[:in_bag]]) for bag in bags]
    shares, of_each = np.ones(1), None
    if len(bags) > 1:
        shares = chosen_weights(_score(recipe, task, data, rows), said)
        order = np.argsort(shares == 0, kind="stable")  # the first is one that counts
        bags, of_each = [bags[k] for k in order], np.repeat(shares[order], in_bag)
    outputs = np.tensordot(shares, np.asarray(said), 1).astype(said[0].dtype)
    found = Networks(ended=ended)
    for job in itertools.chain(*bags):
        assert job.found is not None
        found.members += job.found.members
        found.histories += job.found.histories
        found.best += job.found.best
    network = average(found.members, recipe.seed, of_each)
    return finished(recipe, task, data, found, network, (rows, outputs))


def _score(recipe: Any, task: Task, data: TrainingData, rows: Array) -> Callable[[Array], float]:
    """Return how bad outputs for rows are: by what chooses the epochs, the less the better."""
    loss = recipe.make_loss(task)
    X, y, weights = data.part(rows)
    calibration = undoing(task, loss, data.class_weights, len(data.training))
    monitor = make_monitor(recipe.monitor, task, loss, calibration, (X, y, weights))
    if monitor.name != LOSS:
        sign = -1.0 if monitor.name in GREATER_IS_BETTER else 1.0
        return lambda z: sign * float(monitor.metrics[monitor.name](y, loss.mean(z)))
    network = Network(Identity(), inputs=task.width(loss), dtype=recipe.dtype)
    predictor = Predictor(network.built, 512, 1, loss)

    def mean_loss(z: Array) -> float:
        x, targets, w = prepare(network, loss, z, y, weights, "chosen_weights")
        return predictor.evaluate(x, targets, np.ones(len(x), x.dtype) if w is None else w)[1]

    return mean_loss


def chosen_weights(score: Callable[[Array], float], outputs: list[Array]) -> Array:
    """Return the weights of several networks' outputs whose average is good.

    In each of `ROUNDS` rounds that one is added, perhaps again, with which the average is best.

    Parameters
    ----------
    score : callable
        Of outputs (n, q): the less the better.
    outputs : list of ndarray, (n, q)
        Of each network, for rows that it was not trained on.

    Returns
    -------
    ndarray, (networks,)
        At least 0; their sum is 1.
    """
    counts, total = np.zeros(len(outputs)), np.zeros_like(outputs[0])
    for done in range(ROUNDS):
        best = int(np.argmin([score((total + z) / (done + 1)) for z in outputs]))
        counts[best] += 1
        total = total + outputs[best]
    return counts / ROUNDS
