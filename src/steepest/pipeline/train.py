"""Train what a recipe says on an encoded table: one network, or the average of several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, InputError
from ..layers import Average, Concat, Sequential
from ..metrics import GREATER_IS_BETTER, Metric, labels, metrics_named
from ..network import Network
from ..trainer import Trainer
from ..training.init_from_data import init_from_data
from ..training.progress import Progress

if TYPE_CHECKING:
    from ..tables.encoder import Encoder
    from ..tables.task import Task
    from ..training.checkpoint import Checkpoint
    from ..training.history import History
    from .recipe import Recipe

__all__ = ["Trained", "train_recipe"]

Array = NDArray[Any]
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


def train_recipe(
    recipe: Recipe,
    task: Task,
    encoder: Encoder,
    X: Array,
    y: Array,
    *,
    weights: Array | None = None,
    held_out: tuple[Any, ...] | None = None,
    metrics: Iterable[str | Metric] | Mapping[str, Metric] = (),
    callbacks: Callbacks | None = None,
    time_limit: float | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> Trained:
    """Train the members of a recipe one after the other.

    Parameters
    ----------
    recipe : Recipe
        With its batch and epochs (`Recipe.for_task`).
    task, encoder
        What is predicted, and what wrote ``X``.
    X, y : ndarray
        The training rows, encoded.
    weights : ndarray, optional
        Of the rows.
    held_out : tuple, optional
        ``(X, y)`` or ``(X, y, weights)``, to choose the best epoch by: that of the highest
        weighted accuracy, the last among equals; for numbers, and where classes have no
        probabilities, that of the lowest loss. Without it the last epoch is kept.
    metrics : iterable of str or callable, or mapping
        Evaluated on ``held_out`` after every epoch, for the histories.
    callbacks : callable, optional
        Makes the callbacks of each member's trainer.
    time_limit : float, optional
        Seconds, for all members together; each may use its share and what others left.

    checkpoint : Checkpoint, optional
        Where the state of the training is kept.
    resume : bool
        Go on from the last checkpoint, if there is one.

    Raises
    ------
    InputError
        If several members are to keep checkpoints.
    KeyboardInterrupt, CheckpointError
        If that comes before the first step.
    """
    if checkpoint is not None and recipe.ensemble > 1:
        raise InputError(
            f"checkpoints serve the training of one network, not of an ensemble of "
            f"{recipe.ensemble}; leave out one of the two"
        )
    assert recipe.epochs is not None
    assert recipe.batch is not None
    loss, rule = recipe.make_loss(task), recipe.make_rule()
    by_accuracy = held_out is not None and not task.is_regression and recipe.loss != "hinge"
    monitor = "accuracy" if by_accuracy else "validation_loss"
    named = metrics_named(metrics)
    if by_accuracy:
        assert held_out is not None
        named["accuracy"] = _accuracy((*held_out, None)[2])
    members: list[Network] = []
    histories: list[History] = []
    deadline = None if time_limit is None else time.perf_counter() + time_limit
    ended: BaseException | None = None
    for k in range(recipe.ensemble):
        seed = recipe.seed + k
        network = recipe.network(task, encoder, seed)
        rows = np.random.default_rng(seed).permutation(len(X))[:SAMPLE]
        init_from_data(network, X[rows], seed=seed)
        trainer = Trainer(network, loss, rule, batch=recipe.batch, seed=seed,
                          threads=recipe.threads, matmul_dtype=recipe.matmul_dtype)  # fmt: skip
        left = None
        if deadline is not None:
            left = (deadline - time.perf_counter()) / (recipe.ensemble - k)
        try:
            trainer.fit(
                X, y,
                weights=weights,
                epochs=recipe.epochs,
                validation=held_out,
                metrics=named,
                monitor=monitor,
                patience=(recipe.patience or recipe.epochs) if held_out else None,
                callbacks=callbacks(trainer) if callbacks else (),
                time_limit=left,
                checkpoint=checkpoint,
                resume=resume,
            )  # fmt: skip
        except (KeyboardInterrupt, CheckpointError) as error:
            if not members and not trainer.step:
                raise
            ended = error
        if len(trainer.history) or not members:
            members.append(network)
            histories.append(trainer.history)
        if ended is not None:
            break
    best = [_best(history, monitor) for history in histories]
    return Trained(_average(members, recipe), histories, best, ended)


def _accuracy(weights: Array | None) -> Metric:
    """Return the share of rows, by their weights, whose most probable class is the right one."""

    def accuracy(y: Array, prediction: Array) -> float:
        right = labels(prediction) == y.reshape(len(y))
        return float(np.average(right, weights=weights))

    return accuracy


def _best(history: History, monitor: str) -> int:
    """Return the epoch that was kept, from 1."""
    if not len(history) or monitor not in history.rows[0]:
        return len(history)
    values = np.asarray(history[monitor])
    best = values.max() if monitor in GREATER_IS_BETTER else values.min()
    return int(np.flatnonzero(values == best)[-1]) + 1


def _average(members: list[Network], recipe: Recipe) -> Network:
    """Return one network whose output is the average of the members' outputs."""
    if len(members) == 1:
        return members[0]
    branches = [Sequential(*member.layer.layers) for member in members]
    network = Network(
        Concat(*branches), Average(len(members)),
        inputs=members[0].inputs, seed=recipe.seed, dtype=recipe.dtype,
    )  # fmt: skip
    for k, member in enumerate(members):
        for name, array in member.parameters.items():
            network.parameters[f"0.{k}.{name}"][...] = array
    return network
