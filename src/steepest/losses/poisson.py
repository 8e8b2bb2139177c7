"""Poisson loss: ℓ = Σ_k exp(z_k) − y_k z_k for the logarithm z of a rate and a count y ≥ 0.

z (n, k), y (n, k). It is −log of the Poisson probability of y but for log y!, which has no z in it.
With ``log_input=False`` z is the rate itself, and ℓ = Σ_k z_k − y_k log(z_k + eps). With ``full``,
Stirling's formula stands for log y!: y log y − y + ½ log(2π y) where y > 1, and 0 elsewhere. All of
it as in PyTorch's ``PoissonNLLLoss``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import exp, times
from ..loss import Array, Loss
from ..onnx_form import OnnxGraph
from ..settings import OFF
from ..validate import flag, number

__all__ = ["Poisson"]


@dataclass(frozen=True, repr=False)
class Poisson(Loss):
    """ℓ = Σ_k exp(z_k) − y_k z_k; targets are at least 0.

    Parameters
    ----------
    log_input : bool
        Whether the outputs are logarithms of rates. If not, they are rates, and a network for them
        ends in a layer whose outputs are above 0, like `Softplus`.
    full : bool
        Whether Stirling's approximation of log y! is added. It changes no gradient.
    eps : float
        Without ``log_input``: added to the rate in the logarithm.
    """

    tasks: ClassVar[tuple[str, ...]] = ()  # targets are scaled to mean 0
    by_output: ClassVar[bool] = True

    log_input: bool = field(default=True, metadata=OFF)
    full: bool = field(default=False, metadata=OFF)
    eps: float = field(default=1e-8, metadata=OFF)

    def __post_init__(self) -> None:
        flag("Poisson", "log_input", self.log_input)
        flag("Poisson", "full", self.full)
        number("Poisson", "eps", self.eps, least=0)

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return (n, k), all of it at least 0."""
        y = super().targets(y, q, dtype)
        if (y < 0).any():
            row, column = (int(index) for index in np.argwhere(y < 0)[0])
            raise InputError(
                f"Poisson: targets must be at least 0; row {row} has {y[row, column]:g}"
            )
        return y

    def kernels(self, y: Array) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return the kernels for logarithms of rates, or for rates."""
        if self.log_input:
            return type(self).value, type(self).gradient
        return type(self).value_of_rates, type(self).gradient_of_rates

    @property
    def positive(self) -> bool:
        """Whether the outputs are rates."""
        return not self.log_input

    def mean(self, z: Array) -> Array:
        """Return the rates: exp(z), or z without ``log_input``."""
        if not self.log_input:
            return z
        with np.errstate(over="ignore"):
            return np.exp(z)

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Exp", g.x) if self.log_input else g.x

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, full: int, rows: range) -> None:
        """loss = w Σ_k (exp(z) − y ⊙ z), and log y! if it is full"""
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                total += exp(z[i, k], z) - times(y[i, k], z[i, k])
            if full:
                total += _stirling(y, i)
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, full: int, rows: range
    ) -> None:
        """dz = scale w (exp(z) − y); loss = w Σ_k (exp(z) − y ⊙ z), and log y! if it is full"""
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                e = exp(z[i, k], z)
                total += e - times(y[i, k], z[i, k])
                dz[i, k] = times(factor, e - y[i, k])
            if full:
                total += _stirling(y, i)
            loss[i] = times(w[i], total)

    @staticmethod
    def value_of_rates(
        z: Array, y: Array, w: Array, loss: Array, full: int, eps: float, rows: range
    ) -> None:
        """loss = w Σ_k (z − y ⊙ log(z + eps)), and log y! if it is full"""
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                total += z[i, k] - times(y[i, k], _log(z[i, k] + eps, z))
            if full:
                total += _stirling(y, i)
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient_of_rates(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        full: int,
        eps: float,
        rows: range,
    ) -> None:
        """dz = scale w (1 − y/(z + eps)); loss = w Σ_k (z − y ⊙ log(z + eps)), and log y!"""
        one = z.dtype.type(1)
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                v = z[i, k] + eps
                total += z[i, k] - times(y[i, k], _log(v, z))
                dz[i, k] = times(factor, one - y[i, k] / v)
            if full:
                total += _stirling(y, i)
            loss[i] = times(w[i], total)


def _log(v: Any, like: Any) -> Any:
    """Return log v: NaN below 0, −∞ at 0."""
    real = like.dtype.type
    if v > 0:
        return real(math.log(v))
    return real(-np.inf) if v == 0 else real(np.nan)


def _stirling(y: Any, i: Any) -> Any:
    """Return Σ_k y log y − y + ½ log(2π y) over the entries of row i that are above 1."""
    real = y.dtype.type
    total = real(0)
    for k in range(y.shape[1]):
        t = y[i, k]
        if t > 1:
            log_t = real(math.log(t))
            total += t * log_t - t + real(0.5) * (real(1.8378770664093453) + log_t)
    return total


examples = (Poisson(), Poisson(full=True), Poisson(log_input=False), Poisson(False, True, 0.1))
