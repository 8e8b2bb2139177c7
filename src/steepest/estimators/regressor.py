"""`MLPRegressor`: scikit-learn's, faster, and with what its users have asked for."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import validate_data

from ..arrays import Array, as_numbers, refuse_times
from ..loss import Loss
from ..losses import Quantile, Squared
from ..onnx_form import OnnxModel
from .base import BaseMLP
from .docstrings import with_lists_of
from .poisson_deviance import PoissonDeviance
from .quantile_score import quantile_score
from .refusals import checked
from .squared_mean import SquaredMean

__all__ = ["MLPRegressor"]


@with_lists_of(BaseMLP)
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor with scikit-learn's interface.

    Parameters
    ----------
    loss : {"squared_error", "poisson"} or Loss
        What is minimised. ``"poisson"`` is half the Poisson deviance, of the exponential of the
        output; it needs targets of at least 0.
    quantiles : tuple of float, optional
        Levels between 0 and 1: predict these quantiles, with the pinball loss in place of ``loss``.
        `predict` returns (n, levels), in the order of the levels asked for and never crossing: what
        the network gives is sorted (Chernozhukov, Fernández-Val & Galichon, "Quantile and
        probability curves without crossing", Econometrica 78, 2010).
    **others
        See `steepest.estimators.base.BaseMLP`.

    Attributes
    ----------
    **others
        See `steepest.estimators.base.BaseMLP`.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import MLPRegressor
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit(X, np.abs(X[:, 0]))
    >>> model.score(X, np.abs(X[:, 0])) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"}), Loss],
        "quantiles": ["array-like", None],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
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
        quantiles: Any = None,
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

    def predict(self, X: Any) -> Array:
        """Return the prediction for every row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.

        Returns
        -------
        ndarray, (n,) or (n, k)
            With ``quantiles`` (n, levels), or (n, k, levels) for several targets.
        """
        return self._values(self._outputs(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R²; with ``quantiles`` the part of the pinball loss that is explained.

        See `steepest.estimators.quantile_score`.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.
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

    # ------------------------------------------------------------------ what BaseMLP asks for

    def _validate(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Array, Array]:
        refuse_times(y, "y", type(self).__name__)
        with checked(type(self).__name__):
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                multi_output=True,
                y_numeric=True,
                reset=reset,
                dtype=(np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype),
            )
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
        return X, y, y if y.ndim == 2 else y[:, None]

    def _choose_loss(self, y: Array) -> tuple[Loss, int]:
        loss: Loss
        if self.quantiles is not None:
            levels = as_numbers(self.quantiles, "quantiles", type(self).__name__)
            loss = Quantile(tuple(np.sort(levels.ravel()).tolist()))
        elif isinstance(self.loss, Loss):
            loss = self.loss
        elif self.loss == "poisson":
            loss = PoissonDeviance()
        else:
            loss = Squared() if y.shape[1] == 1 else SquaredMean()
        return loss, loss.outputs(y)

    def _targets(self, y: Array) -> Array:
        return y

    def _stratify(self, strata: Array) -> Array | None:
        return None

    def _out_activation(self) -> str:
        return "exp" if isinstance(self._loss, PoissonDeviance) else "identity"

    def _values(self, z: Array) -> Array:
        """Return predictions: (n,), (n, k), or with levels as the last axis."""
        if not isinstance(self._loss, Quantile):
            prediction = self._loss.mean(z)
            return prediction[:, 0] if prediction.shape[1] == 1 else prediction
        levels = len(self._loss.levels)
        ordered = np.sort(z.reshape(len(z), -1, levels), axis=2)
        if self.quantiles is not None:
            ordered = ordered[:, :, np.argsort(np.argsort(self.quantiles))]
        return ordered[:, 0] if ordered.shape[1] == 1 else ordered

    def _add_predictions(self, g: OnnxModel, z: str, mean: str) -> None:
        width = self._loss.mean(np.zeros((1, self.network_.outputs))).shape[1]
        shape: tuple[int, ...] = () if width == 1 else (width,)
        if isinstance(self._loss, Quantile):
            levels = len(self._loss.levels)
            rows = g.op("Reshape", z, g.constant([0, -1, levels], np.int64))
            count = g.constant([levels], np.int64)
            mean = g.op("TopK", rows, count, outputs=2, axis=2, largest=0)
            if self.quantiles is not None:
                order = np.argsort(np.argsort(self.quantiles))
                mean = g.op("Gather", mean, g.constant(order, np.int64), axis=2)
            targets = self.network_.outputs // levels
            shape = (levels,) if targets == 1 else (targets, levels)
        mean = g.op("Reshape", mean, g.constant([-1, *shape], np.int64))
        g.output(mean, "prediction", np.float32, *shape)

    def _score_outputs(self, z: Array, y: Array, w: Array | None, loss: float) -> float:
        if isinstance(self._loss, Quantile):
            return -loss
        return float(r2_score(y, self._loss.mean(z), sample_weight=w))

    def _read(self, z: Array) -> Any:
        if len(z) == 1 and self.out_activation_ == "identity":
            return z[0]
        return np.array(self._values(z[None])[0])  # not a view: the next row is written over it
