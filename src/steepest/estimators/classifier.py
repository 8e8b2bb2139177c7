"""`MLPClassifier`: scikit-learn's, faster, and with what its users have asked for."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from ..arrays import Array, within_memory
from ..errors import InputError
from ..loss import Loss
from ..losses import Hinge, Logistic, SoftmaxCrossEntropy
from ..onnx_form import OnnxModel
from .base import FRACTION, BaseMLP, is_stochastic, with_callbacks
from .docstrings import with_lists_of
from .frames import as_labels
from .refusals import checked

__all__ = ["MLPClassifier"]


def _gives_probabilities(model: MLPClassifier) -> bool:
    if isinstance(model.loss, Hinge):
        raise AttributeError("the hinge loss gives no probabilities; use loss='log_loss'")
    return True


@with_lists_of(BaseMLP)
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier with scikit-learn's interface.

    Two classes have one output, the logit of the second; more have one each and a softmax; labels
    that don't exclude one another (``y`` of zeros and ones, (n, k)) have one logit each.

    Parameters
    ----------
    loss : {"log_loss"} or Loss
        What is minimised.
    class_weight : dict or "balanced", optional
        Weights of the classes; they multiply the weights of the examples.
    label_smoothing : float
        The part of each target that is spread evenly over the classes, with ``"log_loss"``.
    **others
        See `steepest.estimators.base.BaseMLP`.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        The labels, sorted.
    **others
        See `steepest.estimators.base.BaseMLP`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from steepest import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(hidden_layer_sizes=20, random_state=0, max_iter=1000).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"log_loss"}), Loss],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [FRACTION],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: Any = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        network: Any = None,
        dropout: Any = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        metrics: Any = None,
        callbacks: Any = None,
        progress_bar: bool = False,
        time_limit: float | None = None,
        n_threads: int | None = None,
        dtype: str | None = None,
    ) -> None:
        self._set(locals())

    @available_if(is_stochastic)
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Take one epoch of steps on these rows, from where the last fit ended.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.
        y : array-like, (n,) or (n, k)
            The targets.
        sample_weight : array-like, (n,), optional
            How much each example counts; 1 by default.
        classes : array-like, (n_classes,), optional
            All labels that there will ever be; needed in the first call.

        Returns
        -------
        self
            The estimator, fitted.
        """
        with checked(f"{type(self).__name__}.partial_fit"):
            if _check_partial_fit_first_call(self, classes):
                multilabel = type_of_target(y).startswith("multilabel")
                self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        with within_memory(f"{type(self).__name__}.partial_fit"):
            return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of every row, or the labels that apply.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.

        Returns
        -------
        ndarray, (n,) or (n, k)
            From ``classes_``; zeros and ones, if the labels don't exclude one another.
        """
        return self._labels(self._outputs(X))

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes, in the order of ``classes_``.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.

        Returns
        -------
        ndarray, (n, n_classes)
            Of each row, the probabilities of ``classes_``.
        """
        return self._means(self._outputs(X))

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of what `predict_proba` returns.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.

        Returns
        -------
        ndarray, (n, n_classes)
            Of each row, the logarithms of the probabilities of ``classes_``.
        """
        p: Array = self.predict_proba(X)
        return np.log(p, out=p)

    # ------------------------------------------------------------------ what BaseMLP asks for

    @property
    def _multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _validate(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Array, Array]:
        with checked(type(self).__name__):
            as_labels(y, type(self).__name__)  # none of which may be missing
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                multi_output=True,
                reset=reset,
                dtype=(np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype),
            )
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            with checked(type(self).__name__):
                self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            with checked(type(self).__name__):
                classes = unique_labels(y)
            self._compare_classes(classes)
        if self._multilabel:
            encoded = np.asarray(self._label_binarizer.transform(y), np.int64)
        else:
            encoded = np.searchsorted(self.classes_, y)
        return X, y, encoded

    def _compare_classes(self, classes: Array) -> None:
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise InputError(
                    "warm_start can only be used where `y` has the same classes as in the previous "
                    f"call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise InputError(f"`y` has {classes}, but all the classes are {self.classes_}")

    def _weigh(self, strata: Array, sample_weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        with checked(type(self).__name__):
            weights: Array = compute_sample_weight(self.class_weight, strata)
        return weights if sample_weight is None else weights * sample_weight

    def _choose_loss(self, y: Array) -> tuple[Loss, int]:
        n_classes = len(self.classes_)
        one_each = self._multilabel or n_classes > 2
        if isinstance(self.loss, Loss):
            numbers = np.arange(n_classes) if y.ndim == 1 else y
            return self.loss, max(self.loss.outputs(numbers), n_classes if one_each else 1)
        if y.ndim == 1 and one_each:
            return SoftmaxCrossEntropy(self.label_smoothing), n_classes
        return Logistic(self.label_smoothing), n_classes if one_each else 1

    def _targets(self, y: Array) -> Array:
        q = self.network_.outputs
        if isinstance(self._loss, Logistic) and y.ndim == 1 and q > 1:
            return np.equal(y[:, None], np.arange(q))
        return y

    def _stratify(self, strata: Array) -> Array | None:
        if self.network_.outputs != 1:
            return None
        return np.asarray(strata == self.classes_[-1]).reshape(-1, 1)

    def _out_activation(self) -> str:
        return "softmax" if isinstance(self._loss, SoftmaxCrossEntropy) else "logistic"

    def _means(self, z: Array) -> Array:
        p = super()._means(z)
        if p.shape[1] == 1:
            return np.hstack([1 - p, p])
        if self._multilabel or isinstance(self._loss, SoftmaxCrossEntropy):
            return p
        one_against_rest: Array = p / p.sum(axis=1, keepdims=True)
        return one_against_rest

    def _labels(self, z: Array) -> Array:
        if self._multilabel:
            found: Array = self._label_binarizer.inverse_transform(self._loss.mean(z))
            return found
        named: Array = self.classes_.take(self._numbers(z), mode="clip")
        return named

    def _numbers(self, z: Array) -> Array:
        """Return the numbers of the most probable classes."""
        if z.shape[1] > 1:
            return np.asarray(z.argmax(axis=1))
        return np.asarray(self._loss.mean(z)[:, 0] > 0.5, np.int64)

    def _add_predictions(self, g: OnnxModel, z: str, mean: str) -> None:
        labels, q = np.array(self.classes_.tolist()), self.network_.outputs
        if self._multilabel:
            likely = g.op("Greater", mean, g.constant(0.5, np.float32))
            g.output(g.cast(likely, np.int64), "prediction", np.int64, q)
        else:
            if q == 1:
                likely = g.op("Greater", mean, g.constant(0.5, np.float32))
                number = g.cast(g.op("Reshape", likely, g.constant([-1], np.int64)), np.int64)
            else:
                number = g.op("ArgMax", z, axis=1, keepdims=0)
            g.output(g.op("Gather", g.constant(labels), number), "prediction", labels.dtype)
        if isinstance(self._loss, Hinge):
            return
        if q == 1:
            mean = g.op("Concat", g.op("Sub", g.constant(1, np.float32), mean), mean, axis=1)
        elif not (self._multilabel or isinstance(self._loss, SoftmaxCrossEntropy)):
            axis = g.constant([1], np.int64)
            mean = g.op("Div", mean, g.op("ReduceSum", mean, axis, keepdims=1))
        g.output(mean, "probabilities", np.float32, max(q, 2))

    def _score_outputs(self, z: Array, y: Array, w: Array | None, loss: float) -> float:
        if self._multilabel:
            right = ((self._loss.mean(z) > 0.5) == y).all(axis=1)
        else:
            right = self._numbers(z) == y
        return float(np.average(right, weights=w))

    def _read(self, z: Array) -> Any:
        if self._multilabel:
            return self._labels(z[None])[0]
        if len(z) > 1:
            return self.classes_[z.argmax()]
        return self.classes_[-1 if z[0] > 0 else 0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
