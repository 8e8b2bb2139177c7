"""Softmax cross-entropy: ℓ = log Σ_k exp(z_k) − Σ_k t_k z_k for logits z and a distribution t.

z (n, q); y (n,) classes 0, …, q − 1, or (n, q) distributions. With label smoothing ε,
t = (1 − ε)·y + ε/q (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016,
arXiv:1512.00567, section 7). The largest logit of a row is subtracted first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import exp, times
from ..loss import Array, Loss, real_targets
from ..onnx_form import OnnxGraph
from ..validate import fraction
from ._two_classes import gradient_of_two, value_of_two

__all__ = ["SoftmaxCrossEntropy"]

_FEW = 32  # classes up to which turning z pays


@dataclass(frozen=True, repr=False)
class SoftmaxCrossEntropy(Loss):
    """−Σ_k t_k log softmax(z)_k; targets t are classes or distributions.

    Parameters
    ----------
    label_smoothing : float
        ε: the part of each target that is spread evenly over the classes.
    """

    tasks: ClassVar[tuple[str, ...]] = ("multiclass",)
    called: ClassVar[tuple[str, ...]] = ("softmax",)

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        fraction("SoftmaxCrossEntropy", "label_smoothing", self.label_smoothing)

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return classes (n,) as int64, or distributions (n, q) of ``dtype``."""
        if np.ndim(y) == 1:
            return class_targets(self, y, q)
        y = super().targets(y, q, dtype)
        bad = (y < 0).any(axis=1) | (np.abs(y.sum(axis=1) - 1) > 1e-4)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"SoftmaxCrossEntropy: row {row} of the targets is not a distribution: its entries "
                f"must be at least 0 and add up to 1, got {y[row].tolist()}; classes are (n,)"
            )
        return y

    def kernels(self, y: Array) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return the kernels for classes or for distributions."""
        if y.ndim == 1:
            return type(self).value, type(self).gradient
        return type(self).value_distribution, type(self).gradient_distribution

    def outputs(self, y: Array) -> int:
        """Return the number of classes: one more than the largest, or the width of ``y``."""
        if np.ndim(y) == 2:
            return int(np.shape(y)[1])
        labels = real_targets(self, y, "float64")
        return max(2, int(labels.max()) + 1) if labels.size else 2

    def mean(self, z: Array) -> Array:
        """Return softmax(z), the probabilities of the classes."""
        # NumPy reduces short rows slowly: few classes lie class after class meanwhile.
        turned = z.T.copy() if z.shape[1] <= _FEW else z.T
        e = np.exp(turned - turned.max(axis=0))
        return np.ascontiguousarray((e / e.sum(axis=0)).T)

    def predict(self, z: Array) -> Array:
        """Return the most probable class of each row, (n,)."""
        return np.asarray(z.argmax(axis=1))

    def probabilities(self, z: Array) -> Array:
        """Return softmax(z), (n, classes)."""
        return self.mean(z)

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Softmax", g.x, axis=1)

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
        if q == 2:
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


def class_targets(loss: Loss, y: Array, q: int) -> Array:
    """Return classes (n,) as int64; raise `InputError` if one is not in 0, …, q − 1."""
    if y.dtype.kind in "iu" and y.ndim == 1 and y.size and y.min() >= 0 and y.max() < q:
        return np.array(y, np.int64)  # a copy: kernels trust that it stays as it was checked
    labels = real_targets(loss, y, "float64")[:, 0]
    bad = (labels < 0) | (labels >= q) | (labels != np.floor(labels))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{type(loss).__name__}: classes must be 0, …, {q - 1} for a network with {q} outputs; "
            f"row {row} has {labels[row]:g}"
        )
    return np.ascontiguousarray(labels, np.int64)


examples = (SoftmaxCrossEntropy(), SoftmaxCrossEntropy(label_smoothing=0.2))
