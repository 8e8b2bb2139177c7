"""Sigmoid: y = 1/(1 + e⁻ˣ), entry by entry; (n, p) -> (n, p).

Its derivative is y·(1 − y).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import sigmoid
from ..layer import Array, Layer
from ..onnx_form import Operator

__all__ = ["Sigmoid"]


@dataclass(frozen=True, repr=False)
class Sigmoid(Layer):
    """y = 1/(1 + e⁻ˣ), entry by entry."""

    steepest_slope: ClassVar[float | None] = 0.25
    called: ClassVar[tuple[str, ...]] = ("sigmoid", "logistic")
    onnx = Operator("Sigmoid")

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = 1 / (1 + exp(−x))"""
        for i in rows:
            for j in units:
                y[i, j] = sigmoid(x[i, j], x)

    @staticmethod
    def backward_x(y: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ y ⊙ (1 − y)"""
        one = y.dtype.type(1)
        for i in rows:
            for j in units:
                s = y[i, j]
                dx[i, j] = dy[i, j] * s * (one - s)


examples = (Sigmoid(),)
