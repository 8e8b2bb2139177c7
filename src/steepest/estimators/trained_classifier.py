"""What the classifiers share that make a `Model`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y

from ..arrays import Array
from ..tables.task import Task
from .frames import as_labels
from .refusals import checked
from .trained import BaseTrained, Examples

__all__ = ["TrainedClassifier"]


class TrainedClassifier(ClassifierMixin, BaseTrained):
    """Classes for what `BaseTrained` trains.

    Parameters
    ----------
    class_weight : dict or "balanced", optional
        Weights of the classes; they multiply the weights of the rows.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        The labels, sorted.
    """

    _kind = "classification"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTrained._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : table or array
            As `fit` takes it.

        Returns
        -------
        ndarray (n,)
            From ``classes_``.
        """
        z = self._outputs(X)
        most = z.argmax(axis=1) if z.shape[1] > 1 else (z[:, 0] >= 0.5).astype(np.int64)
        named: Array = self.classes_[most]
        return named

    @available_if(lambda self: not hasattr(self, "model_") or self.model_.has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : table or array
            As `fit` takes it.

        Returns
        -------
        ndarray (n, n_classes)
            Of each row, the probabilities of ``classes_``.
        """
        shares = self._outputs(X).astype(np.float64)
        return np.hstack([1 - shares, shares]) if shares.shape[1] == 1 else shares

    def _check_targets(self, y: Any) -> Array:
        with checked(type(self).__name__):
            y = _check_y(as_labels(y, type(self).__name__), estimator=self)
            check_classification_targets(y)
            return np.asarray(y)

    def _weigh(self, y: Array, w: Array | None) -> Array | None:
        if self.class_weight is None:
            return w
        with checked(type(self).__name__):
            weights: Array = compute_sample_weight(self.class_weight, y)
        return weights if w is None else weights * w

    def _train(self, task: Task, recipe: Any, rows: Examples, held: Examples | None) -> None:
        self.classes_ = task.labels.astype(rows.y.dtype)
        super()._train(task, recipe, rows, held)
