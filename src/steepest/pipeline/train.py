"""Train what a recipe says on encoded examples: one network, or the average of several.

`steepest.pipeline.bags` trains networks over folds, and is what the whole way from a table goes by.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ..arrays import Array
from ..errors import CheckpointError, InputError
from ..layers import Average, Concat, Scale, Sequential
from ..metrics import GREATER_IS_BETTER, Metric
from ..network import Network
from ..probabilities.calibrate import calibrate, settle
from ..probabilities.calibration import UNCHANGED, Calibration
from ..ranks.together import ALONE, Ranks
from ..settings import Setting
from ..trainer import Trainer
from ..training.checkpoint import Checkpoint
from ..training.fit_log import AT_ONCE
from ..training.progress import Progress, of_one
from ..validate import number
from .decision import decided
from .fitted_model import gives_probabilities
from .monitor import Monitor, make_monitor

if TYPE_CHECKING:
    from ..images.encoder import ImageEncoder
    from ..loss import Loss
    from ..tables.encoder import Encoder
    from ..tables.task import Task
    from ..training.history import History
    from .image_recipe import ImageRecipe
    from .recipe import Recipe

__all__ = [
    "Callbacks",
    "Networks",
    "RunOptions",
    "Trained",
    "TrainingData",
    "average",
    "calibrated",
    "class_weighted",
    "finished",
    "first_of",
    "fit_networks",
    "make_trainer",
    "train_recipe",
    "undoing",
]

Callbacks = Callable[[Trainer], Iterable[Callable[[Progress], object]]]

SAMPLE = 2000
"""The rows that initial values are fitted to."""
CALIBRATED = 10_000
"""The training rows at most that probabilities are settled on."""
_NUMBERS, _AT_ONCE = 1 << 22, 1 << 16  # in these, and in those that are predicted at once


@dataclass
class Networks:
    """Networks, and how they came to be.

    Attributes
    ----------
    members : list of Network
    histories : list of History
        One for each.
    best : list of int
        The epoch, from 1, that was kept of each.
    ended : KeyboardInterrupt or CheckpointError, optional
        What ended the training early.
    """

    members: list[Network] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    ended: BaseException | None = None


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
    calibration : Calibration
        What makes probabilities of what the network says of classes.
    ended : KeyboardInterrupt or CheckpointError, optional
        What ended the training early.
    out_of_fold : (ndarray, ndarray), optional
        Numbers of rows, and the outputs for them of networks that were not trained on them, if
        there were folds.
    """

    network: Network
    histories: list[History]
    best: list[int]
    calibration: Calibration = UNCHANGED
    ended: BaseException | None = None
    out_of_fold: tuple[Array, Array] | None = None


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
        ``(X, y)`` or ``(X, y, weights)``, to choose the best epoch by
        (`steepest.pipeline.monitor`), the last among equals. Without it the last epoch is kept.
    rows : ndarray of int, optional
        The numbers of the rows to train on, if not all are: so that they need no copy.
    class_weights : tuple of float, optional
        One of each class; in training they multiply the weights of the rows.
    folds : tuple of (ndarray, ndarray)
        Numbers of rows to train on, and of others to choose the best epoch by, for each network of
        a bag (`steepest.pipeline.bags`); ``held_out`` is None then.
    """

    X: Array
    y: Array
    weights: Array | None = None
    held_out: tuple[Any, ...] | None = None
    rows: Array | None = None
    class_weights: tuple[float, ...] | None = None
    folds: tuple[tuple[Array, Array], ...] = ()

    @property
    def training(self) -> Array:
        """The numbers of the rows to train on."""
        return np.arange(len(self.X)) if self.rows is None else self.rows

    def part(self, rows: Array) -> tuple[Any, ...]:
        """Return ``(X, y, weights)`` of these rows."""
        return self.X[rows], self.y[rows], None if self.weights is None else self.weights[rows]

    @property
    def training_weights(self) -> Array | None:
        """What the rows count in the loss; None if all count alike."""
        return class_weighted(self.y, self.weights, self.class_weights)

    @property
    def validation(self) -> tuple[Any, ...] | None:
        """The rows held out, with what they count in the loss."""
        if self.held_out is None:
            return None
        X, y, w = (*self.held_out, None)[:3]
        w = class_weighted(y, w, self.class_weights)
        return (X, y) if w is None else (X, y, w)


def class_weighted(
    y: Array, weights: Array | None, class_weights: tuple[float, ...] | None
) -> Array | None:
    """Return the weights of rows of classes ``y``, (n,) or (n, 1), times those of the classes."""
    if class_weights is None:
        return weights
    own = np.asarray(class_weights)[y.reshape(len(y)).astype(np.int64)]
    return own if weights is None else own * weights


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
    watched : bool
        Whether somebody follows one network, so that by default no bag is trained.
    ranks : Ranks
        The processes that train together.
    """

    time_limit: Annotated[
        float | None,
        Setting(
            "The training",
            "Stop after this many seconds, and keep the best network so far.",
            "no limit",
        ),
    ] = None
    callbacks: Callbacks | None = None
    metrics: Iterable[str | Metric] | Mapping[str, Metric] = ()
    checkpoint: Checkpoint | None = None
    resume: bool = False
    watched: bool = False
    ranks: Ranks = ALONE

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
    found = fit_networks(recipe, task, encoder, data, options)
    return finished(recipe, task, data, found, average(found.members, recipe.seed))


def fit_networks(
    recipe: Recipe | ImageRecipe,
    task: Task,
    encoder: Encoder | ImageEncoder,
    data: TrainingData,
    options: RunOptions,
) -> Networks:
    """Train the members of a recipe one after the other, as `train_recipe` does."""
    loss = recipe.make_loss(task)
    calibration = undoing(task, loss, data.class_weights, len(data.training))
    monitor = make_monitor(recipe.monitor, task, loss, calibration, data.held_out, options.metrics)
    deadline = time.perf_counter() + (options.time_limit or math.inf)
    found = Networks()
    for k in range(recipe.ensemble):
        seed = recipe.seed + k
        rows = np.random.default_rng(seed).permutation(data.training)[:SAMPLE]
        trainer = make_trainer(recipe, task, encoder, data.X[rows], seed, ranks=options.ranks)
        left = (deadline - time.perf_counter()) / (recipe.ensemble - k)
        try:
            _fit(trainer, recipe, data, options, monitor, left, k)
        except (KeyboardInterrupt, CheckpointError) as error:
            if not found.members and not trainer.step:
                raise
            found.ended = error
        if len(trainer.history) or not found.members:
            found.members.append(trainer.network)
            found.histories.append(trainer.history)
            found.best.append(_best(trainer.history, monitor.name))
        if found.ended is not None:
            break
    return found


def finished(
    recipe: Recipe | ImageRecipe,
    task: Task,
    data: TrainingData,
    found: Networks,
    network: Network,
    out_of_fold: tuple[Array, Array] | None = None,
) -> Trained:
    """Return the network that was made of some, with its calibration.

    That goes by the rows held out, or by ``out_of_fold`` (`Trained`).
    """
    loss = recipe.make_loss(task)
    calibration = undoing(task, loss, data.class_weights, len(data.training))
    most = min(CALIBRATED, max(1, _NUMBERS // math.prod(data.X.shape[1:])))
    rows = np.random.default_rng(recipe.seed).permutation(data.training)[:most]
    held_out, outputs = data.held_out, None
    if out_of_fold is not None:
        outside, outputs = out_of_fold
        held_out = data.part(outside)
    model = network, loss, calibration
    calibration = calibrated(recipe, task, model, data.part(rows), held_out, outputs)
    return Trained(network, found.histories, found.best, calibration, found.ended, out_of_fold)


def calibrated(
    recipe: Recipe | ImageRecipe,
    task: Task,
    model: tuple[Network, Loss, Calibration],
    trained: tuple[Any, ...],
    held_out: tuple[Any, ...] | None,
    outputs: Array | None = None,
) -> Calibration:
    """Return the calibration of a trained model, with what the recipe says of its decisions.

    Parameters
    ----------
    recipe, task
    model : (Network, Loss, Calibration)
        The last one undoes the smoothing and the weights of the training.
    trained, held_out : tuple
        Rows, ``(X, y)`` or ``(X, y, weights)``: the first were trained on, the others not.
    outputs : ndarray, optional
        What is to be held against the rows held out in place of the network's outputs: those of
        networks that were not trained on them, where this one is their average.
    """
    network, loss, calibration = model
    if not gives_probabilities(task, loss):
        return calibration

    def said(
        rows: tuple[Any, ...], outputs: Array | None = None
    ) -> tuple[Array, Array, Array | None]:
        X, y, weights = (*rows, None)[:3]
        at_once = max(1, min(256, _AT_ONCE // math.prod(X.shape[1:])))  # memory goes by it
        if outputs is None:
            outputs = network.predict(X, batch=at_once, threads=recipe.threads)
        return loss.mean(outputs), y.reshape(len(y)).astype(np.int64), weights

    others = None if held_out is None else said(held_out, outputs)
    if recipe.calibrate:
        calibration = settle(calibration, said(trained), others)
        if others is not None:
            calibration = calibrate(calibration, *others)
    calibration = decided(calibration, recipe.threshold, recipe.cost, task, others)
    finite = others is not None and np.isfinite(others[0]).all()
    return calibration.with_sets(*others[:2]) if others is not None and finite else calibration


def undoing(
    task: Task, loss: Loss, class_weights: tuple[float, ...] | None, rows: int
) -> Calibration:
    """Return what undoes the smoothing and the class weights of a training on so many rows."""
    if not gives_probabilities(task, loss):
        return UNCHANGED
    return Calibration.of_training(getattr(loss, "label_smoothing", 0.0), class_weights, rows)


def make_trainer(
    recipe: Any,
    task: Task,
    encoder: Any,
    sample: Array,
    seed: int,
    steps: int | None = None,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Return a trainer of a new network, whose initial values fit a sample of encoded rows.

    ``steps`` is what its schedules stretch over, as of `Recipe.network`.
    """
    assert recipe.batch is not None
    network = recipe.network(task, encoder, seed, steps)
    recipe.start(network, sample, seed)
    tables = [each.rows for each in network.built.declared.values() if each.rows]
    return Trainer(
        network,
        recipe.make_loss(task),
        recipe.make_rule(steps, any(table.lazy for table in tables)),
        batch=recipe.batch,
        seed=seed,
        threads=recipe.threads,
        matmul_dtype=recipe.matmul_dtype,
        augment=recipe.augment,
        ranks=None if ranks is ALONE else ranks,
    )


def _fit(
    trainer: Trainer,
    recipe: Recipe | ImageRecipe,
    data: TrainingData,
    options: RunOptions,
    monitor: Monitor,
    seconds: float,
    member: int,
) -> None:
    """Train one member; several ranks each on its part of the rows, which all of them have."""
    assert recipe.epochs is not None
    ranks = options.ranks
    rows, held_out = data.rows, data.validation
    if ranks.size > 1:
        rows = ranks.part(data.training)
        held_out = None if held_out is None else tuple(map(ranks.part, held_out))
    callbacks = options.callbacks(trainer) if options.callbacks else ()
    if recipe.ensemble > 1:
        callbacks = [of_one(callback, member, recipe.ensemble) for callback in callbacks]
    trainer.fit(
        data.X,
        data.y,
        weights=data.training_weights,
        rows=rows,
        epochs=recipe.epochs,
        validation=held_out,
        metrics=monitor.metrics,
        monitor=monitor.name,
        patience=(recipe.patience or recipe.epochs) if data.held_out else None,
        callbacks=callbacks,
        time_limit=None if options.time_limit is None else max(seconds, AT_ONCE),
        checkpoint=options.checkpoint,
        resume=options.resume,
    )


def _best(history: History, monitor: str) -> int:
    """Return the epoch that was kept, from 1."""
    if not len(history) or monitor not in history.rows[0]:
        return len(history)
    values = np.asarray(history[monitor])
    best = values.max() if monitor in GREATER_IS_BETTER else values.min()
    return int(np.flatnonzero(values == best)[-1]) + 1


def average(members: list[Network], seed: int, shares: Array | None = None) -> Network:
    """Return one network whose output is an average of several networks' outputs.

    ``shares`` are their weights, alike by default; networks without one are left out.
    """
    if shares is not None:
        members = [member for member, share in zip(members, shares, strict=True) if share > 0]
        shares = shares[shares > 0]
    if len(members) == 1:
        return members[0]
    weigh = () if shares is None or np.ptp(shares) == 0 else (Scale(),)
    branches = [Sequential(*member.layer.layers, *weigh) for member in members]
    network = Network(
        Concat(*branches),
        Average(len(members)),
        inputs=members[0].inputs,
        seed=seed,
        dtype=members[0].dtype,
    )
    named = network.built.named
    for k, member in enumerate(members):
        for name, array in member.built.named.items():
            named[f"0.{k}.{name}"][...] = array
        if weigh:
            assert shares is not None
            factor = named[f"0.{k}.{len(member.layer.layers)}.s"]
            factor[...] = len(members) * shares[k] / shares.sum()
    return network


def first_of(network: Network) -> tuple[Network, int]:
    """Return the first of the networks whose `average` this is, and how many there are.

    That is the network itself, and 1, if it is no average.
    """
    all_of_them, *others = network.layers
    if not isinstance(all_of_them, Concat) or others != [Average(len(all_of_them.layers))]:
        return network, 1
    first = all_of_them.layers[0]
    if not isinstance(first, Sequential):
        return network, 1
    one = Network(*first.layers, inputs=network.inputs, dtype=network.dtype)
    for name, array in one.built.named.items():
        array[...] = network.built.named[f"0.0.{name}"]
    return one, len(all_of_them.layers)
