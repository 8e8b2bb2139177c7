"""Softmax cross-entropy: ℓ = log Σ_k exp(z_k) − Σ_k t_k z_k for logits z and a distribution t.

z (n, q); y (n,) classes 0, …, q − 1, or (n, q) distributions. With label smoothing ε,
t = (1 − ε)·y + ε/q (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016,
arXiv:1512.00567, section 7). With weights c of the classes, c_k t_k stands for t_k:
ℓ = −Σ_k c_k t_k log softmax(z)_k. The largest logit of a row is subtracted first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import exp, times
from ..loss import Array, real_targets
from ..settings import OFF
from ..validate import fraction, weights
from ._class_weights import gradient_weighted, value_weighted
from ._logits import OfLogits, class_targets, distributions
from ._two_classes import gradient_of_two, value_of_two

__all__ = ["SoftmaxCrossEntropy"]


@dataclass(frozen=True, repr=False)
class SoftmaxCrossEntropy(OfLogits):
    """−Σ_k c_k t_k log softmax(z)_k; targets t are classes or distributions.

    Parameters
    ----------
    label_smoothing : float
        ε: the part of each target that is spread evenly over the classes.
    weight : tuple of float, optional
        c, one of at least 0 for each class; all 1 by default. A batch is divided by its number of
        examples. PyTorch's ``CrossEntropyLoss(weight, label_smoothing=ε)`` computes the same ℓ; its
        ``reduction="mean"`` divides by that number too where targets are distributions, but by
        Σ_i c_(y_i) where they are classes.
    """

    tasks: ClassVar[tuple[str, ...]] = ("multiclass",)
    called: ClassVar[tuple[str, ...]] = ("softmax",)

    label_smoothing: float = 0.0
    weight: tuple[float, ...] | None = field(default=None, metadata=OFF)

    def __post_init__(self) -> None:
        fraction("SoftmaxCrossEntropy", "label_smoothing", self.label_smoothing)
        if self.weight is not None:
            given = weights("SoftmaxCrossEntropy", "weight", self.weight)
            object.__setattr__(self, "weight", given)

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return classes (n,) as int64, or distributions (n, q) of ``dtype``."""
        if self.weight is not None and len(self.weight) != q:
            raise InputError(
                f"SoftmaxCrossEntropy: weight has {len(self.weight)} numbers; a network with {q} "
                f"outputs needs {q}, one for each class"
            )
        if np.ndim(y) == 1:
            return class_targets(self, y, q)
        return distributions(self, super().targets(y, q, dtype))

    def kernels(self, y: Array) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return the kernels for classes, for distributions, or for either with weights."""
        if self.weight is not None:
            return type(self).value_weighted, type(self).gradient_weighted
        if y.ndim == 1:
            return type(self).value, type(self).gradient
        return type(self).value_distribution, type(self).gradient_distribution

    def outputs(self, y: Array) -> int:
        """Return the number of classes: one more than the largest, or the width of ``y``."""
        if np.ndim(y) == 2:
            return int(np.shape(y)[1])
        labels = real_targets(self, y, "float64")
        return max(2, int(labels.max()) + 1) if labels.size else 2

    @staticmethod
    def value(
        z: Array, y: Array, w: Array, loss: Array, label_smoothing: float, rows: range
    ) -> None:
        """loss = w (log Σ_k exp(z) − (1 − label_smoothing) z[y] − label_smoothing mean_k(z))"""
        one, q = z.dtype.type(1), z.shape[1]
        if q == 2:
            value_of_two(z, y, w, loss, label_smoothing, rows)
            return
        for i in rows:
            top = z[i, 0]
            for k in range(1, q):
                top = z[i, k] if z[i, k] > top else top
            total, shifted = z.dtype.type(0), z.dtype.type(0)
            for k in range(q):
                v = z[i, k] - top
                total += exp(v, z)
                shifted += v
            aim = (one - label_smoothing) * (z[i, y[i]] - top)
            aim += times(label_smoothing, shifted / z.dtype.type(q))
            loss[i] = times(w[i], z.dtype.type(math.log(total)) - aim)

    @staticmethod
    def gradient(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        label_smoothing: float,
        rows: range,
    ) -> None:
        """dz = scale w (softmax(z) − (1 − label_smoothing) [k = y] − label_smoothing/q); loss"""
        one, q = z.dtype.type(1), z.shape[1]
        if q == 2 and dz.shape[1] == 2:  # (of q alone, LLVM does not learn it of dz)
            gradient_of_two(z, y, w, loss, dz, scale, label_smoothing, rows)
            return
        even = label_smoothing / z.dtype.type(q)
        for i in rows:
            top = z[i, 0]
            for k in range(1, q):
                top = z[i, k] if z[i, k] > top else top
            total, shifted = z.dtype.type(0), z.dtype.type(0)
            for k in range(q):
                v = z[i, k] - top
                e = exp(v, z)
                dz[i, k] = e
                total += e
                shifted += v
            aim = (one - label_smoothing) * (z[i, y[i]] - top) + times(even, shifted)
            loss[i] = times(w[i], z.dtype.type(math.log(total)) - aim)
            factor = scale * w[i]
            share = one / total
            for k in range(q):
                dz[i, k] = times(factor, dz[i, k] * share - even)
            dz[i, y[i]] -= factor * (one - label_smoothing)

    value_weighted = staticmethod(value_weighted)
    gradient_weighted = staticmethod(gradient_weighted)

    @staticmethod
    def value_distribution(
        z: Array, y: Array, w: Array, loss: Array, label_smoothing: float, rows: range
    ) -> None:
        """loss = w (log Σ_k exp(z) − Σ_k t ⊙ z), t = (1 − label_smoothing) y + label_smoothing/q"""
        one, q = z.dtype.type(1), z.shape[1]
        even = label_smoothing / z.dtype.type(q)
        for i in rows:
            top = z[i, 0]
            for k in range(1, q):
                top = z[i, k] if z[i, k] > top else top
            total, aim = z.dtype.type(0), z.dtype.type(0)
            for k in range(q):
                v = z[i, k] - top
                total += exp(v, z)
                aim += times((one - label_smoothing) * y[i, k] + even, v)
            loss[i] = times(w[i], z.dtype.type(math.log(total)) - aim)

    @staticmethod
    def gradient_distribution(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        label_smoothing: float,
        rows: range,
    ) -> None:
        """dz = scale w (softmax(z) − t), t = (1 − label_smoothing) y + label_smoothing/q; loss"""
        one, q = z.dtype.type(1), z.shape[1]
        even = label_smoothing / z.dtype.type(q)
        for i in rows:
            top = z[i, 0]
            for k in range(1, q):
                top = z[i, k] if z[i, k] > top else top
            total, aim = z.dtype.type(0), z.dtype.type(0)
            for k in range(q):
                v = z[i, k] - top
                e = exp(v, z)
                dz[i, k] = e
                total += e
                aim += times((one - label_smoothing) * y[i, k] + even, v)
            loss[i] = times(w[i], z.dtype.type(math.log(total)) - aim)
            factor = scale * w[i]
            share = one / total
            for k in range(q):
                t = (one - label_smoothing) * y[i, k] + even
                dz[i, k] = times(factor, dz[i, k] * share - t)


examples = (
    SoftmaxCrossEntropy(),
    SoftmaxCrossEntropy(label_smoothing=0.2),
    SoftmaxCrossEntropy(0.2, weight=(0.5, 2.0, 1.0)),
)
