"""What the classifier and the regressor share: parameters, fitting, and the state between fits.

The interface is that of scikit-learn's MLP. ``coefs_`` and ``intercepts_`` show the network, which
``network_`` holds. With the same ``random_state``, a fit gives scikit-learn's numbers up to
rounding.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import closing
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..arrays import (
    Array,
    as_csr,
    as_numbers,
    check_weights,
    is_sparse,
    refuse_masked,
    refuse_times,
    within_memory,
)
from ..errors import InputError
from ..layer import Layer
from ..loss import Loss
from ..metrics import metrics_named
from ..network import Network
from ..onnx_form import OnnxModel
from ..pipeline.names import ACTIVATIONS
from ..printing import shown
from ..rule import Rule
from ..validate import may_hold_rows
from .architecture import begin, build
from .callbacks import CallbackList, CallbackSupportMixin, with_callbacks
from .coefs import Weights
from .compiled import Compiled
from .fitted import Fitted
from .held_out import HeldOut, Splitter, split_rows
from .lbfgs import fit_lbfgs
from .nested import NestedParameters
from .refusals import checked
from .rows import Rows
from .stochastic import fit_stochastic

__all__ = ["FRACTION", "BaseMLP", "is_stochastic", "with_callbacks"]


_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
FRACTION = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")


def is_stochastic(model: BaseMLP) -> bool:
    """Return True if ``model`` takes gradient steps; say that it does not as hasattr hears it."""
    if isinstance(model.solver, str) and model.solver == "lbfgs":
        raise AttributeError("partial_fit takes gradient steps: use solver 'sgd', 'adam' or a Rule")
    return True


class BaseMLP(NestedParameters, CallbackSupportMixin, BaseEstimator):
    """A multi-layer perceptron. `MLPClassifier` and `MLPRegressor` derive from it.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers; ``()`` makes a linear model.
    activation : str, Layer, or a sequence of them
        The hidden layers' functions: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, and
        others (`steepest.pipeline.names.ACTIVATIONS`).
    solver : {"lbfgs", "sgd", "adam"} or Rule
        How to descend. A rule is used as it is: alpha and the learning-rate parameters do not
        apply. Its fields are parameters, too, as searches name them: ``solver__lr``.
    alpha : float
        Strength of the penalty ½ alpha ‖A‖², divided by the rows (or weight) of a batch.
    batch_size : int or "auto"
        Rows a step. ``"auto"``: 200, or all rows if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"} or schedule
        The names apply to ``"sgd"``; a schedule takes the place of ``learning_rate_init``.
    learning_rate_init : float
        The learning rate, or the first one.
    power_t : float
        The exponent of ``"invscaling"``.
    max_iter : int
        Epochs at most; iterations for ``"lbfgs"``.
    shuffle : bool
        Whether every epoch takes the rows in a new order.
    random_state : int, RandomState or None
        Of the first parameters, the rows held out, the order of rows and dropout.
    tol : float
        What counts as progress, of the loss or the score; for ``"lbfgs"``, the largest entry of
        the gradient at which it ends.
    verbose : bool or int
        Whether to print a line an epoch.
    warm_start : bool
        Whether `fit` goes on from where the last one ended.
    momentum : float
        Of ``"sgd"``.
    nesterovs_momentum : bool
        Whether momentum is Nesterov's.
    early_stopping : bool
        Score held-out rows after every epoch, and keep the best epoch's weights.
    validation_fraction : float or splitter
        Which rows are held out.
    beta_1, beta_2 : float
        The weights of the old averages of ``"adam"``.
    epsilon : float
        Keeps the divisor of ``"adam"`` above 0.
    n_iter_no_change : int or inf
        After more epochs than this without progress, training ends.
    max_fun : int
        Evaluations of the objective at most, for ``"lbfgs"``.
    network : Network or Layer, optional
        The network, or a layer in place of the hidden layers.
    dropout : float or sequence of float
        The share of units dropped after the hidden layers' activations.
    layer_norm : bool
        Whether to normalise before activations.
    residual : bool
        Whether to connect past hidden layers that keep the width.
    clip_norm, clip_value : float, optional
        Limits of the gradient's norm, and of its entries.
    metrics : sequence or dict, optional
        Evaluated on the held-out rows after every epoch.
    callbacks : sequence of callable, optional
        Called with a `Progress`; one that returns True ends the training.
    progress_bar : bool
        Whether to show a bar on standard error.
    time_limit : float, optional
        Seconds.
    n_threads : int, optional
        By default one, or more where a step is large enough to share.
    dtype : {"float32", "float64"}, optional
        By default that of X.

    Attributes
    ----------
    network_ : Network
        What was trained.
    coefs_, intercepts_ : list of ndarray
        Views of the network's dense layers, (p, q) and (q,) each.
    history_ : History
        A row an epoch of the last fit.
    loss_ : float
        The objective of the last epoch.
    loss_curve_ : list of float
        That of all epochs; not with ``"lbfgs"``.
    best_loss_ : float or None
        The least of it; None with ``early_stopping``. Not with ``"lbfgs"``.
    validation_scores_ : list of float or None
        With ``early_stopping``, the scores of the held-out rows. Not with ``"lbfgs"``.
    best_validation_score_ : float or None
        The greatest of them.
    n_iter_ : int
        Epochs of the last fit.
    t_ : int
        Rows seen in all, each as often as it was.
    n_layers_ : int
        Dense layers and one, for the input.
    n_outputs_ : int
        The width of the network's output.
    out_activation_ : str
        The function that makes predictions of outputs.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray, (n_features_in_,)
        Their names, if X was a data frame.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", _COUNT],
        "activation": [StrOptions(ACTIVATIONS.keys()), list, tuple, Layer],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"}), Rule],
        "alpha": [_NOT_NEGATIVE],
        "batch_size": [StrOptions({"auto"}), _COUNT],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), callable],
        "learning_rate_init": [_POSITIVE],
        "power_t": [_NOT_NEGATIVE],
        "max_iter": [_COUNT],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [_NOT_NEGATIVE],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [FRACTION, Splitter()],
        "beta_1": [FRACTION],
        "beta_2": [FRACTION],
        "epsilon": [_POSITIVE],
        "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
        "max_fun": [_COUNT],
        "network": [Network, Layer, None],
        "dropout": [FRACTION, list, tuple],
        "layer_norm": ["boolean"],
        "residual": ["boolean"],
        "clip_norm": [_POSITIVE, None],
        "clip_value": [_POSITIVE, None],
        "metrics": ["array-like", dict, None],
        "callbacks": ["array-like", None],
        "progress_bar": ["boolean"],
        "time_limit": [_POSITIVE, None],
        "n_threads": [_COUNT, None],
        "dtype": [StrOptions({"float32", "float64"}), None],
    }

    # What a fit makes.
    network_: Network
    coefs_: list[Any]
    intercepts_: list[Any]
    _fitted: Fitted
    _weights: Weights

    def _set(self, parameters: dict[str, Any]) -> None:
        """Keep the arguments of the constructor, as they are."""
        for name in self._get_param_names():
            setattr(self, name, parameters[name])

    # ------------------------------------------------------------------ what the two differ in

    @abstractmethod
    def _validate(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Array, Array]:
        """Return X, what a stratified split goes by, and encoded targets."""

    @abstractmethod
    def _choose_loss(self, y: Array) -> tuple[Loss, int]:
        """Return the loss, and the width of the network's output for encoded targets ``y``."""

    @abstractmethod
    def _targets(self, y: Array) -> Array:
        """Return encoded targets as the loss wants them."""

    @abstractmethod
    def _stratify(self, strata: Array) -> Array | None:
        """Return what the split for early stopping is stratified by, if by anything."""

    @abstractmethod
    def _out_activation(self) -> str:
        """Return the name of the function that turns outputs into predictions."""

    @abstractmethod
    def _score_outputs(self, z: Array, y: Array, w: Array | None, loss: float) -> float:
        """Return the score of outputs ``z`` for encoded targets; the greater, the better."""

    # ------------------------------------------------------------------ fitting

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Any:
        """Fit the model.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix, (n, p)
            The inputs, one example a row.
        y : array-like, (n,) or (n, k)
            The targets.
        sample_weight : array-like, (n,), optional
            How much each example counts; 1 by default.
        eval_set : tuple, optional
            ``(X, y)`` or ``(X, y, sample_weight)``: rows that are scored after every epoch. With
            ``early_stopping`` they take the place of the fraction that is held out otherwise.

        Returns
        -------
        self
            The estimator, fitted.
        """
        with within_memory(f"{type(self).__name__}.fit"):
            return self._fit(X, y, sample_weight, eval_set, incremental=False)

    @available_if(is_stochastic)
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Take one epoch of steps on these rows, from where the last fit ended.

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
        self
            The estimator, fitted.
        """
        with within_memory(f"{type(self).__name__}.partial_fit"):
            return self._fit(X, y, sample_weight, None, incremental=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, eval_set: Any, *, incremental: bool) -> Any:
        data = X, y, sample_weight
        refuse_masked(y, "y", type(self).__name__)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, strata, y = self._validate(self._taken(X), y, incremental, reset=first)
        if sample_weight is not None:
            sample_weight = self._checked_weights(sample_weight, X)
        with checked(type(self).__name__):
            self._random_state = check_random_state(self.random_state)
        self._loss, outputs = self._choose_loss(y)
        if first:
            self._begin(X, outputs)
        else:
            self._go_on(X, outputs)
        rows = self._rows(X, y, self._weigh(strata, sample_weight))
        held_out = None
        if self.solver == "lbfgs":
            self._refuse(eval_set is not None, "eval_set")
            self._refuse(bool(np.any(self.dropout)), "dropout")
        elif self.early_stopping and incremental:
            raise InputError("partial_fit does not support early_stopping=True")
        else:
            rows, held_out = self._hold_out(rows, strata, eval_set)
        told = CallbackList(
            self,
            1 if incremental else self.max_iter,
            self._show_progress,
            self._reconstruction_attributes,
            data,
        )
        with closing(told):
            try:
                if self.solver == "lbfgs":
                    fit_lbfgs(self._fitted, self, rows, told)
                else:
                    fit_stochastic(
                        self._fitted,
                        self,
                        rows,
                        held_out=held_out,
                        told=told,
                        random_state=self._random_state,
                        incremental=incremental,
                    )
            finally:
                self._show_progress()
        if not np.isfinite(self.network_.theta).all():
            raise InputError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed. A smaller learning rate or clip_norm may "
                "help, too."
            )
        return self

    def _rows(self, X: Any, y: Array, w: Array | None) -> Rows:
        """Return checked rows as training takes them."""
        network = self.network_
        targets = self._loss.targets(self._targets(y), network.outputs, network.dtype)
        return Rows(self._prepared(X), y, targets, w)

    def _hold_out(self, rows: Rows, strata: Array, eval_set: Any) -> tuple[Rows, HeldOut | None]:
        """Return the rows to train on, and what is scored after every epoch."""
        if eval_set is not None:
            out = self._given(eval_set)
        elif self.early_stopping:
            rows, out = split_rows(
                rows, self.validation_fraction, strata, self._stratify(strata), self._random_state
            )
        elif metrics_named(() if self.metrics is None else self.metrics):
            raise InputError("metrics need held-out rows: give early_stopping=True or eval_set")
        else:
            return rows, None
        return rows, HeldOut(self._fitted, out, self._score_outputs, self.metrics, self.n_threads)

    def _given(self, eval_set: Any) -> Rows:
        if not isinstance(eval_set, tuple) or len(eval_set) not in (2, 3):
            raise InputError(
                f"eval_set: expected a tuple (X, y) or (X, y, sample_weight), got {shown(eval_set)}"
            )
        X, y, w = (*eval_set, None)[:3]
        refuse_masked(y, "y", "eval_set")
        X, _, y = self._validate(self._taken(X), y, incremental=True, reset=False)
        return self._rows(X, y, None if w is None else self._checked_weights(w, X))

    def _weigh(self, strata: Array, sample_weight: Array | None) -> Array | None:
        """Return the weights of the examples."""
        return sample_weight

    def _refuse(self, given: bool, what: str) -> None:
        if given:
            raise InputError(f"{what} needs gradient steps: use solver 'sgd', 'adam' or a Rule")

    def _begin(self, X: Any, outputs: int) -> None:
        """Build the network, and forget what earlier fits left."""
        plain = self.network is None
        # The seed of layers' own draws; none is taken where only scikit-learn's draws are made.
        own = not plain or np.any(self.dropout)
        seed = int(self._random_state.randint(2**31 - 1)) if own else 0
        network = build(self, X.shape[1], outputs, self._dtype_of(X), seed)
        self._check_factors(network)
        if plain:
            begin(network, self.activation, self._random_state)
        self._take_up(Fitted(network, self._loss, seed))

    def _go_on(self, X: Any, outputs: int) -> None:
        """Take up the network where it was left, with the values of ``coefs_`` and so on."""
        coefs, intercepts = self.coefs_, self.intercepts_
        if not hasattr(self, "_fitted"):  # they were put there by hand
            if not hasattr(self, "network_"):
                self.network_ = build(self, X.shape[1], outputs, self._dtype_of(X), 0)
            self._take_up(Fitted(self.network_, self._loss))
        self._check_factors(self.network_)
        self._fitted.loss = self._loss
        self._weights.pull(coefs, intercepts)
        self._show()

    def _check_factors(self, network: Network) -> None:
        """Raise an `InputError` if the rule has factors for parameters that there are not."""
        if isinstance(self.solver, Rule):
            self.solver.check_factors(type(self).__name__, network.parameters)

    def _take_up(self, fitted: Fitted) -> None:
        """Be an estimator of this state, and show it."""
        self._fitted, self.network_, self._weights = fitted, fitted.network, Weights(fitted.network)
        if self.solver != "lbfgs":
            fitted.judge_by(self)
        self._show()
        self._show_progress()

    def _show(self) -> None:
        """Set the attributes that show the network."""
        self.coefs_, self.intercepts_ = list(self._weights.coefs), list(self._weights.intercepts)
        self.n_outputs_, self.n_layers_ = self.network_.outputs, len(self.coefs_) + 1
        self.out_activation_ = self._out_activation()

    def _show_progress(self) -> None:
        """Set the attributes that show how training went."""
        self.__dict__.update(self._fitted.attributes())

    def _dtype_of(self, X: Any) -> str:
        """Return the dtype to train in: X's, unless `dtype` says otherwise."""
        if self.dtype is not None:
            return str(self.dtype)
        # The line search of L-BFGS compares losses that differ little.
        return "float32" if X.dtype == np.float32 and self.solver != "lbfgs" else "float64"

    def _taken(self, X: Any) -> Any:
        """Return inputs that scikit-learn may convert without loss; sparse ones as CSR."""
        where = type(self).__name__
        if not may_hold_rows(X):
            raise InputError(f"{where}: X must be rows of numbers, (n, p), got {shown(X)}")
        refuse_masked(X, "X", where)
        refuse_times(X, "X", where)
        return as_csr(X, where) if is_sparse(X) else X

    def _prepared(self, X: Any) -> Any:
        """Return checked inputs as the network takes them: C-contiguous, or CSR."""
        dtype = self.network_.dtype
        with checked(type(self).__name__):
            return X.astype(dtype, copy=False) if is_sparse(X) else np.ascontiguousarray(X, dtype)

    def _checked_weights(self, w: Any, X: Any) -> Array:
        """Return one weight an example."""
        where = type(self).__name__
        refuse_masked(w, "sample_weight", where)
        with checked(where):
            found: Array = as_numbers(_check_sample_weight(w, X), "sample_weight", where)
        check_weights(found, X.shape[0], where)
        return found

    # ------------------------------------------------------------------ predicting

    def _outputs(self, X: Any) -> Array:
        """Return the network's outputs for rows as a user gives them."""
        check_is_fitted(self)
        with within_memory(f"{type(self).__name__}.predict"):
            with checked(type(self).__name__):
                X = validate_data(self, self._taken(X), accept_sparse="csr", reset=False)
            self._weights.pull(self.coefs_, self.intercepts_)
            return self.network_.predict(self._prepared(X), threads=self.n_threads)

    def compiled(self) -> Compiled:
        """Return a function of one row that predicts without any check, in microseconds.

        It holds the weights of this moment's network: it follows further training of the same
        network, and is not safe to call from two threads at once.

        Returns
        -------
        Compiled
            Takes a row, (p,), and returns what `predict` has for it.

        Examples
        --------
        >>> import numpy as np
        >>> from steepest import MLPRegressor
        >>> X = np.arange(40.0).reshape(20, 2) / 40
        >>> model = MLPRegressor(random_state=0, solver="lbfgs").fit(X, X.sum(axis=1))
        >>> predict = model.compiled()
        >>> bool(np.isclose(predict(X[3]), model.predict(X[3:4])[0]))
        True
        """
        check_is_fitted(self)
        self._weights.pull(self.coefs_, self.intercepts_)
        return Compiled(self.network_, self._read, self._means)

    def fill_onnx(self, g: OnnxModel) -> None:
        """Add the network and what it predicts to an ONNX file (`steepest.export_onnx`).

        Parameters
        ----------
        g : OnnxModel
            The file.
        """
        check_is_fitted(self)
        self._weights.pull(self.coefs_, self.intercepts_)
        self._add_predictions(g, *g.network(self.network_, self._loss))

    @abstractmethod
    def _add_predictions(self, g: OnnxModel, z: str, mean: str) -> None:
        """Add what is predicted of outputs ``z`` (n, q) to an ONNX file."""

    @abstractmethod
    def _read(self, z: Array) -> Any:
        """Return what one row of outputs predicts."""

    def _means(self, z: Array) -> Array:
        """Return what outputs (n, q) say on the scale of the targets."""
        return self._loss.mean(z)

    # ------------------------------------------------------------------ state

    def _reconstruction_attributes(self) -> dict[str, Any]:
        """Return what a copy of the model needs to predict as of now, for callbacks."""
        network = deepcopy(self.network_)
        weights = Weights(network)
        return {
            "network_": network,
            "_weights": weights,
            "coefs_": list(weights.coefs),
            "intercepts_": list(weights.intercepts),
        }

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "network_" in state:
            self._weights.pull(self.coefs_, self.intercepts_)
            for view in ("_weights", "coefs_", "intercepts_"):
                del state[view]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "network_" in state:
            self._weights = Weights(self.network_)
            self.coefs_ = list(self._weights.coefs)
            self.intercepts_ = list(self._weights.intercepts)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
