"""LogSoftmax: y_j = x_j − log Σ_k exp(x_k) in every row; (n, p) -> (n, p).

The largest x of the row is subtracted first, so that nothing overflows. To train a classifier, end
the network in its logits and use `steepest.losses.SoftmaxCrossEntropy`, which works on those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..kernels.functions import exp
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["LogSoftmax"]


@dataclass(frozen=True, repr=False)
class LogSoftmax(Layer):
    """Each row becomes logarithms of a distribution: y_j = x_j − log Σ_k exp(x_k)."""

    def flops(self, p: int) -> int:
        """Return the operations for one row: maximum, difference, exp, sum and difference."""
        return 5 * p

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("LogSoftmax", g.x, axis=1)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("LogSoftmax"), _read),
            Form(Op("Log", Op("Softmax", "x", axis=1)), _read_log),
            Form(Op("Log", Op("Softmax", "x", axis=-1))),
        )

    @staticmethod
    def forward(x: Array, y: Array, rows: range) -> None:
        """y = x − log Σ_j exp(x)"""
        p = x.shape[1]
        for i in rows:
            top = x[i, 0]
            for j in range(1, p):
                v = x[i, j]
                top = v if v > top else top
            total = x.dtype.type(0)
            for j in range(p):
                total += exp(x[i, j] - top, x)
            log = x.dtype.type(math.log(total))
            for j in range(p):
                y[i, j] = (x[i, j] - top) - log

    @staticmethod
    def backward_x(y: Array, dy: Array, dx: Array, rows: range) -> None:
        """dx = dy − exp(y) Σ_j dy"""
        p = y.shape[1]
        for i in rows:
            total = y.dtype.type(0)
            for j in range(p):
                total += dy[i, j]
            for j in range(p):
                dx[i, j] = dy[i, j] - exp(y[i, j], y) * total


def _read(kind: Any, node: OnnxNode) -> Reading:
    axis = node.given(axis=-1)["axis"]
    if not axis:
        raise node.error("does not run over the columns")
    return Reading(kind(), node.value(0), axis=axis)


def _read_log(kind: Any, node: OnnxNode) -> Reading:
    return Reading(kind(), node.value("x"), axis=1)


examples = (LogSoftmax(),)
