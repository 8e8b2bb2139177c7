"""Kullback–Leibler divergence: ℓ = Σ_k t_k (log t_k − log softmax(z)_k) for logits z, 0 log 0 = 0.

z (n, q), y (n, q): distributions t, or their logarithms with ``log_target``. It is PyTorch's
``KLDivLoss("batchmean", log_target=log_target)(z.log_softmax(1), y)``: there the logarithms of
probabilities come in, here logits do. Its gradient is that of softmax cross-entropy; ℓ is smaller
than that by the entropy of t, so that it is 0 where softmax(z) = t.

Source: Kullback & Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..arrays import as_numbers
from ..errors import InputError
from ..kernels.functions import exp, times
from ..loss import Array
from ..validate import flag
from ._logits import OfLogits, distributions

__all__ = ["KLDivergence"]


@dataclass(frozen=True, repr=False)
class KLDivergence(OfLogits):
    """ℓ = Σ_k t_k (log t_k − log softmax(z)_k); targets are distributions.

    Parameters
    ----------
    log_target : bool
        Whether targets are logarithms of probabilities; those of 0 are −∞.
    """

    tasks: ClassVar[tuple[str, ...]] = ()  # of classes it is SoftmaxCrossEntropy

    log_target: bool = False

    def __post_init__(self) -> None:
        flag("KLDivergence", "log_target", self.log_target)

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return distributions, (n, q)."""
        if np.ndim(y) != 2:
            raise InputError(
                f"KLDivergence: targets must be distributions, (n, q), got {np.shape(y)}; "
                "SoftmaxCrossEntropy takes classes"
            )
        if self.log_target:
            with np.errstate(over="ignore", invalid="ignore"):
                y = np.exp(as_numbers(y, "targets", "KLDivergence").astype(np.float64))
        return distributions(self, super().targets(y, q, dtype))

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, rows: range) -> None:
        """loss = w Σ_k y (log y − log softmax(z))"""
        for i in rows:
            top = z[i, 0]
            for k in range(1, z.shape[1]):
                top = z[i, k] if z[i, k] > top else top
            total, aim = z.dtype.type(0), z.dtype.type(0)
            for k in range(z.shape[1]):
                v, t = z[i, k] - top, y[i, k]
                total += exp(v, z)
                aim += times(t, v - _log(t, z))
            loss[i] = times(w[i], z.dtype.type(math.log(total)) - aim)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = scale w (softmax(z) − y); loss = w Σ_k y (log y − log softmax(z))"""
        one = z.dtype.type(1)
        for i in rows:
            top = z[i, 0]
            for k in range(1, z.shape[1]):
                top = z[i, k] if z[i, k] > top else top
            total, aim = z.dtype.type(0), z.dtype.type(0)
            for k in range(z.shape[1]):
                v, t = z[i, k] - top, y[i, k]
                e = exp(v, z)
                dz[i, k] = e
                total += e
                aim += times(t, v - _log(t, z))
            loss[i] = times(w[i], z.dtype.type(math.log(total)) - aim)
            factor = scale * w[i]
            share = one / total
            for k in range(z.shape[1]):
                dz[i, k] = times(factor, dz[i, k] * share - y[i, k])


def _log(t: Any, like: Any) -> Any:
    """Return log t, and 0 at 0."""
    return like.dtype.type(math.log(t) if t > 0 else 0.0)


examples = (KLDivergence(), KLDivergence(log_target=True))
