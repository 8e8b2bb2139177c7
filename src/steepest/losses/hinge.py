"""Hinge loss: ℓ = Σ_k max(0, 1 − s_k z_k) with s_k = ±1; z (n, k).

Targets are 0 and 1, or −1 and 1; (n,) or (n, k). Classes 0, …, q − 1 of shape (n,) for q > 1
outputs become s_k = 1 for the class and −1 for the others: one against the rest (Rifkin & Klautau,
"In defense of one-vs-all classification", JMLR 5, 2004). The derivative at the hinge is
taken to be 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import times
from ..loss import Array, Loss, real_targets
from ..onnx_form import OnnxGraph
from ._logits import class_targets

__all__ = ["Hinge"]


@dataclass(frozen=True, repr=False)
class Hinge(Loss):
    """ℓ = Σ_k max(0, 1 − s_k z_k); targets are 0 and 1, −1 and 1, or classes."""

    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")
    by_output: ClassVar[bool] = True

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return the signs s, (n, q)."""
        if np.ndim(y) == 1 and q > 1:
            labels = class_targets(self, y, q)
            return np.where(labels[:, None] == np.arange(q), 1, -1).astype(dtype)
        y = super().targets(y, q, dtype)
        bad = (y != 1) & (y != (-1 if (y == -1).any() else 0))
        if bad.any():
            row, column = (int(index) for index in np.argwhere(bad)[0])
            raise InputError(
                f"Hinge: targets must be 0 and 1, or −1 and 1; row {row} has {y[row, column]:g}"
            )
        return np.where(y > 0, 1, -1).astype(dtype)

    def outputs(self, y: Array) -> int:
        """Return 1 for two classes, one for each class for more, or the width of ``y``."""
        if np.ndim(y) == 2:
            return int(np.shape(y)[1])
        top = real_targets(self, y, "float64").max(initial=1)
        return 1 if top <= 1 else int(top) + 1

    def mean(self, z: Array) -> Array:
        """Return 1 where z > 0, and 0 elsewhere."""
        return (z > 0).astype(z.dtype)

    def predict(self, z: Array) -> Array:
        """Return the class of each row, (n,): 0 or 1, or of several outputs the largest one."""
        return np.asarray(z[:, 0] > 0, np.int64) if z.shape[1] == 1 else z.argmax(axis=1)

    def onnx(self, g: OnnxGraph) -> str:
        return g.cast(g.op("Greater", g.x, g.constant(0)), np.float32)

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, rows: range) -> None:
        """loss = w Σ_k max(0, 1 − y ⊙ z)"""
        zero, one = z.dtype.type(0), z.dtype.type(1)
        for i in rows:
            total = zero
            for k in range(z.shape[1]):
                short = one - y[i, k] * z[i, k]
                total += zero if short < zero else short
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = −scale w y ⊙ [y ⊙ z < 1]; loss = w Σ_k max(0, 1 − y ⊙ z)"""
        zero, one = z.dtype.type(0), z.dtype.type(1)
        for i in rows:
            factor = scale * w[i]
            total = zero
            for k in range(z.shape[1]):
                s = y[i, k]
                short = one - s * z[i, k]
                total += zero if short < zero else short
                still = zero if short <= zero else short  # 0, or NaN
                dz[i, k] = times(factor, -s if short > zero else still)
            loss[i] = times(w[i], total)


examples = (Hinge(),)
