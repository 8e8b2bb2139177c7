"""Softmax: y_j = exp(x_j) / Σ_k exp(x_k) in every row; (n, p) -> (n, p).

The largest x of the row is subtracted first, so that nothing overflows. To train a classifier, end
the network in its logits and use `steepest.losses.SoftmaxCrossEntropy`, which works on those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kernels.functions import exp
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["Softmax"]


@dataclass(frozen=True, repr=False)
class Softmax(Layer):
    """Each row becomes a distribution: y_j = exp(x_j) / Σ_k exp(x_k)."""

    def flops(self, p: int) -> int:
        """Return the operations for one row: maximum, difference, exp, sum and quotient."""
        return 5 * p

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Softmax", g.x, axis=1)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Softmax"), _read),)

    @staticmethod
    def forward(x: Array, y: Array, rows: range) -> None:
        """y = exp(x) / Σ_j exp(x)"""
        p = x.shape[1]
        for i in rows:
            top = x[i, 0]
            for j in range(1, p):
                v = x[i, j]
                top = v if v > top else top
            total = x.dtype.type(0)
            for j in range(p):
                e = exp(x[i, j] - top, x)
                y[i, j] = e
                total += e
            factor = x.dtype.type(1) / total
            for j in range(p):
                y[i, j] *= factor

    @staticmethod
    def backward_x(y: Array, dy: Array, dx: Array, rows: range) -> None:
        """dx = y ⊙ (dy − Σ_j dy ⊙ y)"""
        p = y.shape[1]
        for i in rows:
            along = y.dtype.type(0)
            for j in range(p):
                along += dy[i, j] * y[i, j]
            for j in range(p):
                dx[i, j] = y[i, j] * (dy[i, j] - along)


def _read(kind: Any, node: OnnxNode) -> Reading:
    axis = node.given(axis=-1)["axis"]
    if not axis:
        raise node.error("does not run over the columns")
    return Reading(kind(), node.value(0), axis=axis)


examples = (Softmax(),)
