"""What the estimators for raw tables share: from a table to a trained model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, within_memory
from ..errors import InputError
from ..pipeline.bags import suits_a_bag
from ..pipeline.compiled import CompiledModel
from ..pipeline.defaults import LADDER, VALIDATION
from ..pipeline.ladder import Ladder, ladder_line
from ..pipeline.monotone import read_monotonic
from ..pipeline.recipe import Recipe
from ..pipeline.row_trace import RowPath, row_paths
from ..pipeline.train import TrainingData
from ..printing import shown
from ..tables.door import check_column
from ..tables.encoder import Counts, Encoder, fit_notes, has_texts, not_read
from ..tables.hints import time_hints
from ..tables.split_columns import ROW_ORDER, read_groups, read_moments
from ..tables.task import Task
from ..tables.values import column_of_values
from .docstrings import with_lists_of
from .frames import read_inputs, target_column, warn
from .trained import BaseTrained, Examples

__all__ = ["BaseTabular", "TableRows"]


class TableRows(Examples):
    """Rows of a table, their targets as users have them, and their weights or None."""

    def picked(self, chosen: Array) -> pa.Table:
        """Return the table of these rows."""
        return self.data.take(pa.array(chosen))


@with_lists_of(BaseTrained)
class BaseTabular(BaseTrained):
    """What the two share. `TabularClassifier` and `TabularRegressor` derive from it.

    Parameters
    ----------
    quality : int, optional
        A step from 1 to 4: one network, mostly of members that share layers; a bag of 8 networks
        over folds of the rows; two bags of unlike networks; four. Each takes longer, and predicts
        better most of the time. It is what ``members``, ``folds`` and
        ``ensemble`` are by default. Folds have no use for ``validation_fraction``, and train on all
        rows. By default it is 2 where that takes no more than about twice the time of 1: from 50
        rows on, of two classes or a number and up to 64 columns, or up to 1,000 rows; but not if
        rows are given that choose the epoch, rows have a time or groups, a class is rare, or there
        are ``callbacks``, ``ranks``, columns of text or monotone ones, or ``settings`` of
        ``members``, ``folds``, ``lr`` or ``epochs``, or ``ensemble``.
    time : str, optional
        A column of X that says when each row was: rows held out of a fit come after those trained
        on. ``"row-order"`` means the order of the rows.
    groups : str, optional
        A column of X that says which rows belong together: no group is both trained and validated
        on. It is no input.
    monotonic : mapping of str to int, optional
        Columns of numbers with which predictions, or the probability of the second of two classes,
        rise (1) or fall (−1), or stay, all else being equal: ``{"age": 1}``.
    **others
        See `steepest.estimators.trained.BaseTrained`.

    Attributes
    ----------
    notes_ : list of str
        What is not used of the training rows, or was read in an unusual way; also a `TableWarning`.
    costs_ : dict of int to float, or None
        About how many seconds each step of ``quality`` takes on these rows, as it looked before the
        training; None unless ``quality`` above 1 or ``verbose``, which prints them, asks for it.
    hints_ : list of str
        What the training rows may want that was not asked for, such as a split by time; printed if
        ``verbose``.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray, (n_features_in_,)
        Their names, if X was a data frame.
    **others
        See `steepest.estimators.trained.BaseTrained`.
    """

    _examples = TableRows
    _recipes = Recipe
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTrained._parameter_constraints,
        "quality": [Interval(Integral, 1, max(LADDER), closed="both"), None],
        "time": [str, None],
        "groups": [str, None],
        "monotonic": [Mapping, None],
    }
    _parameters: ClassVar[Mapping[str, str]] = {**BaseTrained._parameters, "quality": "quality"}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        eval_set: Any = None,
        time: Any = None,
        groups: Any = None,
    ) -> Any:
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
        time, groups : array-like (n,), optional
            When each row was, as dates or numbers, and which rows belong together: in place of the
            columns that the parameters of these names tell.

        Returns
        -------
        self
            The estimator, fitted.

        Raises
        ------
        InputError
            If ``X``, ``y`` and the weights don't fit one another.
        TableError
            If a column can't be read, none is of use, or there is nothing to learn; or there are
            too few moments or groups for a split.

        Warns
        -----
        TableWarning
            If a column is not used, or values of it were not what it holds.
        """
        return self._fit(X, y, sample_weight, eval_set, time, groups)

    def _read(self, X: Any, reset: bool) -> pa.Table:
        return read_inputs(self, X, reset=reset)

    def _recipe(
        self, task: Task, settings: dict[str, Any], rows: Examples, encoder: Any = None
    ) -> Recipe:
        texts = encoder is not None and bool(encoder.texts)
        rising = encoder is not None and bool(encoder.rising)
        columns = rows.data.num_columns
        return Recipe.for_task(task, settings, len(rows.y), columns, texts, rising, rows.whole)

    def _may_be_a_bag(self, task: Task, settings: dict[str, Any], rows: Examples) -> bool:
        one = self.callbacks is not None or self.ranks is not None
        if self.validation_fraction != VALIDATION or one:
            return False

        def texts() -> bool:
            return has_texts(rows.data, self._inputs(rows))

        signs = read_monotonic(type(self).__name__, self.monotonic)
        plain = {"rising": bool(signs), "bag": True}
        recipe = Recipe.for_task(task, settings, len(rows.y), rows.data.num_columns, **plain)
        return suits_a_bag(recipe, rows.split_by(task), texts)

    def _inputs(self, rows: Examples) -> list[str]:
        """Return the columns that are inputs."""
        return [name for name in rows.data.column_names if name != self.groups]

    def _foretell(
        self,
        task: Task,
        encoder: Any,
        recipe: Recipe,
        settings: dict[str, Any],
        rows: Examples,
        data: TrainingData,
    ) -> None:
        self.costs_: dict[int, float] | None = None
        if settings.get("quality", 1) == 1 and not self.verbose:
            return
        ladder = Ladder(recipe, task, encoder, settings, len(data.y))
        self.costs_ = ladder.seconds(ladder.pace_before(data))
        if self.verbose:
            print(ladder_line(recipe.quality, self.costs_))

    @abstractmethod
    def _predicted(self, outputs: Array) -> Array:
        """Return the predictions that outputs of the model stand for."""

    def _split_by(
        self, data: pa.Table, time: Any, groups: Any
    ) -> tuple[Array | None, Array | None]:
        when = self._column(data, "time", time)
        which = self._column(data, "groups", groups)
        return (
            None if when is None else read_moments("time", when),
            None if which is None else read_groups("groups", which),
        )

    def _column(self, data: pa.Table, parameter: str, values: Any) -> Any:
        """Return the column that a parameter names, or the values given to `fit`; None if none."""
        name, where = getattr(self, parameter), f"{type(self).__name__}.fit"
        if values is not None:
            if name is not None:
                raise InputError(f"{where}: {parameter} is column {name!r} already; give one")
            column = column_of_values(parameter, values)
            if len(column) != len(data):
                raise InputError(f"{where}: {len(data)} rows of X, {len(column)} of {parameter}")
            return column
        if name is None:
            return None
        if isinstance(name, str) and name in data.column_names:
            return check_column(data, name)
        if parameter == "time" and isinstance(name, str) and name == ROW_ORDER:
            return pa.array(np.arange(len(data)))
        raise InputError(f"{where}: X has no column {shown(name)}, which {parameter} names")

    def _encode(
        self, task: Task, recipe: Recipe, rows: Examples, held: Examples | None
    ) -> tuple[Encoder, TrainingData]:
        odd, names = Counts(), self._inputs(rows)
        signs = read_monotonic(type(self).__name__, self.monotonic)
        same_days = rows.time is None and (held is None or held.drawn)
        encoder, X = Encoder.fit_transform(
            rows.data,
            names,
            counts=odd,
            dtype=recipe.dtype,
            monotonic=signs,
            same_days=same_days,
        )
        self.notes_ = fit_notes(encoder, odd)
        if self._together().speaks:
            warn(type(self).__name__, self.notes_)
        self.hints_ = self._hints(task, encoder, recipe, rows, held)
        held_out = None
        if held is not None:
            checked = encoder.transform(held.data, dtype=recipe.dtype)
            held_out = checked, *self._targets(task, held)
        return encoder, TrainingData(X, *self._targets(task, rows), held_out)

    def _hints(
        self,
        task: Task,
        encoder: Encoder,
        recipe: Recipe,
        rows: Examples,
        held: Examples | None,
    ) -> list[str]:
        """Return what the rows may want that nobody asked for; print it if asked to print."""
        drawn = recipe.folds or (held is not None and held.drawn)
        if not drawn or not rows.split_by(task).is_random:
            return []
        y = task.encode(target_column(rows.y))
        hints = time_hints(encoder.columns, y, task, "time={!r}")
        if self.verbose and hints:
            print(*hints, sep="\n")
        return hints

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
        return row_paths(self.model_, self._read(X, reset=False))

    def compiled(self) -> CompiledModel:
        """Return a function of one raw row, which takes a microsecond or so a column.

        It holds this moment's network, and is not safe to call from two threads at once.

        Returns
        -------
        CompiledModel
            Takes a mapping of names to values, or a sequence of values in the order of the columns
            of the fit, and returns what `predict` has for the row; its ``proba`` what
            `predict_proba` has.

        Examples
        --------
        >>> import numpy as np
        >>> from steepest import TabularRegressor
        >>> x = np.arange(40.0)
        >>> model = TabularRegressor(settings={"epochs": 2}).fit({"size": x}, 3 * x)
        >>> predict = model.compiled()
        >>> bool(np.isclose(predict({"size": 7.0}), model.predict({"size": [7.0]})[0]))
        True
        """
        check_is_fitted(self)
        return CompiledModel(self.model_, self._predicted, self._columns)

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
