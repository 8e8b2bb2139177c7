"""ReLU: y = max(x, 0), entry by entry; (n, p) -> (n, p).

The derivative at 0 is taken to be 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..layer import Array, Layer
from ..onnx_form import Operator

__all__ = ["ReLU"]


@dataclass(frozen=True, repr=False)
class ReLU(Layer):
    """y = max(x, 0), entry by entry."""

    steepest_slope: ClassVar[float | None] = 1.0
    onnx = Operator("Relu")

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = max(x, 0)"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = zero if v < zero else v

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ [x > 0]"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                d = dy[i, j]
                dx[i, j] = d if x[i, j] > zero else zero


examples = (ReLU(),)
