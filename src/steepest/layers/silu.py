"""SiLU: y = x·σ(x) = x/(1 + e⁻ˣ), also called Swish; (n, p) -> (n, p).

Source: Elfwing, Uchibe & Doya, "Sigmoid-weighted linear units", Neural Networks 107 (2018),
arXiv:1702.03118.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import sigmoid
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, Op

__all__ = ["SiLU"]


@dataclass(frozen=True, repr=False)
class SiLU(Layer):
    """y = x·σ(x), also called Swish."""

    steepest_slope: ClassVar[float | None] = 1.1

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Mul", g.x, g.op("Sigmoid", g.x))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Mul", "x", Op("Sigmoid", "x"))),)

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = x ⊙ sigmoid(x)"""
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = v * sigmoid(v, x)

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ s ⊙ (1 + x ⊙ (1 − s)), s = sigmoid(x)"""
        one = x.dtype.type(1)
        for i in rows:
            for j in units:
                v = x[i, j]
                s = sigmoid(v, x)
                dx[i, j] = dy[i, j] * s * (one + v * (one - s))


examples = (SiLU(),)
