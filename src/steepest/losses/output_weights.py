"""Weights of outputs: ℓ = Σ_k c_k ℓ_k(z_k, y_k), for a loss ℓ that is a sum over its targets.

z (n, k·m), y (n, k): the m outputs for target 1, then those of target 2, and so on. In memory these
are n·k examples of one target, so ℓ's own kernels do the work: they get them with the weights
w_i c_k, and what they write is summed up by example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..emitter import Emitter
from ..errors import InputError
from ..loss import Array, Loss
from ..onnx_form import OnnxGraph, add_mean
from ..validate import instance, weights
from .poisson import Poisson
from .squared import Squared

__all__ = ["OutputWeights"]


@dataclass(frozen=True, repr=False)
class OutputWeights(Loss):
    """ℓ = Σ_k c_k ℓ_k(z_k, y_k).

    Parameters
    ----------
    loss : Loss
        A sum over targets: `Absolute`, `GaussianNLL`, `Hinge`, `Huber`, `Logistic`, `Poisson`,
        `Quantile`, `Squared`, or one of your own whose ``by_output`` is True.
    weights : tuple of float
        c, one of at least 0 for each target. They are not scaled: twice the weights are twice ℓ.
    """

    tasks: ClassVar[tuple[str, ...]] = ()  # a name says no weights

    loss: Loss
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        instance("OutputWeights", "loss", self.loss, Loss, "Squared()")
        object.__setattr__(self, "weights", weights("OutputWeights", "weights", self.weights))
        if not self.loss.by_output:
            raise InputError(
                f"OutputWeights: {self.loss!r} is no sum over targets; give weights of classes as "
                "SoftmaxCrossEntropy(weight=…)"
            )
        one = np.zeros((1, 1))
        self.loss.targets(one, self.loss.outputs(one), "float64")  # it must take a single target

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return what the loss makes of ``y``: (n, k), with k weights."""
        y = self.loss.targets(y, q, dtype)
        if y.shape[1] != len(self.weights):
            raise InputError(
                f"OutputWeights: there are {len(self.weights)} weights, and {y.shape[1]} targets"
            )
        return y

    @property
    def positive(self) -> bool:
        """Whether the loss asks for it."""
        return self.loss.positive

    def outputs(self, y: Array) -> int:
        """Return what the loss asks for."""
        return self.loss.outputs(y)

    def mean(self, z: Array) -> Array:
        """Return the loss's own mean."""
        return self.loss.mean(z)

    def predict(self, z: Array) -> Array:
        """Return what the loss predicts."""
        return self.loss.predict(z)

    def probabilities(self, z: Array) -> Array:
        """Return the loss's own probabilities."""
        return self.loss.probabilities(z)

    def onnx(self, g: OnnxGraph) -> str:
        return add_mean(self.loss, g)

    def lower(
        self, low: Emitter, names: Mapping[str, Any], y: Array, *, gradient: bool = False
    ) -> None:
        """List the calls that spread the weights, those of the loss, and those that sum up."""
        (n, q), k = names["z"].shape, len(self.weights)
        parts, spread_w = low.array("ℓ_k", n * k), low.array("w c", n * k)
        rows = {"rows": low.row_share(n)}
        given = {"w": names["w"], "weights": np.array(self.weights), **rows}
        low.emit(spread, {**given, "spread_w": spread_w})
        alone = {
            **names,
            **{name: names[name].reshaped(n * k, q // k) for name in ("z", "dz") if name in names},
            "y": names["y"].reshaped(n * k, 1),
            "w": spread_w,
            "loss": parts,
            "rows": low.row_share(n * k),
        }
        self.loss.lower(low, alone, y.reshape(-1, 1), gradient=gradient)
        low.emit(add_up, {"parts": parts, "loss": names["loss"], **rows})


def spread(w: Array, weights: Array, spread_w: Array, rows: range) -> None:
    """spread_w = w ⊗ weights"""
    k = weights.shape[0]
    for i in rows:
        for j in range(k):
            spread_w[i * k + j] = w[i] * weights[j]


def add_up(parts: Array, loss: Array, rows: range) -> None:
    """loss = Σ_k parts"""
    k = parts.shape[0] // loss.shape[0]
    for i in rows:
        total = parts.dtype.type(0)
        for j in range(k):
            total += parts[i * k + j]
        loss[i] = total


examples = (OutputWeights(Squared(), (1.0, 0.25, 4.0)), OutputWeights(Poisson(), (2.0, 0.0, 1.0)))
