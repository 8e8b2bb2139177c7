"""Logistic loss: ℓ = Σ_k log(1 + exp(z_k)) − y_k z_k for logits z and targets y in [0, 1].

z (n, k), y (n, k): one label, or several that don't exclude one another. It is the cross-entropy of
y and σ(z), computed as (1 − y)·max(z, 0) + y·max(−z, 0) + log(1 + exp(−|z|)), in which nothing
overflows or cancels. With label smoothing ε, (1 − ε)·y + ε/2 stands for y, as in
`steepest.losses.softmax_cross_entropy` for two classes. With weights p of the positive class,
ℓ = −Σ_k p_k y_k log σ(z_k) + (1 − y_k) log(1 − σ(z_k)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import exp, log1p, sigmoid, times
from ..loss import Array, Loss
from ..onnx_form import OnnxGraph
from ..settings import OFF
from ..validate import fraction, number, plain, weights

__all__ = ["Logistic"]


@dataclass(frozen=True, repr=False)
class Logistic(Loss):
    """ℓ = Σ_k log(1 + exp(z_k)) − y_k z_k; targets are 0, 1, or probabilities.

    Parameters
    ----------
    label_smoothing : float
        ε: the part of each target that is spread evenly over both classes.
    pos_weight : float or tuple of float, optional
        p: how much more a positive label counts, one number for all labels or one for each; 1 by
        default. As in PyTorch's ``BCEWithLogitsLoss``, targets are smoothed before, a batch is
        divided by its number of examples, and σ(z) is then no longer the frequency of the label.
    """

    link: ClassVar[str] = "sigmoid"
    tasks: ClassVar[tuple[str, ...]] = ("binary",)
    by_output: ClassVar[bool] = True

    label_smoothing: float = 0.0
    pos_weight: float | tuple[float, ...] | None = field(default=None, metadata=OFF)

    def __post_init__(self) -> None:
        fraction("Logistic", "label_smoothing", self.label_smoothing)
        given = plain(self.pos_weight)
        if isinstance(given, tuple | list):
            given = weights("Logistic", "pos_weight", given)
        elif given is not None:
            number("Logistic", "pos_weight", given, above=0)
        object.__setattr__(self, "pos_weight", given)

    def kernels(self, y: Array) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return the kernels, without weights of the positive class or with them."""
        if self.pos_weight is None:
            return type(self).value, type(self).gradient
        return type(self).value_weighted, type(self).gradient_weighted

    def settings(self) -> dict[str, Any]:
        """Return the numbers among the fields, and ``pos_weight`` as an array if there is one."""
        own = super().settings()
        if self.pos_weight is not None:
            own["pos_weight"] = np.atleast_1d(np.asarray(self.pos_weight, np.float64))
        return own

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return (n, k), all of it in [0, 1]."""
        if isinstance(self.pos_weight, tuple) and len(self.pos_weight) != q:
            raise InputError(
                f"Logistic: pos_weight has {len(self.pos_weight)} numbers; a network with {q} "
                f"outputs needs {q}, or a single number for all of them"
            )
        y = super().targets(y, q, dtype)
        bad = (y < 0) | (y > 1)
        if bad.any():
            row, column = (int(index) for index in np.argwhere(bad)[0])
            raise InputError(
                f"Logistic: targets must be between 0 and 1; row {row} has {y[row, column]:g}"
            )
        return y

    def mean(self, z: Array) -> Array:
        """Return σ(z), the probabilities."""
        e = np.exp(-np.abs(z))
        p: Array = np.where(z < 0, e, np.ones_like(e)) / (1 + e)
        return p

    def predict(self, z: Array) -> Array:
        """Return 1 where the probability is above a half, else 0; (n,) of one label, or (n, k)."""
        said = (z > 0).astype(np.int64)
        return said[:, 0] if said.shape[1] == 1 else said

    def probabilities(self, z: Array) -> Array:
        """Return (n, 2) for one label: of 0 and of 1; for k labels (n, k): of each."""
        p = self.mean(z)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Sigmoid", g.x)

    @staticmethod
    def value(
        z: Array, y: Array, w: Array, loss: Array, label_smoothing: float, rows: range
    ) -> None:
        """loss = w Σ_k (log(1 + exp(z)) − t z), t = (1 − label_smoothing) y + label_smoothing/2"""
        one = z.dtype.type(1)
        kept, even = one - label_smoothing, label_smoothing * z.dtype.type(0.5)
        if z.shape[1] == 1:  # a vector of rows at a time
            for i in rows:
                loss[i] = times(w[i], _entry(z[i, 0], kept * y[i, 0] + even, z))
            return
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                total += _entry(z[i, k], kept * y[i, k] + even, z)
            loss[i] = times(w[i], total)

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
        """dz = scale w (sigmoid(z) − t), t = (1 − label_smoothing) y + label_smoothing/2; loss"""
        one = z.dtype.type(1)
        kept, even = one - label_smoothing, label_smoothing * z.dtype.type(0.5)
        if z.shape[1] == 1:
            for i in rows:
                v, t = z[i, 0], kept * y[i, 0] + even
                loss[i] = times(w[i], _entry(v, t, z))
                dz[i, 0] = times(scale * w[i], sigmoid(v, z) - t)
            return
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                v, t = z[i, k], kept * y[i, k] + even
                total += _entry(v, t, z)
                dz[i, k] = times(factor, sigmoid(v, z) - t)
            loss[i] = times(w[i], total)

    @staticmethod
    def value_weighted(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        label_smoothing: float,
        pos_weight: Array,
        rows: range,
    ) -> None:
        """loss = −w Σ_k (pos_weight t log sigmoid(z) + (1 − t) log(1 − sigmoid(z)))"""
        one = z.dtype.type(1)
        kept, even = one - label_smoothing, label_smoothing * z.dtype.type(0.5)
        each = pos_weight.shape[0] > 1
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                t = kept * y[i, k] + even
                total += _weighted(z[i, k], one - t, pos_weight[k if each else 0] * t, z)
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient_weighted(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        label_smoothing: float,
        pos_weight: Array,
        rows: range,
    ) -> None:
        """dz = scale w ((1 − t + p) sigmoid(z) − p), p = pos_weight t; loss"""
        one = z.dtype.type(1)
        kept, even = one - label_smoothing, label_smoothing * z.dtype.type(0.5)
        each = pos_weight.shape[0] > 1
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                t = kept * y[i, k] + even
                p = pos_weight[k if each else 0] * t
                total += _weighted(z[i, k], one - t, p, z)
                dz[i, k] = times(factor, (one - t + p) * sigmoid(z[i, k], z) - p)
            loss[i] = times(w[i], total)


def _weighted(v: Any, a: Any, b: Any, like: Any) -> Any:
    """Return −a log(1 − σ(v)) − b log σ(v), finite also where v is large."""
    wrong = times(b, -v) if v < like.dtype.type(0) else times(a, v)
    return wrong + (a + b) * log1p(exp(-abs(v), like), like)


def _entry(v: Any, t: Any, like: Any) -> Any:
    """Return log(1 + exp(v)) − t v, finite also where v is large."""
    zero, one = like.dtype.type(0), like.dtype.type(1)
    wrong = times(t, -v) if v < zero else times(one - t, v)
    return wrong + log1p(exp(-abs(v), like), like)


examples = (
    Logistic(),
    Logistic(label_smoothing=0.2),
    Logistic(pos_weight=3.0),
    Logistic(0.2, pos_weight=(0.5, 2.0, 4.0)),
)
