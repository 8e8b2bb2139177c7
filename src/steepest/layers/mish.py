"""Mish: y = x·tanh(log(1 + eˣ)); (n, p) -> (n, p).

tanh(log(1 + a)) = (a² + 2a) / (a² + 2a + 2). With e = exp(−|x|), which never overflows, that is
(1 + 2e) / (1 + 2e + 2e²) for x ≥ 0, where a = 1/e, and (e² + 2e) / (e² + 2e + 2) for x < 0.

Source: Misra, "Mish: A self regularized non-monotonic activation function", arXiv:1908.08681.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import exp
from ..layer import Array, Layer
from ..onnx_form import Operator
from ..onnx_reading import Form, Op

__all__ = ["Mish"]


@dataclass(frozen=True, repr=False)
class Mish(Layer):
    """y = x·tanh(log(1 + eˣ))."""

    steepest_slope: ClassVar[float | None] = 1.09
    onnx = Operator("Mish")

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Mul", "x", Op("Tanh", Op("Softplus", "x")))),)

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = x ⊙ tanh(log(1 + exp(x)))"""
        zero, one, two = x.dtype.type(0), x.dtype.type(1), x.dtype.type(2)
        for i in rows:
            for j in units:
                v = x[i, j]
                e = exp(-abs(v), x)
                above = two * e + (e * e if v < zero else one)
                rest = two if v < zero else two * e * e
                y[i, j] = v * (above / (above + rest))

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ (t + x ⊙ (1 − t²) ⊙ sigmoid(x)), t = tanh(log(1 + exp(x)))"""
        zero, one, two = x.dtype.type(0), x.dtype.type(1), x.dtype.type(2)
        for i in rows:
            for j in units:
                v = x[i, j]
                e = exp(-abs(v), x)
                above = two * e + (e * e if v < zero else one)
                rest = two if v < zero else two * e * e
                t = above / (above + rest)
                t_rest = rest / (above + rest)  # 1 − t
                s = (e if v < zero else one) / (one + e)
                dx[i, j] = dy[i, j] * (t + v * t_rest * (one + t) * s)


examples = (Mish(),)
