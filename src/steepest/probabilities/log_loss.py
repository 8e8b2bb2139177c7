"""The log loss of calibrated probabilities, with its gradient: what `steepest explain` goes by.

With q = softmax(z), or (1 − σ(z), σ(z)) of one output, and

    s_k = max(q_k − ε/K, 0) / w_k,   t_k = s_k / Σ_j s_j,   u_k = max(t_k, least),
    p_k = u_k^a e^(b_k) / Σ_j u_j^a e^(b_j),   ℓ = −log p_y

(`steepest.probabilities.calibration`), and g_k = p_k − [k = y] where u_k = t_k, else 0:

    ∂ℓ/∂log t_k = a g_k,   ∂ℓ/∂s_k = a (g_k / s_k − Σ_j g_j / Σ_j s_j),
    ∂ℓ/∂q_k = [q_k > ε/K] (∂ℓ/∂s_k) / w_k,   ∂ℓ/∂z_k = q_k (∂ℓ/∂q_k − Σ_j q_j ∂ℓ/∂q_j).

It is no loss to train with: where q_k ≤ ε/K it is flat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..kernels.functions import exp, times
from ..loss import Array, Loss
from .calibration import Calibration

__all__ = ["CalibratedLogLoss"]

_LEAST = 1e-30  # what has no probability at all would cost more than a float can hold


@dataclass(frozen=True, repr=False)
class CalibratedLogLoss(Loss):
    """ℓ = −log p_y; targets are classes.

    Parameters
    ----------
    loss : Loss
        Of the training; it says what the outputs mean.
    even, least, power : float
        ε/K, the least t_k, and a.
    weight, factor : tuple of float
        w and e^b, one of each class.
    """

    tasks: ClassVar[tuple[str, ...]] = ()

    loss: Loss
    even: float
    least: float
    power: float
    weight: tuple[float, ...]
    factor: tuple[float, ...]

    @classmethod
    def of(cls, loss: Loss, calibration: Calibration, classes: int) -> Self:
        """Return the log loss of a model's probabilities of so many classes."""
        return cls(
            loss,
            calibration.label_smoothing / classes,
            max(calibration.least, _LEAST),
            calibration.power,
            calibration.weights or (1.0,) * classes,
            tuple(np.exp(calibration.shifts or (0.0,) * classes).tolist()),
        )

    def __repr__(self) -> str:
        return "LogLoss()"

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return classes (n,) as int64."""
        return np.ascontiguousarray(y, np.int64).reshape(len(y))

    def mean(self, z: Array) -> Array:
        """Return what the training's loss makes of z."""
        return self.loss.mean(z)

    @staticmethod
    def value(
        z: Array, y: Array, w: Array, loss: Array, even: float, least: float, power: float,
        weight: Array, factor: Array, rows: range,
    ) -> None:  # fmt: skip
        """loss = −w log p[y], p ∝ max(max(q − even, 0) / weight, least)^power ⊙ factor"""
        for i in rows:
            top, total = _softmax(z, i, weight)
            sum_s = z.dtype.type(0)
            for k in range(weight.shape[0]):
                sum_s += _kept(z, i, k, top, total, even, weight)
            mass, own = z.dtype.type(0), z.dtype.type(0)
            for k in range(weight.shape[0]):
                t = _kept(z, i, k, top, total, even, weight) / sum_s
                v = (t if t > least else least) ** power * factor[k]
                mass += v
                own = v if k == y[i] else own
            loss[i] = times(w[i], z.dtype.type(math.log(mass / own)))

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, even: float,
        least: float, power: float, weight: Array, factor: Array, rows: range,
    ) -> None:  # fmt: skip
        """dz = scale w q ⊙ (dq − Σ_k q dq), dq as the file's head has it; loss = −w log p[y]"""
        zero, one, last = z.dtype.type(0), z.dtype.type(1), z.shape[1] - 1
        for i in rows:
            top, total = _softmax(z, i, weight)
            sum_s = zero
            for k in range(weight.shape[0]):
                sum_s += _kept(z, i, k, top, total, even, weight)
            mass, own = zero, zero
            for k in range(weight.shape[0]):
                t = _kept(z, i, k, top, total, even, weight) / sum_s
                v = (t if t > least else least) ** power * factor[k]
                mass += v
                own = v if k == y[i] else own
            loss[i] = times(w[i], z.dtype.type(math.log(mass / own)))
            sum_g = zero
            for k in range(weight.shape[0]):
                t = _kept(z, i, k, top, total, even, weight) / sum_s
                g = t**power * factor[k] / mass - (one if k == y[i] else zero)
                sum_g += g if t > least else zero
            mean, upper = zero, zero
            for k in range(weight.shape[0]):
                s = _kept(z, i, k, top, total, even, weight)
                t = s / sum_s
                g = t**power * factor[k] / mass - (one if k == y[i] else zero)
                ds = power * ((g / s if t > least else zero) - sum_g / sum_s)
                dq = ds / weight[k] if s > zero else zero
                q = exp(_logit(z, i, k) - top, z) / total
                mean += q * dq
                if last > 0:
                    dz[i, k] = dq
                upper = dq
            if last == 0:
                dz[i, 0] = upper
            for k in range(last + 1):
                q = exp(_logit(z, i, k if last > 0 else 1) - top, z) / total
                dz[i, k] = times(scale * w[i], q * (dz[i, k] - mean))


def _logit(z: Any, i: Any, k: Any) -> Any:
    """Return z_k of a row; one output is that of the second of two classes, the first's is 0."""
    if z.shape[1] == 1:
        return z[i, 0] if k == 1 else z.dtype.type(0)
    return z[i, k]


def _softmax(z: Any, i: Any, weight: Any) -> Any:
    """Return the largest logit of a row, and the sum of exp(z − it)."""
    top = _logit(z, i, 0)
    for k in range(1, weight.shape[0]):
        v = _logit(z, i, k)
        top = v if v > top else top
    total = z.dtype.type(0)
    for k in range(weight.shape[0]):
        total += exp(_logit(z, i, k) - top, z)
    return top, total


def _kept(z: Any, i: Any, k: Any, top: Any, total: Any, even: Any, weight: Any) -> Any:
    """Return s_k."""
    left = exp(_logit(z, i, k) - top, z) / total - even
    zero = z.dtype.type(0)
    return (left if left > zero else zero) / weight[k]
