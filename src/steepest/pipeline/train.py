"""Train what a recipe says on encoded examples: one network, or the average of several."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ..arrays import Array
from ..errors import CheckpointError, InputError
from ..layers import Average, Concat, Sequential
from ..metrics import GREATER_IS_BETTER, Metric, labels, metrics_named
from ..network import Network
from ..settings import Setting
from ..trainer import Trainer
from ..training.checkpoint import Checkpoint
from ..training.fit_log import AT_ONCE
from ..training.progress import Progress
from ..validate import number

if TYPE_CHECKING:
    from ..images.encoder import ImageEncoder
    from ..tables.encoder import Encoder
    from ..tables.task import Task
    from ..training.history import History
    from .image_recipe import ImageRecipe
    from .recipe import Recipe

__all__ = ["Callbacks", "RunOptions", "Trained", "TrainingData", "make_trainer", "train_recipe"]

Callbacks = Callable[[Trainer], Iterable[Callable[[Progress], object]]]

SAMPLE = 2000
"""The rows that initial values are fitted to."""


@dataclass
class Trained:
    """A network and how it came to be.

    Attributes
    ----------
    network : Network
        The average of the members, if there are several.
    histories : list of History
        One for each member.
    best : list of int
        The epoch, from 1, that was kept of each member.
    ended : KeyboardInterrupt or CheckpointError, optional
        What ended the training early.
    """

    network: Network
    histories: list[History]
    best: list[int]
    ended: BaseException | None = None


@dataclass(frozen=True)
class TrainingData:
    """Encoded rows to train on, and rows to choose the best epoch by.

    Attributes
    ----------
    X, y : ndarray
        The rows to train on.
    weights : ndarray, optional
        Of these rows.
    held_out : tuple, optional
        ``(X, y)`` or ``(X, y, weights)``, to choose the best epoch by: that of the highest
        weighted accuracy, rounded, the last among equals; for numbers, and where classes have no
        probabilities, that of the lowest loss. Without it the last epoch is kept.
    rows : ndarray of int, optional
        The numbers of the rows to train on, if not all are: so that they need no copy.
    """

    X: Array
    y: Array
    weights: Array | None = None
    held_out: tuple[Any, ...] | None = None
    rows: Array | None = None

    @property
    def training(self) -> Array:
        """The numbers of the rows to train on."""
        return np.arange(len(self.X)) if self.rows is None else self.rows


@dataclass(frozen=True)
class RunOptions:
    """How a training is limited, watched and kept. What it computes is the recipe's.

    Attributes
    ----------
    time_limit : float, optional
        Seconds, for all members together; each may use its share and what others left.
    callbacks : callable, optional
        Makes the callbacks of each member's trainer.
    metrics : iterable of str or callable, or mapping
        Evaluated on the rows held out after every epoch, for the histories.
    checkpoint : Checkpoint, optional
        Where the state of the training is kept.
    resume : bool
        Go on from the last checkpoint, if there is one.
    """

    time_limit: Annotated[
        float | None,
        Setting(
            "The training",
            "Stop after this many seconds, and keep the best network until then.",
            "no limit",
        ),
    ] = None
    callbacks: Callbacks | None = None
    metrics: Iterable[str | Metric] | Mapping[str, Metric] = ()
    checkpoint: Checkpoint | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.time_limit is not None:
            number("settings", "time_limit", self.time_limit, above=0)


def train_recipe(
    recipe: Recipe | ImageRecipe,
    task: Task,
    encoder: Encoder | ImageEncoder,
    data: TrainingData,
    options: RunOptions = RunOptions(),
) -> Trained:
    """Train the members of a recipe one after the other.

    Parameters
    ----------
    recipe : Recipe
        With its batch and epochs (`Recipe.for_task`).
    task, encoder
        What is predicted, and what wrote ``data.X``.
    data : TrainingData
    options : RunOptions

    Raises
    ------
    InputError
        If several members are to keep checkpoints.
    KeyboardInterrupt, CheckpointError
        If that comes before the first step.
    """
    if options.checkpoint is not None and recipe.ensemble > 1:
        raise InputError(
            f"checkpoints serve the training of one network, not of an ensemble of "
            f"{recipe.ensemble}; leave out one of the two"
        )
    monitor = _monitored(recipe, task, data)
    deadline = time.perf_counter() + (options.time_limit or math.inf)
    members: list[Network] = []
    histories: list[History] = []
    ended: BaseException | None = None
    for k in range(recipe.ensemble):
        seed = recipe.seed + k
        rows = np.random.default_rng(seed).permutation(data.training)[:SAMPLE]
        trainer = make_trainer(recipe, task, encoder, data.X[rows], seed)
        left = (deadline - time.perf_counter()) / (recipe.ensemble - k)
        try:
            _fit(trainer, recipe, data, options, monitor, left)
        except (KeyboardInterrupt, CheckpointError) as error:
            if not members and not trainer.step:
                raise
            ended = error
        if len(trainer.history) or not members:
            members.append(trainer.network)
            histories.append(trainer.history)
        if ended is not None:
            break
    best = [_best(history, monitor) for history in histories]
    return Trained(_average(members, recipe), histories, best, ended)


def make_trainer(
    recipe: Any, task: Task, encoder: Any, sample: Array, seed: int, steps: int | None = None
) -> Trainer:
    """Return a trainer of a new network, whose initial values fit a sample of encoded rows.

    ``steps`` is what its schedules stretch over, as of `Recipe.network`.
    """
    assert recipe.batch is not None
    network = recipe.network(task, encoder, seed, steps)
    recipe.start(network, sample, seed)
    return Trainer(
        network,
        recipe.make_loss(task),
        recipe.make_rule(steps),
        batch=recipe.batch,
        seed=seed,
        threads=recipe.threads,
        matmul_dtype=recipe.matmul_dtype,
        augment=recipe.augment,
    )


def _fit(
    trainer: Trainer,
    recipe: Recipe | ImageRecipe,
    data: TrainingData,
    options: RunOptions,
    monitor: str,
    seconds: float,
) -> None:
    """Train one member."""
    assert recipe.epochs is not None
    metrics = metrics_named(options.metrics)
    if monitor == "accuracy":
        assert data.held_out is not None
        metrics["accuracy"] = _accuracy((*data.held_out, None)[2])
    trainer.fit(
        data.X,
        data.y,
        weights=data.weights,
        rows=data.rows,
        epochs=recipe.epochs,
        validation=data.held_out,
        metrics=metrics,
        monitor=monitor,
        patience=(recipe.patience or recipe.epochs) if data.held_out else None,
        callbacks=options.callbacks(trainer) if options.callbacks else (),
        time_limit=None if options.time_limit is None else max(seconds, AT_ONCE),
        checkpoint=options.checkpoint,
        resume=options.resume,
    )


def _monitored(recipe: Recipe | ImageRecipe, task: Task, data: TrainingData) -> str:
    """Return the column of the history that the best epoch is chosen by."""
    by_accuracy = data.held_out is not None and not task.is_regression and recipe.loss != "hinge"
    return "accuracy" if by_accuracy else "validation_loss"


def _accuracy(weights: Array | None) -> Metric:
    """Return the share of rows, by their weights, whose most probable class is the right one.

    With weights it is rounded to a hundredth of what a row counts on average: an epoch is not the
    best because of rows that count next to nothing.
    """

    def accuracy(y: Array, prediction: Array) -> float:
        right = labels(prediction) == y.reshape(len(y))
        share, steps = float(np.average(right, weights=weights)), 100 * len(y)
        return share if weights is None else round(share * steps) / steps

    return accuracy


def _best(history: History, monitor: str) -> int:
    """Return the epoch that was kept, from 1."""
    if not len(history) or monitor not in history.rows[0]:
        return len(history)
    values = np.asarray(history[monitor])
    best = values.max() if monitor in GREATER_IS_BETTER else values.min()
    return int(np.flatnonzero(values == best)[-1]) + 1


def _average(members: list[Network], recipe: Recipe | ImageRecipe) -> Network:
    """Return one network whose output is the average of the members' outputs."""
    if len(members) == 1:
        return members[0]
    branches = [Sequential(*member.layer.layers) for member in members]
    network = Network(
        Concat(*branches),
        Average(len(members)),
        inputs=members[0].inputs,
        seed=recipe.seed,
        dtype=recipe.dtype,
    )
    for k, member in enumerate(members):
        for name, array in member.built.named.items():
            network.built.named[f"0.{k}.{name}"][...] = array
    return network
