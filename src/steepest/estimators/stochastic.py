"""FitLoop by gradient steps: epoch after epoch until progress ends.

When to stop, and what is remembered of the way, is scikit-learn's MLP's: an epoch counts as no
progress if the loss stays above the best one less ``tol``, or, with early stopping, if the score on
held-out rows stays below the best one plus ``tol``; after more than ``n_iter_no_change`` such
epochs in a row the pace says what happens.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from ..lowering.predict import Predictor
from ..metrics import metrics_named
from ..training.history import History
from .callbacks import CallbackList
from .epochs import Session
from .learning_rates import STOP
from .optimizer import Optimizer
from .rows import Rows
from .shuffling import Shuffle

if TYPE_CHECKING:
    from .base import BaseMLP

__all__ = ["fit_stochastic"]

Array = NDArray[Any]


def fit_stochastic(
    model: BaseMLP, rows: Rows, held_out: Rows | None, watched: tuple[Any, ...], incremental: bool
) -> None:
    """Train ``model.network_`` on ``rows``.

    Parameters
    ----------
    model : BaseMLP
        Its attributes are brought up to date after every epoch.
    rows, held_out : Rows
    watched : tuple
        (X, y, sample_weight) as the user gave them, for callbacks.
    incremental : bool
        One epoch, with the optimizer where it was left.
    """
    network = model.network_
    if not incremental or not hasattr(model, "_optimizer"):
        model._optimizer = Optimizer.of(model, network.theta.size, network.dtype)
    session = _session(model, rows, incremental)
    epochs = 1 if incremental else model.max_iter
    session.begin(epochs * session.per_epoch)
    validation = None if held_out is None else _Validation(model, held_out)
    shuffle = Shuffle(rows.X.shape[0], model._random_state) if model.shuffle else None
    watch = CallbackList(model, epochs, session.per_epoch, rows.X.shape[0], watched)
    model.n_iter_ = 0
    model.history_ = History()
    try:
        with session.engine:
            _loop(model, session, shuffle, validation, watch, epochs, incremental)
    except KeyboardInterrupt:
        warnings.warn("Training was interrupted; the model is as it was then.", stacklevel=4)
    finally:
        watch.close()
    if model.early_stopping and not incremental:
        network.theta[:] = model._best_theta


def _loop(
    model: BaseMLP, session: Session, shuffle: Shuffle | None, validation: _Validation | None,
    watch: CallbackList, epochs: int, incremental: bool,
) -> None:  # fmt: skip
    for epoch in range(epochs):
        watch.begin_epoch()
        look = partial(_look, watch, epoch, session)
        monitored = partial(_monitored, model)
        loss = session.epoch(shuffle, monitored, look)
        diverged = loss is None
        row = _close_epoch(model, session, loss, validation, watch)
        stop = watch.end_epoch(epoch + 1, row)
        if diverged:
            if model.early_stopping:
                _warn(f"Training diverged in iteration {epoch + 1}; the best one's weights stay.")
            return
        if model._no_improvement_count > model.n_iter_no_change:
            what = "Validation score" if model.early_stopping else "Training loss"
            done = session.optimizer.pace.stopped()
            if model.verbose:
                print(
                    f"{what} did not improve more than tol={model.tol:f} for "
                    f"{model.n_iter_no_change} consecutive epochs. {done}"
                )
            if done == STOP:
                return
            model._no_improvement_count = 0
        if stop:
            return
    if not incremental:
        _warn(
            f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization "
            "hasn't converged yet."
        )


def _look(watch: CallbackList, epoch: int, session: Session, loss: float) -> bool:
    done = session.optimizer.step % session.per_epoch
    return watch.look(loss, epoch, done / session.per_epoch)


def _session(model: BaseMLP, rows: Rows, incremental: bool) -> Session:
    """Return a new session, or the last `partial_fit`'s if it was for data of the same kind."""
    n, w = rows.X.shape[0], rows.w
    loss, dtype = model._loss, model.network_.dtype
    y = loss.targets(model._targets(rows.y), model.network_.outputs, dtype)
    w = None if w is None else np.ascontiguousarray(w, dtype)
    batch = _batch(model.batch_size, n)
    settings: dict[str, Any] = {
        "batch": batch, "shuffle": model.shuffle, "threads": model.n_threads, "seed": model._seed,
    }  # fmt: skip
    kind = (n, type(rows.X), y.shape, w is None, *settings.values())
    if incremental and hasattr(model, "_session"):
        last, session = model._session
        same = session.network is model.network_ and session.optimizer is model._optimizer
        if same and last == kind:
            session.exchange(rows.X, y, w)
            return session  # type: ignore[no-any-return]
    session = Session(model.network_, loss, model._optimizer, rows.X, y, w, **settings)
    if incremental:
        model._session = kind, session
    return session


def _batch(asked: int | str, n: int) -> int:
    if isinstance(asked, str):
        return min(200, n)
    if asked > n:
        warnings.warn(
            f"Got `batch_size` {asked}, more than the {n} rows; all rows are one batch.",
            stacklevel=5,
        )
    return min(asked, n)


class _Validation:
    """Scores the network on held-out rows after every epoch."""

    def __init__(self, model: BaseMLP, rows: Rows) -> None:
        network = model.network_
        self._model, self._rows, self._loss = model, rows, model._loss
        self._y = self._loss.targets(model._targets(rows.y), network.outputs, network.dtype)
        w = np.ones(len(rows.y)) if rows.w is None else rows.w / rows.w.mean()
        self._w = np.ascontiguousarray(w, network.dtype)
        self._predictor = Predictor(network.built, 512, model.n_threads, self._loss)
        self._metrics = metrics_named(model.metrics or ())

    def row(self) -> dict[str, float]:
        """Return the score, the loss and the metrics; the score is NaN if a prediction is."""
        z, loss = self._predictor.evaluate(self._rows.X, self._y, self._w)
        if not np.isfinite(z).all():
            return {"validation_loss": float("nan"), "validation_score": float("nan")}
        score = self._model._score_outputs(z, self._rows.y, self._rows.w, loss)
        mean = self._loss.mean(z)
        found = {name: float(metric(self._y, mean)) for name, metric in self._metrics.items()}
        return {"validation_loss": loss, "validation_score": score, **found}


def _monitored(model: BaseMLP) -> list[float]:
    """Return what schedules that ask are told: held-out losses if there are any."""
    rows = model.history_.rows
    return [row.get("validation_loss", row["loss"]) for row in rows]


def _close_epoch(
    model: BaseMLP, session: Session, loss: float | None, validation: _Validation | None,
    watch: CallbackList,
) -> dict[str, float]:  # fmt: skip
    """Write down how the epoch went, and count it if it brought no progress."""
    model.n_iter_ += 1
    model.loss_ = float("nan") if loss is None else loss
    model.t_ += session.examples
    model.loss_curve_.append(model.loss_)
    row = {
        "epoch": model.n_iter_,
        "step": session.optimizer.step,
        "loss": model.loss_,
        "lr": session.optimizer.learning_rate,
        "seconds": watch.seconds,
    }
    if validation is not None:
        row.update(validation.row())
        model.validation_scores_.append(row["validation_score"])
    model.history_.append(**row)
    if model.verbose:
        print(f"Iteration {model.n_iter_}, loss = {model.loss_:.8f}")
        if validation is not None:
            print(f"Validation score: {row['validation_score']:f}")
    if model.early_stopping:
        score = row["validation_score"]
        worse = score < model.best_validation_score_ + model.tol
        if score > model.best_validation_score_:
            model.best_validation_score_ = score
            model._best_theta = model.network_.theta.copy()
    else:
        worse = model.loss_ > model.best_loss_ - model.tol
        if model.loss_ < model.best_loss_:
            model.best_loss_ = model.loss_
    model._no_improvement_count = model._no_improvement_count + 1 if worse else 0
    session.optimizer.pace.epoch_ended(model.t_)
    return row


def _warn(message: str) -> None:
    warnings.warn(message, ConvergenceWarning, stacklevel=6)
