"""How much the loss depends on each input, asked in two ways: by shuffling, and by the gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, is_sparse, within_memory
from ..errors import InputError
from ..lowering.predict import Predictor
from ..metrics import GREATER_IS_BETTER, Metric, metrics_named, value_of
from ..network import prepare
from ..printing import Cells, Printed, shortened, shown
from ..validate import positive_count
from ..validate import seed as checked_seed
from .gradients import Gradients

if TYPE_CHECKING:
    from ..loss import Loss
    from ..network import Network

__all__ = ["Importance", "importance"]


_SHOWN = 40  # rows that are printed


@dataclass(frozen=True, repr=False)
class Importance(Printed):
    """What the loss owes to each group of input columns; printed, a table from the most down.

    Attributes
    ----------
    names : list of str
        The groups.
    permutation : ndarray
        How much worse the average loss, or the metric, gets when the group's rows are shuffled:
        mean over repeats.
    spread : ndarray
        Its standard deviation over repeats.
    gradient : ndarray
        The mean over examples of |∇_x ℓ · (x̄ − x)| within the group: how much, to first order,
        the loss of an example would change with the group at its average. Codes, which have no
        slope, count for 0.
    loss : float
        The average loss, or the metric, as it is.
    """

    names: list[str]
    permutation: Array
    spread: Array
    gradient: Array
    loss: float

    def _printed(self) -> list[str | Cells]:
        rows = [("columns", "shuffled", "±", "by gradient")]
        for k in np.argsort(-self.permutation, kind="stable"):
            numbers = (f"{self.spread[k]:.4f}", f"{self.gradient[k]:.4f}")
            rows.append((self.names[k], f"{self.permutation[k]:+.4f}", *numbers))
        return [
            f"loss {self.loss:.4g}; what it owes to the columns:",
            Cells(shortened(rows, _SHOWN), left=1),
        ]

    __repr__ = Printed.__str__


@within_memory("importance")
def importance(
    network: Network,
    loss: Loss,
    X: Any,
    y: Any,
    groups: Mapping[str, Any] | None = None,
    *,
    repeats: int = 5,
    seed: int = 0,
    threads: int | None = None,
    metric: str | Metric | None = None,
) -> Importance:
    """Tell how much the loss depends on each group of columns of ``X``.

    Shuffling tells what the network as a whole makes of a column, also where it is flat around the
    examples; columns that say the same share their importance (Breiman, "Random forests", Machine
    Learning 45, 2001; for the loss of any model Fisher, Rudin & Dominici, arXiv:1801.01489,
    section 3). The gradient tells how steep the loss is at the examples themselves (gradient times
    input, Shrikumar et al., arXiv:1605.01713, with the average for the reference), in one sweep.

    Parameters
    ----------
    network : Network
    loss : Loss
    X : array-like, (n, p); or (n, …, p), whose columns lie along the last axis
    y : array-like, (n,) or (n, k); or (n, …)
    groups : mapping of str to index, optional
        Name -> columns that are shuffled together, such as the slots of one category; by default
        every column by itself.
    repeats : int
        How often each group is shuffled.
    seed : int
    threads : int, optional
    metric : str or callable, optional
        What is looked at instead of the average loss when columns are shuffled: a name of
        `steepest.metrics`, or an error, ``(y, prediction) -> float``, of what the loss's inverse
        link makes of the outputs.

    Returns
    -------
    Importance
        Of each group, how much worse the loss or the metric gets, and what the gradient of the loss
        says.

    Raises
    ------
    InputError
        If the data don't fit the network, the loss or one another, X is sparse, or there is no such
        metric.
    """
    where = "importance"
    positive_count(where, "repeats", repeats)
    if is_sparse(X):
        raise InputError(f"{where}: X must be dense; give X.toarray()")
    given = y
    X, y, _ = prepare(network, loss, X, y, None, where)
    seed = checked_seed(where, seed)
    if groups is None:
        groups = {str(column): [column] for column in range(X.shape[-1])}
    groups = _columns(groups, X.shape[-1], where)
    n = X.shape[0]
    predictor = Predictor(network.built, 256, threads, loss)
    weights = np.ones(n, network.dtype)

    def mean_loss(rows: Array) -> float:
        return predictor.evaluate(rows, y, weights)[1]

    sign, measure = 1.0, mean_loss
    if metric is not None:
        sign, name, score = _one_metric(metric)
        targets = np.asarray(given)  # y is as the loss has it: of hinge loss, −1 and 1

        def measure(rows: Array) -> float:
            return sign * value_of(name, score, targets, loss.mean(predictor.outputs(rows)))

    before = measure(X)
    rises = _shuffled(measure, X, list(groups.values()), repeats, seed) - before
    found = Gradients(network, loss, threads=threads).mean(X, given)
    assert found.dx is not None
    pull = n * found.dx * (X.mean(axis=0) - X)
    axes = tuple(range(1, X.ndim))
    changes = [np.abs(pull[..., columns].sum(axis=axes)).mean() for columns in groups.values()]
    return Importance(
        list(groups), rises.mean(axis=1), rises.std(axis=1), np.array(changes), sign * before
    )


def _one_metric(metric: str | Metric) -> tuple[float, str, Metric]:
    """Return a metric with its name, and −1 if greater values of it are better."""
    found = metrics_named(metric)
    if len(found) != 1:
        raise InputError(f"importance: metric must be one name or function, got {shown(metric)}")
    ((name, score),) = found.items()
    return (-1.0 if name in GREATER_IS_BETTER and metric == name else 1.0), name, score


def _columns(groups: Mapping[str, Any], p: int, where: str) -> dict[str, Array]:
    """Return the numbers of the columns of each group; raise `InputError` if they aren't any."""
    if not isinstance(groups, Mapping):
        raise InputError(
            f"{where}: groups must be columns by name, like {{'size': [0, 1]}}, got {shown(groups)}"
        )
    found = {}
    for name, columns in groups.items():
        try:
            found[str(name)] = np.atleast_1d(np.arange(p)[columns]).ravel()
        except (IndexError, TypeError) as error:
            raise InputError(
                f"{where}: group {name!r} must be some of the {p} columns, got {shown(columns)}"
            ) from error
    return found


def _shuffled(
    measure: Callable[[Array], float], X: Array, groups: list[Any], repeats: int, seed: int
) -> Array:
    """Return what is measured with each group of columns shuffled in turn, (groups, repeats)."""
    rng = np.random.default_rng(seed)
    shuffled = X.copy()
    losses = np.empty((len(groups), repeats))
    for row, columns in zip(losses, groups, strict=True):
        for k in range(repeats):
            shuffled[..., columns] = X[rng.permutation(len(X))][..., columns]
            row[k] = measure(shuffled)
        shuffled[..., columns] = X[..., columns]
    return losses
