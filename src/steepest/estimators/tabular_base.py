"""What the estimators for raw tables share: parameters, and from a table to a trained model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..arrays import Array, within_memory
from ..errors import InputError
from ..metrics import metrics_named
from ..onnx_form import OnnxModel
from ..pipeline.model import Model
from ..pipeline.recipe import Recipe
from ..pipeline.row_trace import RowPath, row_paths
from ..pipeline.train import RunOptions, TrainingData, train_recipe
from ..tables.encoder import Counts, Encoder, fit_notes, not_read
from ..tables.split import draw_rows
from ..tables.task import Task, infer_task
from ..training.bar import shown
from ..training.progress import Callback, Progress, checked_callbacks
from .frames import read_inputs, target_column, warn
from .held_out import Splitter
from .refusals import checked

__all__ = ["SHARE", "BaseTabular", "TableRows"]


SHARE = Interval(Real, 0, 1, closed="left")
_PARAMETERS = {"ensemble": "ensemble", "threads": "n_threads", "seed": "random_state"}
"""By setting of the recipe: the parameter that takes its place."""


@dataclass
class TableRows:
    """Rows of a table, their targets as users have them, and their weights or None."""

    table: pa.Table
    y: Array
    w: Array | None

    def take(self, chosen: Array) -> TableRows:
        """Return these rows of it."""
        w = None if self.w is None else self.w[chosen]
        return TableRows(self.table.take(pa.array(chosen)), self.y[chosen], w)


class BaseTabular(BaseEstimator):
    """What the two share. `TabularClassifier` and `TabularRegressor` derive from it.

    Parameters
    ----------
    settings : mapping, optional
        Of the `steepest.pipeline.recipe.Recipe`, where they are not its defaults:
        ``{"layers": (64,)}``.
    ensemble : int
        How many networks are averaged.
    validation_fraction : float or splitter
        The rows that the best epoch is chosen by: a share, or the last split of a splitter; 0 for
        none, so that the last epoch counts.
    metrics : sequence or dict, optional
        Evaluated on those rows after every epoch (`steepest.metrics`).
    callbacks : sequence of callable, optional
        Called with a `Progress`; one that returns True ends the training of a network.
    verbose : bool or int
        Whether to print a line an epoch.
    progress_bar : bool
        Whether to show a bar on standard error.
    time_limit : float, optional
        Seconds, for all networks together.
    n_threads : int, optional
        By default one, or more where a step is large enough to share.
    random_state : int, RandomState or None
        Of the rows held out, the first parameters, the order of rows and dropout.

    Attributes
    ----------
    model_ : Model
        Encoder, network and task; ``model_.save(path)`` writes what the command line reads.
    history_ : History
        A row an epoch, of the first network.
    histories_ : list of History
        Of all networks.
    best_epochs_ : list of int
        The epoch that was kept of each, from 1.
    notes_ : list of str
        What is not used of the training rows, or was read in an unusual way; also a `TableWarning`.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray, (n_features_in_,)
        Their names, if X was a data frame.
    """

    _kind: ClassVar[str]
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "settings": [Mapping, None],
        "ensemble": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [SHARE, Splitter()],
        "metrics": ["array-like", dict, None],
        "callbacks": ["array-like", None],
        "verbose": ["verbose"],
        "progress_bar": ["boolean"],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def _set(self, parameters: dict[str, Any]) -> None:
        """Keep the arguments of the constructor, as they are."""
        for name in self._get_param_names():
            setattr(self, name, parameters[name])

    # ------------------------------------------------------------------ what the two differ in

    @abstractmethod
    def _check_targets(self, y: Any) -> Array:
        """Return targets (n,); raise `InputError` if they can't be used."""

    def _own_settings(self) -> dict[str, Any]:
        """Return settings of the recipe that are parameters of the estimator."""
        return {}

    def _weigh(self, y: Array, w: Array | None) -> Array | None:
        """Return the weights of rows with targets ``y``."""
        return w

    def _set_apart(
        self, rows: TableRows, labels: Array, seed: int
    ) -> tuple[TableRows, TableRows | None]:
        """Return the rows to train on, and those for what comes after the training."""
        return rows, None

    def _finish(self, apart: TableRows | None) -> None:
        """Learn what is learned after the training."""

    # ------------------------------------------------------------------ fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Any:
        """Train on a table.

        Parameters
        ----------
        X : pandas, Polars or Arrow table, mapping of columns, or array (n, p)
            Raw columns of any usual type; values may be missing.
        y : array-like (n,)
            Classes or numbers, none missing.
        sample_weight : array-like (n,), optional
            A row of weight 0 has no part in anything.
        eval_set : tuple, optional
            ``(X, y)`` or ``(X, y, sample_weight)``: rows to choose the best epoch by, in place of a
            share of the others.

        Returns
        -------
        self
            The estimator, fitted.

        Raises
        ------
        InputError
            If ``X``, ``y`` and the weights don't fit one another.
        TableError
            If a column can't be read, none is of use, or there is nothing to learn.

        Warns
        -----
        TableWarning
            If a column is not used, or values of it were not what it holds.
        """
        with within_memory(f"{type(self).__name__}.fit"):
            self._check_settings()
            rows = self._rows(read_inputs(self, X, reset=True), y, sample_weight)
            if len(rows.y) < 2:
                raise InputError(
                    f"{type(self).__name__}.fit: n_samples={len(rows.y)} with a weight above 0, "
                    "while a minimum of 2 is required"
                )
            task = infer_task(target_column(rows.y), "target", self._kind)
            seed = self._draw_seed()
            given = None if eval_set is None else self._given(eval_set)
            rows, held, apart = self._divide(rows, task, given, seed)
            if metrics_named(() if self.metrics is None else self.metrics) and held is None:
                raise InputError("metrics need held-out rows: give validation_fraction or eval_set")
            own = {"ensemble": self.ensemble, "threads": self.n_threads, "seed": seed}
            settings = {**(self.settings or {}), **own, **self._own_settings()}
            self._train(task, Recipe.for_task(task, settings, len(rows.y)), rows, held)
            self._finish(apart)
        return self

    def _train(self, task: Task, recipe: Recipe, rows: TableRows, held: TableRows | None) -> None:
        odd = Counts()
        table, names = rows.table, rows.table.column_names
        encoder, X = Encoder.fit_transform(table, names, counts=odd, dtype=recipe.dtype)
        self.notes_ = fit_notes(encoder, odd)
        warn(type(self).__name__, self.notes_)

        def targets(rows: TableRows) -> tuple[Array, Array | None]:
            return task.encode(target_column(rows.y)), self._weigh(rows.y, rows.w)

        y, w = targets(rows)
        held_out = None
        if held is not None:
            held_out = encoder.transform(held.table, dtype=recipe.dtype), *targets(held)
        assert recipe.epochs is not None
        with shown(self.progress_bar) as bars:
            trained = train_recipe(
                recipe,
                task,
                encoder,
                TrainingData(X, y, w, held_out),
                RunOptions(
                    self.time_limit,
                    self._callbacks(recipe, bars),
                    () if self.metrics is None else self.metrics,
                ),
            )
        self.histories_, self.best_epochs_ = trained.histories, trained.best
        self.history_ = self.histories_[0]
        self.model_ = Model(trained.network, recipe.make_loss(task), encoder, task)
        if trained.ended is not None:
            raise trained.ended

    def _check_settings(self) -> None:
        """Refuse what would be overridden by a parameter of the estimator."""
        for setting, parameter in _PARAMETERS.items():
            if setting in (self.settings or {}):
                raise InputError(
                    f"settings: give {parameter} of {type(self).__name__} instead of {setting!r}"
                )

    def _callbacks(self, recipe: Recipe, bars: tuple[Callback, ...]) -> Callable[[Any], list[Any]]:
        """Return what makes the callbacks of each network's trainer."""
        begun, members = 0, recipe.ensemble

        def make(_: Any) -> list[Callable[[Progress], object]]:
            nonlocal begun
            begun += 1
            given = () if self.callbacks is None else self.callbacks
            callbacks: list[Any] = list(checked_callbacks(type(self).__name__, given))
            if self.verbose:
                callbacks.append(_print_epoch)
            callbacks += [lambda told, bar=bar: bar(of_all(told)) for bar in bars]
            return callbacks

        def of_all(told: Progress) -> Progress:
            """Return how far all networks together have come."""
            before = begun - 1
            return replace(
                told,
                epoch=before * told.epochs + told.epoch,
                epochs=members * told.epochs,
                step=before * told.steps + told.step,
                steps=members * told.steps,
            )

        return make

    def _rows(self, table: pa.Table, y: Any, sample_weight: Any) -> TableRows:
        """Return checked rows, without those of weight 0."""
        if y is None:
            raise InputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        y = self._check_targets(y)
        if len(y) != table.num_rows:
            raise InputError(
                f"{type(self).__name__}.fit: {table.num_rows} rows of X, {len(y)} of y"
            )
        if sample_weight is None:
            return TableRows(table, y, None)
        with checked(type(self).__name__):
            w = _check_sample_weight(sample_weight, table, ensure_non_negative=True)
        rows = TableRows(table, y, w)
        if not w.any():
            raise InputError(f"all {len(w)} rows have weight 0; sample_weight needs some above 0")
        return rows if w.all() else rows.take(np.flatnonzero(w))

    def _given(self, eval_set: Any) -> TableRows:
        if not isinstance(eval_set, tuple) or len(eval_set) not in (2, 3):
            raise InputError("eval_set: expected a tuple (X, y) or (X, y, sample_weight)")
        X, y, w = (*eval_set, None)[:3]
        return self._rows(read_inputs(self, X, reset=False), y, w)

    def _divide(
        self, rows: TableRows, task: Task, given: TableRows | None, seed: int
    ) -> tuple[TableRows, TableRows | None, TableRows | None]:
        """Return the rows to train on, to choose the epoch by, and for what comes after."""
        labels = np.zeros(len(rows.y), np.int64)
        if not task.is_regression:
            labels = task.encode(target_column(rows.y))
        rows, apart = self._set_apart(rows, labels, seed)
        split = self.validation_fraction
        if given is not None or not (hasattr(split, "split") or split):
            return rows, given, apart
        everything = np.arange(len(rows.y))
        if hasattr(split, "split"):
            kept, out = list(split.split(np.empty((len(rows.y), 1)), rows.y))[-1]
        else:
            kept, out = draw_rows(everything, labels[: len(everything)], split, seed)
        return rows.take(kept), rows.take(out), apart

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    # ------------------------------------------------------------------ predicting

    def row_paths(self, X: Any) -> list[RowPath]:
        """Return what encoder and network do to each row, step by step; print one to read it.

        Parameters
        ----------
        X : table or array (n, p)
            Raw columns, as `fit` takes them.

        Returns
        -------
        list of RowPath
            One for each row.
        """
        check_is_fitted(self)
        return row_paths(self.model_, read_inputs(self, X, reset=False))

    def fill_onnx(self, g: OnnxModel) -> None:
        """Add the model to an ONNX file (`steepest.export_onnx`).

        Parameters
        ----------
        g : OnnxModel
            The file.
        """
        check_is_fitted(self)
        g.model(self.model_)

    def _outputs(self, X: Any) -> Array:
        """Return what the model says of rows as a user gives them, (n, q)."""
        check_is_fitted(self)
        with within_memory(f"{type(self).__name__}.predict"):
            table, odd = read_inputs(self, X, reset=False), Counts()
            outputs = self.model_.outputs(table, odd, threads=self.n_threads)
        warn(type(self).__name__, not_read(self.model_.encoder, odd, table.num_rows))
        return outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags


def _print_epoch(progress: Progress) -> None:
    if progress.epoch_ended:
        row = ", ".join(f"{k} {v:.6g}" for k, v in progress.row.items() if k != "epoch")
        print(f"epoch {progress.epoch} of {progress.epochs}: {row}")
