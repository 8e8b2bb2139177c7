"""Fitting by L-BFGS-B: SciPy's method on our gradient of the whole objective.

Source: Byrd, Lu, Nocedal & Zhu, "A limited memory algorithm for bound constrained optimization",
SIAM J. Sci. Comput. 16 (1995).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from ..arrays import Array, aligned
from ..loss import Loss
from ..losses import Squared
from ..network import Network
from ..rule import Rule
from ..sampling import InOrder
from ..training.board import CHUNK
from ..training.descent import Descent
from ..training.fit_log import FitLog
from ..training.run import TrainingRun
from .callbacks import CallbackList
from .fitted import Fitted
from .rows import Rows
from .squared_mean import SquaredMean

__all__ = ["Objective", "fit_lbfgs"]


_BATCH = 1024  # rows at once: what they leave for the backward pass stays in cache


@dataclass(frozen=True, kw_only=True, repr=False)
class Accumulate(Rule):
    """No step: adds η times the gradient of the batch to ``gradient``."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The sum of the gradients so far."""
        return ("gradient",)

    @staticmethod
    def step(g: Array, gradient: Array, eta: float, entries: range) -> None:
        """gradient += eta g"""
        zero = g.dtype.type(0)
        for i in entries:
            gradient[i] += eta * g[i]
            g[i] = zero


class Objective:
    """(Σ w_i ℓ(f(x_i; θ), y_i) + alpha/2 Σ ‖A‖²)/Σ w_i and its gradient, as functions of θ.

    Each evaluation begins from the state that the network had at first.

    Parameters
    ----------
    network : Network
        Built; `__call__` writes into its θ.
    loss : Loss
    X, y, w
        Prepared data; ``w`` None for weights of 1.
    alpha : float
    threads : int, optional
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        X: Any,
        y: Array,
        w: Array | None,
        alpha: float,
        threads: int | None,
    ) -> None:
        self._network, n = network, X.shape[0]
        batch = min(_BATCH, n)
        weights = np.ones(n) if w is None else w
        starts = np.arange(0, n, batch)
        # The gradient of the average is the average of the batches' gradients, by their weights.
        self._shares = np.add.reduceat(weights, starts) / weights.sum()
        self.l2 = alpha / float(weights.sum())
        self._gradient = aligned(network.theta.size, network.dtype)
        rule = Accumulate(l2=self.l2)
        descent = Descent(loss, rule, InOrder(), batch, per_weight=w is not None)
        slots = {"gradient": self._gradient}
        self._run = TrainingRun(network, descent, (X, y, w), slots=slots, step=0, threads=threads)
        self._start = self._run.state()

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the objective at ``theta``, and its gradient."""
        self._run.restore({**self._start, "theta": theta})
        total = 0.0
        with self._run.engine:
            for start in range(0, len(self._shares), CHUNK):
                shares = self._shares[start : start + CHUNK]
                losses = self._run.run(shares)
                if losses.size < shares.size:  # not finite; the line search takes a shorter step
                    return np.inf, np.zeros(theta.size)
                total += float(losses @ shares)
        return total, self._gradient.astype(np.float64)

    def leave(self, theta: Array) -> None:
        """Leave the network at ``theta``, with the state that going over the data there leaves."""
        if self._network.state:
            self(theta)
        self._network.theta[:] = theta

    def shown(self, value: float, loss: Loss) -> float:
        """Return what is shown for the value at the network's θ, by the loss that is shown."""
        if not isinstance(loss, SquaredMean):
            return value
        declared = self._network.built.declared
        parameters = self._network.parameters.items()
        decaying = [A for name, A in parameters if declared[name].decays]
        penalty = 0.5 * self.l2 * sum(float(np.vdot(A, A)) for A in decaying)
        return (value - penalty) / self._network.output_shape[-1] + penalty


class _Iterations:
    """Shows SciPy's iterations as epochs, and keeps ``fitted`` at the last point reached.

    Parameters
    ----------
    fitted : Fitted
    settings : estimator
    objective : Objective
        Leaves the points that a line search tries in the network.
    told : CallbackList

    Attributes
    ----------
    log : FitLog
    """

    def __init__(
        self, fitted: Fitted, settings: Any, objective: Objective, told: CallbackList
    ) -> None:
        self._fitted, self._verbose, self._told = fitted, settings.verbose, told
        self._objective = objective
        self._reached = fitted.network.theta.astype(np.float64)
        self._searching = False
        self.log = FitLog(settings.max_iter, [1], time_limit=settings.time_limit)
        fitted.history, fitted.n_iter = self.log.history, 0

    def evaluate(self, theta: Array) -> tuple[float, Array]:
        """Evaluate the objective; an iteration begins with the first new point."""
        if not self._searching and not np.array_equal(theta, self._reached):
            self._searching = True
            self._told.begin_epoch()
        return self._objective(theta)

    def end(self, intermediate_result: OptimizeResult) -> None:
        """End an iteration: write it down, and tell; stop if somebody says so."""
        log, self._searching = self.log, False
        loss = self.reach(intermediate_result.x, float(intermediate_result.fun))
        at = len(log.history) + 1
        log.history.append(epoch=at, loss=loss, seconds=log.elapsed)
        self._fitted.n_iter = at
        if self._verbose:
            print(f"Iteration {at}, loss = {loss:.8f}")
        log.stopped = self._told.end_epoch(log) or log.is_late
        if log.stopped:
            raise StopIteration

    def reach(self, theta: Array, value: float) -> float:
        """Take up a point and the objective there; return what is shown for it."""
        self._reached = theta.copy()
        self._objective.leave(theta)
        self._fitted.last_loss = loss = self._objective.shown(value, self._fitted.loss)
        return loss

    def go_back(self) -> None:
        """Put the last point reached into the network."""
        self._objective.leave(self._reached)


def fit_lbfgs(fitted: Fitted, settings: Any, rows: Rows, told: CallbackList) -> None:
    """Minimise the objective over the parameters of ``fitted.network``.

    Parameters
    ----------
    fitted : Fitted
        Is brought up to date after every iteration.
    settings : estimator
        Its parameters.
    rows : Rows
    told : CallbackList
        An iteration is an epoch to it.
    """
    network, loss = fitted.network, fitted.loss
    # What is shown for several targets is not quite what the steps minimise; see `SquaredMean`.
    minimised = Squared() if isinstance(loss, SquaredMean) else loss
    w = None if rows.w is None else np.ascontiguousarray(rows.w, network.dtype)
    objective = Objective(
        network, minimised, rows.X, rows.targets, w, settings.alpha, settings.n_threads
    )
    iterations = _Iterations(fitted, settings, objective, told)
    try:
        found = minimize(
            iterations.evaluate,
            network.theta.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=iterations.end,
            options={
                "maxfun": settings.max_fun,
                "maxiter": settings.max_iter,
                "gtol": settings.tol,
            },
        )
    except KeyboardInterrupt:
        warnings.warn("Training was interrupted; the model is as it was then.", stacklevel=4)
        return
    finally:
        iterations.go_back()
    iterations.reach(found.x, float(found.fun))
    if found.status != 0 and not iterations.log.stopped:
        warnings.warn(
            f"L-BFGS did not converge in {found.nit} iterations ({found.message}). Increase "
            "max_iter or max_fun, or scale the inputs to a common range.",
            ConvergenceWarning,
            stacklevel=4,
        )
