"""FitLoop by L-BFGS-B: SciPy's method on our gradient of the whole objective.

Source: Byrd, Lu, Nocedal & Zhu, "A limited memory algorithm for bound constrained optimization",
SIAM J. Sci. Comput. 16 (1995).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from ..training.history import History
from ..training.run import TrainingRun
from ..training.step import Descent
from .callbacks import CallbackList
from .rows import Rows
from .squared_mean import SquaredMean

if TYPE_CHECKING:
    from .base import BaseMLP

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


def fit_lbfgs(model: BaseMLP, rows: Rows, watched: tuple[Any, ...]) -> None:
    """Minimise the objective over ``model.network_``'s parameters."""
    network, loss = model.network_, model._loss
    # What is shown for several targets is not quite what the steps minimise; see `SquaredMean`.
    minimised = Squared() if isinstance(loss, SquaredMean) else loss
    y = loss.targets(model._targets(rows.y), network.outputs, network.dtype)
    w = None if rows.w is None else np.ascontiguousarray(rows.w, network.dtype)
    objective = Objective(network, minimised, rows.X, y, w, model.alpha, model.n_threads)
    watch = CallbackList(model, model.max_iter, 1, rows.X.shape[0], watched)
    model.history_ = History()
    stopped = False

    def iteration(intermediate_result: OptimizeResult) -> None:
        nonlocal stopped
        at = len(model.history_) + 1
        network.theta[:] = intermediate_result.x
        row = {"epoch": at, "loss": float(intermediate_result.fun), "seconds": watch.seconds}
        model.history_.append(**row)
        if model.verbose:
            print(f"Iteration {at}, loss = {row['loss']:.8f}")
        stopped = watch.end_epoch(at, row)
        if stopped:
            raise StopIteration
        watch.begin_epoch()

    watch.begin_epoch()
    try:
        found = minimize(
            objective, network.theta.astype(np.float64), method="L-BFGS-B", jac=True,
            callback=iteration,
            options={"maxfun": model.max_fun, "maxiter": model.max_iter, "gtol": model.tol},
        )  # fmt: skip
    finally:
        watch.close()
    network.theta[:] = found.x
    model.n_iter_ = min(int(found.nit), model.max_iter)
    model.loss_ = float(found.fun)
    if isinstance(loss, SquaredMean):
        declared = network.built.declared
        decaying = [A for name, A in network.parameters.items() if declared[name].decays]
        penalty = 0.5 * objective.l2 * sum(float(np.vdot(A, A)) for A in decaying)
        model.loss_ = (model.loss_ - penalty) / network.outputs + penalty
    if found.status != 0 and not stopped:
        warnings.warn(
            f"L-BFGS did not converge in {found.nit} iterations ({found.message}). Increase "
            "max_iter or max_fun, or scale the inputs to a common range.",
            ConvergenceWarning,
            stacklevel=4,
        )
