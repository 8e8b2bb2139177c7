"""What a fit works on and leaves for later ones: the state of an estimator.

The helpers of a fit receive this record and write to it. The estimator shows it under
scikit-learn's names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..loss import Loss
from ..network import Network
from ..training.early_stopping import ToleranceStopping
from ..training.history import History
from .epochs import Epochs
from .optimizer import Optimizer

__all__ = ["Fitted"]


@dataclass
class Fitted:
    """A network, and how its training went so far.

    Attributes
    ----------
    network : Network
    loss : Loss
    seed : int
        Of the layers' own draws.
    optimizer : Optimizer, optional
        None before the first step.
    epochs : Epochs, optional
        Those of the last `partial_fit`.
    stopping : ToleranceStopping, optional
        None if no steps are counted, as with L-BFGS.
    history : History
        Of the last fit.
    n_iter, seen : int
        Epochs of the last fit; examples seen in all.
    last_loss : float, optional
        Of the last epoch.
    loss_curve, validation_scores : list of float
        Of all epochs; the latter with early stopping only, else None.
    """

    network: Network
    loss: Loss
    seed: int = 0
    optimizer: Optimizer | None = None
    epochs: Epochs | None = None
    stopping: ToleranceStopping | None = None
    history: History = field(default_factory=History)
    n_iter: int = 0
    seen: int = 0
    last_loss: float | None = None
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] | None = None

    def judge_by(self, settings: Any) -> ToleranceStopping:
        """Return the rule that says when to stop, as an estimator's parameters ask.

        What was the best so far stays, unless it was judged by another column.
        """
        by_score = bool(settings.early_stopping)
        if self.stopping is None or self.stopping.greater != by_score:
            self.stopping = ToleranceStopping(
                "validation_score" if by_score else "loss",
                settings.n_iter_no_change,
                greater=by_score,
                tol=settings.tol,
                vectors=self.network.built.vectors if by_score else None,
            )
            self.validation_scores = [] if by_score else None
        self.stopping.patience, self.stopping.tol = settings.n_iter_no_change, settings.tol
        return self.stopping

    def attributes(self) -> dict[str, Any]:
        """Return all this under scikit-learn's names."""
        found = {"n_iter_": self.n_iter, "t_": self.seen, "history_": self.history}
        if self.last_loss is not None:
            found["loss_"] = self.last_loss
        if self.stopping is None:
            return found
        best, by_score = self.stopping.best[0], self.stopping.greater
        return found | {
            "loss_curve_": self.loss_curve,
            "best_loss_": None if by_score else best,
            "validation_scores_": self.validation_scores,
            "best_validation_score_": -best if by_score else None,
        }

    def __getstate__(self) -> dict[str, Any]:
        # Epochs are lowered into the memory of this process.
        return {**self.__dict__, "epochs": None}
