"""What the classifiers share that make a `Model`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y

from ..arrays import Array
from ..pipeline.class_weights import class_weights
from ..pipeline.train import Trained
from ..tables.task import Task
from ..validate import number
from .frames import as_labels
from .refusals import checked
from .trained import BaseTrained, Examples

__all__ = ["TrainedClassifier"]


class TrainedClassifier(ClassifierMixin, BaseTrained):
    """Classes for what `BaseTrained` trains.

    Parameters
    ----------
    class_weight : dict or "balanced", optional
        Weights of the classes: in training they multiply the weights of the rows, and `predict`
        takes the class of the greatest weight × probability. Probabilities are those without them.

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
        """Return the class of each row: the greatest weight × probability.

        Without ``class_weight`` that is the most probable one.

        Parameters
        ----------
        X : table or array
            As `fit` takes it.

        Returns
        -------
        ndarray (n,)
            From ``classes_``.
        """
        return self._predicted(self._outputs(X))

    def _predicted(self, outputs: Array) -> Array:
        """Return the classes that outputs of the model stand for."""
        named: Array = self.classes_[self.model_.decide(outputs)]
        return named

    @available_if(lambda self: not hasattr(self, "model_") or self.model_.has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of ``classes_``.

        Label smoothing and class weights of the training are undone; see
        `steepest.probabilities.calibration`.

        Parameters
        ----------
        X : table or array
            As `fit` takes it.

        Returns
        -------
        ndarray (n, n_classes)
            Of each row, the probabilities of ``classes_``.
        """
        outputs = self._outputs(X)
        return self.model_.judge(outputs)

    @available_if(lambda self: not hasattr(self, "model_") or self.model_.has_probabilities)
    def predict_set(self, X: Any, coverage: float = 0.9, *, empty: bool = False) -> Array:
        """Return for each row a set of classes that holds the right one as often as is asked.

        Calibrated on the rows held out: adaptive prediction sets (`steepest.probabilities.sets`).

        Parameters
        ----------
        X : table or array
            As `fit` takes it.
        coverage : float
            Above 0 and below 1.
        empty : bool
            Whether a set may be empty; else it has at least the most probable class.

        Returns
        -------
        ndarray of bool (n, n_classes)
            Of each row, which of ``classes_`` are in its set.

        Raises
        ------
        InputError
            If ``coverage`` is no share.
        ModelError
            If no rows were held out.
        """
        number(type(self).__name__, "coverage", coverage, above=0, below=1)
        outputs = self._outputs(X)
        self.model_._check_sets()
        return self.model_.calibration.sets(outputs, coverage, empty=empty)

    def _check_targets(self, y: Any) -> Array:
        with checked(type(self).__name__):
            y = _check_y(as_labels(y, type(self).__name__), estimator=self)
            check_classification_targets(y)
            return np.asarray(y)

    def _class_weights(self, y: Array, task: Task) -> tuple[float, ...] | None:
        labels = self.classes_.tolist()
        return class_weights(self.class_weight, labels, y, type(self).__name__)

    def _train(
        self, task: Task, settings: dict[str, Any], rows: Examples, held: Examples | None
    ) -> Trained:
        self.classes_ = task.labels.astype(rows.y.dtype)
        return super()._train(task, settings, rows, held)
