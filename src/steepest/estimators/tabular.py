"""Classifier and regressor for raw tables: categories, missing values, dates, skewed numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_y, check_is_fitted

from ..arrays import Array, as_numbers
from ..errors import InputError
from ..pipeline.conformal import conformal_margin
from ..pipeline.defaults import VALIDATION
from ..pipeline.train import Trained
from ..printing import shown
from ..tables.split import SplitBy
from .docstrings import with_lists_of
from .frames import read_inputs
from .quantile_score import quantile_score
from .refusals import checked
from .tabular_base import BaseTabular
from .trained import SHARE, Examples
from .trained_classifier import TrainedClassifier

__all__ = ["TabularClassifier", "TabularRegressor"]


@with_lists_of(BaseTabular)
class TabularClassifier(TrainedClassifier, BaseTabular):
    """Classifier for raw tables, with the defaults of `steepest.pipeline.recipe.Recipe`.

    Parameters
    ----------
    class_weight : dict or "balanced", optional
        Weights of the classes: in training they multiply the weights of the rows, and `predict`
        takes the class of the greatest weight × probability.
    **others
        See `steepest.estimators.tabular_base.BaseTabular`.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        The labels, sorted.
    **others
        See `steepest.estimators.tabular_base.BaseTabular`.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        quality: int | None = None,
        ensemble: int | None = None,
        class_weight: Any = None,
        validation_fraction: Any = VALIDATION,
        time: str | None = None,
        groups: str | None = None,
        monotonic: Mapping[str, int] | None = None,
        metrics: Any = None,
        callbacks: Any = None,
        verbose: bool | int = False,
        progress_bar: bool = False,
        time_limit: float | None = None,
        n_threads: int | None = None,
        random_state: Any = 0,
        ranks: Any = None,
    ) -> None:
        self._set(locals())


def _gives_quantiles(model: TabularRegressor) -> bool:
    if model.quantiles is None:
        raise AttributeError("intervals need quantiles: give quantiles=(0.05, 0.95), for instance")
    return True


@with_lists_of(BaseTabular)
class TabularRegressor(RegressorMixin, BaseTabular):
    """Regressor for raw tables, with the defaults of `steepest.pipeline.recipe.Recipe`.

    Predictions stay within the range of the training targets.

    Parameters
    ----------
    quantiles : sequence of float, optional
        Levels between 0 and 1: predict these quantiles in place of the mean, and intervals.
    calibration_fraction : float
        With ``quantiles``, the share of the rows that intervals are calibrated on. With folds they
        are calibrated on all rows, by networks that were not trained on them.
    **others
        See `steepest.estimators.tabular_base.BaseTabular`.

    Attributes
    ----------
    calibration_ : tuple of ndarray
        With ``quantiles``, the rows set apart: their targets, and what the lowest and the highest
        level said of them.
    **others
        See `steepest.estimators.tabular_base.BaseTabular`.
    """

    _kind = "regression"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "quantiles": ["array-like", None],
        "calibration_fraction": [SHARE],
    }

    def __init__(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        quality: int | None = None,
        ensemble: int | None = None,
        quantiles: Any = None,
        calibration_fraction: float = 0.2,
        validation_fraction: Any = VALIDATION,
        time: str | None = None,
        groups: str | None = None,
        monotonic: Mapping[str, int] | None = None,
        metrics: Any = None,
        callbacks: Any = None,
        verbose: bool | int = False,
        progress_bar: bool = False,
        time_limit: float | None = None,
        n_threads: int | None = None,
        random_state: Any = 0,
        ranks: Any = None,
    ) -> None:
        self._set(locals())

    def predict(self, X: Any) -> Array:
        """Return a number for each row; with ``quantiles`` one for each level, never crossing.

        Parameters
        ----------
        X : table or array (n, p)
            Raw columns, as `fit` takes them.

        Returns
        -------
        ndarray (n,) or (n, levels)
            The levels in the order in which they were asked for.
        """
        return self._predicted(self._outputs(X))

    def _predicted(self, outputs: Array) -> Array:
        """Return the numbers that outputs of the model stand for."""
        found = self.model_.task.decode(outputs)
        if self.quantiles is None:
            return found
        return found.reshape(len(found), -1)[:, np.argsort(np.argsort(self.quantiles))]

    @available_if(_gives_quantiles)
    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Return intervals that hold so large a share of the targets of rows like the fitted ones.

        The lowest and the highest quantile, shifted outwards or inwards by what the rows set apart
        ask for (`conformal_margin`).

        Parameters
        ----------
        X : table or array (n, p)
            Raw columns, as `fit` takes them.
        coverage : float
            Above 0 and below 1.

        Returns
        -------
        ndarray (n, 2)
            Lower and upper ends.

        Raises
        ------
        InputError
            If no rows were set apart, or too few for such a coverage.
        """
        check_is_fitted(self)
        low, high = self._ends(read_inputs(self, X, reset=False))
        y, *ends = self.calibration_
        margin = conformal_margin(y, ends[0], ends[1], coverage)
        if not np.isfinite(margin):
            raise InputError(
                f"{len(y)} rows set apart are too few for intervals of coverage "
                f"{coverage:g}; raise calibration_fraction, or lower coverage"
            )
        middle = (low + high) / 2  # where a negative margin would turn an interval over
        return np.column_stack(
            [np.minimum(low - margin, middle), np.maximum(high + margin, middle)]
        )

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R²; with ``quantiles`` the part of the pinball loss that is explained.

        See `steepest.estimators.quantile_score`.

        Parameters
        ----------
        X : table or array (n, p)
            Raw columns, as `fit` takes them.
        y : array-like, (n,) or (n, k)
            The targets.
        sample_weight : array-like, (n,), optional
            How much each example counts; 1 by default.

        Returns
        -------
        float
            At most 1, for predictions without error.
        """
        if self.quantiles is None:
            return float(super().score(X, y, sample_weight))
        return quantile_score(y, self.predict(X), self.quantiles, sample_weight)

    def _ends(self, table: pa.Table) -> tuple[Array, Array]:
        """Return the lowest and the highest quantile of rows."""
        return self._decoded_ends(self.model_.outputs(table, threads=self.n_threads))

    def _decoded_ends(self, outputs: Array) -> tuple[Array, Array]:
        found = self.model_.task.decode(outputs).reshape(-1, len(self.quantiles))
        return found[:, 0], found[:, -1]

    def _check_targets(self, y: Any) -> Array:
        with checked(type(self).__name__):
            return np.asarray(_check_y(y, y_numeric=True, estimator=self), np.float64)

    def _own_settings(self) -> dict[str, Any]:
        if self.quantiles is None:
            return {}
        levels = as_numbers(self.quantiles, "quantiles", type(self).__name__)
        if levels.ndim != 1:
            raise InputError(
                f"{type(self).__name__}: quantiles must be a list, got {shown(levels)}"
            )
        return {"quantiles": tuple(np.sort(levels).tolist())}

    def _set_apart(
        self, rows: Examples, by: SplitBy, seed: int
    ) -> tuple[Examples, Examples | None]:
        if self.quantiles is None or not self.calibration_fraction:
            return rows, None
        # Another draw than that of the rows to validate on.
        kept, apart = by.hold_out(np.arange(len(rows.y)), self.calibration_fraction, seed + 1)
        return rows.take(kept), rows.take(apart)

    def _finish(self, rows: Examples, apart: Examples | None, trained: Trained) -> None:
        if self.quantiles is None:
            return
        self.calibration_ = (np.empty(0),) * 3
        if trained.out_of_fold is not None:
            tested, z = trained.out_of_fold
            self.calibration_ = rows.y[tested], *self._decoded_ends(self.model_.said(z))
        elif apart is not None:
            self.calibration_ = apart.y, *self._ends(apart.data)
