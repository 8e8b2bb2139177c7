"""Classifier and regressor for raw tables: categories, missing values, dates, skewed numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..encode import Encoder
from ..errors import InputError
from ..model import Model
from ..recipe import Recipe
from ..split import split_rows
from ..table_train import train_recipe
from ..task import infer_task

__all__ = ["TabularClassifier", "TabularRegressor"]

Array = NDArray[Any]


class _Tabular(BaseEstimator):
    """What both share: parameters and fitting."""

    _kind: str

    def __init__(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        ensemble: int = 1,
        validation_fraction: float = 0.1,
        time_limit: float | None = None,
        n_threads: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.settings = settings
        self.ensemble = ensemble
        self.validation_fraction = validation_fraction
        self.time_limit = time_limit
        self.n_threads = n_threads
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : pandas, Polars or Arrow table, mapping of columns, or array (n, p)
            Raw columns of any usual type; values may be missing.
        y : array-like (n,)
            Classes or numbers, none missing.
        sample_weight : array-like (n,), optional

        Raises
        ------
        InputError
            If ``X``, ``y`` and the weights are not of one length.
        TableError
            If no column is of use.
        """
        table, target = as_table(X), pa.array(np.asarray(y).tolist())
        if len(target) != table.num_rows:
            raise InputError(
                f"{type(self).__name__}.fit: {table.num_rows} rows of X, {len(target)} of y"
            )
        task = infer_task(target, "target", self._kind)
        own = {"ensemble": self.ensemble, "threads": self.n_threads, "seed": self.random_state}
        # The split reads the classes from the table, under the target's name.
        named = table.drop_columns([n for n in table.column_names if n in ("target", "split")])
        share = self.validation_fraction
        split = split_rows(named.append_column("target", target), task, test=0, validation=share,
                           seed=self.random_state)  # fmt: skip
        recipe = Recipe.for_task(task, {**(self.settings or {}), **own}, len(split.train))
        train, held = table.take(pa.array(split.train)), table.take(pa.array(split.validation))
        encoder = Encoder.fit(train, table.column_names)
        codes = task.encode(target)
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        if weights is not None and weights.shape != codes.shape:
            raise InputError(
                f"{type(self).__name__}.fit: {table.num_rows} rows of X, but sample_weight has "
                f"shape {weights.shape}"
            )
        held_out = None
        if held.num_rows:
            held_out = (encoder.transform(held, dtype=recipe.dtype), codes[split.validation])
        trained = train_recipe(
            recipe, task, encoder, encoder.transform(train, dtype=recipe.dtype),
            codes[split.train], held_out=held_out, time_limit=self.time_limit,
            weights=None if weights is None else weights[split.train],
        )  # fmt: skip
        self.model_ = Model(trained.network, recipe.make_loss(task), encoder, task)
        self.n_features_in_ = table.num_columns
        if trained.ended is not None:
            raise trained.ended
        return self

    def predict(self, X: Any) -> Array:
        """Return a label, or a number, for each row."""
        return self.model_.task.decode(self._outputs(X))

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self, "model_")
        return self.model_.outputs(as_table(X), threads=self.n_threads)


class TabularClassifier(ClassifierMixin, _Tabular):
    """Classifier for raw tables, with the defaults of `steepest.recipe.Recipe`.

    Parameters
    ----------
    settings : mapping, optional
        Of the `Recipe`, where they are not its defaults, like ``{"layers": (64,)}``.
    ensemble : int
        How many networks are averaged.
    validation_fraction : float
        Share of the rows that the best epoch is chosen by; 0 for none.
    time_limit : float, optional
        Seconds.
    n_threads : int, optional
    random_state : int

    Attributes
    ----------
    model_ : Model
        Encoder, network and task; ``model_.encoder.describe()`` says what columns became.
    classes_ : ndarray
    """

    _kind = "classification"

    @property
    def classes_(self) -> Array:
        """The labels, in the order of the columns of `predict_proba`."""
        check_is_fitted(self, "model_")
        return np.array(self.model_.task.classes)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (n, classes)."""
        shares = self._outputs(X).astype(np.float64)
        return np.hstack([1 - shares, shares]) if shares.shape[1] == 1 else shares


class TabularRegressor(RegressorMixin, _Tabular):
    """Regressor for raw tables; parameters as of `TabularClassifier`.

    Predictions stay within the range of the training targets.
    """

    _kind = "regression"


def as_table(X: Any) -> pa.Table:
    """Return data of any usual kind as an Arrow table; the columns of an array are x0, x1, …"""
    if isinstance(X, pa.Table):
        return X
    if isinstance(X, Mapping):
        return pa.table({str(name): pa.array(np.asarray(v).tolist()) for name, v in X.items()})
    if hasattr(X, "__arrow_c_stream__"):
        table = pa.table(X)
        metadata = table.schema.pandas_metadata or {}
        index = [n for n in metadata.get("index_columns", ()) if n in table.column_names]
        return table.drop_columns(index)
    array = np.asarray(X)
    if array.ndim != 2:
        raise InputError(f"X must be a table or an array (rows, columns), got shape {array.shape}")
    return pa.table({f"x{j}": pa.array(array[:, j].tolist()) for j in range(array.shape[1])})
