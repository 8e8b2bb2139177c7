"""Tanh: y = tanh(x), entry by entry; (n, p) -> (n, p).

Its derivative is 1 − y².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import tanh
from ..layer import Array, Layer
from ..onnx_form import Operator

__all__ = ["Tanh"]


@dataclass(frozen=True, repr=False)
class Tanh(Layer):
    """y = tanh(x), entry by entry."""

    steepest_slope: ClassVar[float | None] = 1.0
    onnx = Operator("Tanh")

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = tanh(x)"""
        for i in rows:
            for j in units:
                y[i, j] = tanh(x[i, j], x)

    @staticmethod
    def backward_x(y: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ (1 − y²)"""
        one = y.dtype.type(1)
        for i in rows:
            for j in units:
                t = y[i, j]
                dx[i, j] = dy[i, j] * ((one - t) * (one + t))


examples = (Tanh(),)
