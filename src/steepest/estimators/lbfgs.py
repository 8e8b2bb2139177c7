"""Fitting by L-BFGS-B: SciPy's method on our gradient of the whole objective.

Source: Byrd, Lu, Nocedal & Zhu, "A limited memory algorithm for bound constrained optimization",
SIAM J. Sci. Comput. 16 (1995).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from ..arrays import aligned
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

Array = NDArray[Any]

_ZERO = np.zeros(())
_BATCH = 1024  # rows at once: what they leave for the backward pass stays in cache


@dataclass(frozen=True, kw_only=True)
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
        self, network: Network, loss: Loss, X: Any, y: Array, w: Array | None, alpha: float,
        threads: int | None,
    ) -> None:  # fmt: skip
        n = X.shape[0]
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

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the objective at ``theta``, and its gradient."""
        self._run.restore((theta, _ZERO, _ZERO))  # θ, gradient, step
        total = 0.0
        with self._run.engine:
            for start in range(0, len(self._shares), CHUNK):
                shares = self._shares[start : start + CHUNK]
                losses = self._run.run(shares)
                if losses.size < shares.size:  # not finite; the line search takes a shorter step
                    return np.inf, np.zeros(theta.size)
                total += float(losses @ shares)
        return total, self._gradient.astype(np.float64)


def fit_lbfgs(fitted: Fitted, settings: Any, rows: Rows, told: CallbackList) -> None:
    """Minimise the objective over the parameters of ``fitted.network``.

    Parameters
    ----------
    fitted : Fitted
        Is brought up to date at the end, but for its history.
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
    log = FitLog(settings.max_iter, [len(rows)], time_limit=settings.time_limit)
    fitted.history = log.history

    def iteration(intermediate_result: OptimizeResult) -> None:
        network.theta[:] = intermediate_result.x
        at, value = len(log.history) + 1, float(intermediate_result.fun)
        log.history.append(epoch=at, loss=value, seconds=log.elapsed)
        if settings.verbose:
            print(f"Iteration {at}, loss = {value:.8f}")
        log.stopped = told.end_epoch(log) or log.is_late
        if log.stopped:
            raise StopIteration
        told.begin_epoch()

    told.begin_epoch()
    found = minimize(
        objective, network.theta.astype(np.float64), method="L-BFGS-B", jac=True,
        callback=iteration,
        options={"maxfun": settings.max_fun, "maxiter": settings.max_iter, "gtol": settings.tol},
    )  # fmt: skip
    network.theta[:] = found.x
    fitted.n_iter = min(int(found.nit), settings.max_iter)
    fitted.last_loss = float(found.fun)
    if isinstance(loss, SquaredMean):
        declared = network.built.declared
        decaying = [A for name, A in network.parameters.items() if declared[name].decays]
        penalty = 0.5 * objective.l2 * sum(float(np.vdot(A, A)) for A in decaying)
        fitted.last_loss = (fitted.last_loss - penalty) / network.outputs + penalty
    if found.status != 0 and not log.stopped:
        warnings.warn(
            f"L-BFGS did not converge in {found.nit} iterations ({found.message}). Increase "
            "max_iter or max_fun, or scale the inputs to a common range.",
            ConvergenceWarning,
            stacklevel=4,
        )
