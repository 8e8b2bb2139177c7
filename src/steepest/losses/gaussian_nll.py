"""Gaussian negative log-likelihood: ℓ = ½ Σ_k log v_k + (m_k − y_k)²/v_k, v_k = exp(s_k) + eps.

y (n, k), z (n, 2k): the mean m and the logarithm s of the variance of target 1, then those of
target 2, and so on; no output needs a bound. It is PyTorch's
``GaussianNLLLoss(full=full, eps=eps)(m, y, s.exp() + eps)``: there the variance itself comes in,
and what is below eps is cut off; here eps is added, so that a small variance can still grow. With
``full``, ½ log 2π is added for each target.

Source: Nix & Weigend, "Estimating the mean and variance of the target probability distribution",
ICNN 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import exp, log1p, sigmoid, times
from ..loss import Array, Loss, real_targets
from ..onnx_form import OnnxGraph
from ..validate import flag, number

__all__ = ["GaussianNLL"]


@dataclass(frozen=True, repr=False)
class GaussianNLL(Loss):
    """ℓ = ½ Σ_k log v_k + (m_k − y_k)²/v_k; outputs are means and logarithms of variances.

    Parameters
    ----------
    full : bool
        Whether ½ log 2π is added for each target. It changes no gradient.
    eps : float
        The least variance, in units of the target squared.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    by_output: ClassVar[bool] = True
    called: ClassVar[tuple[str, ...]] = ("gaussian_nll",)

    full: bool = False
    eps: float = 1e-6

    def __post_init__(self) -> None:
        flag("GaussianNLL", "full", self.full)
        number("GaussianNLL", "eps", self.eps, above=0)

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return (n, k); a network needs two outputs for each target."""
        y = real_targets(self, y, dtype)
        if q != 2 * y.shape[1]:
            raise InputError(
                f"GaussianNLL: targets of shape {y.shape} need a network with {2 * y.shape[1]} "
                f"outputs, a mean and a log variance for each; this one has {q}"
            )
        return y

    def outputs(self, y: Array) -> int:
        """Return 2k."""
        return 2 * super().outputs(y)

    def settings(self) -> dict[str, Any]:
        """Return the logarithm of eps, and what ``full`` adds for each target."""
        constant = 0.5 * np.log(2 * np.pi) if self.full else 0.0
        return {"log_eps": float(np.log(self.eps)), "constant": float(constant)}

    def mean(self, z: Array) -> Array:
        """Return the means, (n, k)."""
        return np.ascontiguousarray(z[:, ::2])

    def variance(self, z: Array) -> Array:
        """Return the variances that outputs ``z`` stand for, (n, k)."""
        with np.errstate(over="ignore"):
            found: Array = np.exp(z[:, 1::2]) + z.dtype.type(self.eps)
        return found

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Gather", g.x, g.constant(np.arange(0, g.p, 2), np.int64), axis=-1)

    @staticmethod
    def value(
        z: Array, y: Array, w: Array, loss: Array, log_eps: float, constant: float, rows: range
    ) -> None:
        """loss = w Σ_k (½ log v + ½ (m − y)²/v + constant), v = exp(s) + exp(log_eps)"""
        half = z.dtype.type(0.5)
        for i in rows:
            total = z.dtype.type(0)
            for k in range(y.shape[1]):
                u = z[i, 2 * k] - y[i, k]
                log_v = _log_sum(z[i, 2 * k + 1], log_eps, z)
                total += half * (log_v + u * u * exp(-log_v, z)) + constant
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        log_eps: float,
        constant: float,
        rows: range,
    ) -> None:
        """dz = scale w ((m − y)/v, ½ (1 − (m − y)²/v) exp(s)/v), v = exp(s) + exp(log_eps); loss"""
        half, one = z.dtype.type(0.5), z.dtype.type(1)
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(y.shape[1]):
                u, s = z[i, 2 * k] - y[i, k], z[i, 2 * k + 1]
                log_v = _log_sum(s, log_eps, z)
                per_v = exp(-log_v, z)
                total += half * (log_v + u * u * per_v) + constant
                dz[i, 2 * k] = times(factor, u * per_v)
                slope = half * (one - u * u * per_v) * sigmoid(s - log_eps, z)
                dz[i, 2 * k + 1] = times(factor, slope)
            loss[i] = times(w[i], total)


def _log_sum(a: Any, b: Any, like: Any) -> Any:
    """Return log(exp(a) + exp(b)), where nothing overflows."""
    return (a if a > b else b) + log1p(exp(-abs(a - b), like), like)


examples = (GaussianNLL(), GaussianNLL(full=True, eps=0.5))
